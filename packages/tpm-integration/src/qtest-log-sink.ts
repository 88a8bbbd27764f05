import { closeSync, openSync, writeSync } from 'node:fs';
import { ChannelError, reasonOf } from './chardev/channel-error.js';

/** Where the lines of a qtest log go. */
export interface LogSink {
  readonly write: (line: string) => void;
  close(): void;
}

/** Names of a log that nobody reads. */
const DISCARDED: readonly string[] = ['none', '/dev/null'];

const STANDARD_ERROR = 2;

/**
 * Opens the log of `-qtest-log`.
 *
 * @param path the file; absent is standard error, as in QEMU
 * @returns `undefined` when the log is to be discarded
 * @throws ChannelError when the file can't be written
 */
export function openLogSink(path: string | undefined): LogSink | undefined {
  if (path === undefined) return sinkOf(STANDARD_ERROR, () => {});
  if (DISCARDED.includes(path)) return undefined;
  try {
    const file = openSync(path, 'w');
    return sinkOf(file, () => closeSync(file));
  } catch (error) {
    throw new ChannelError(`cannot write the qtest log '${path}': ${reasonOf(error)}`, error);
  }
}

/** Lines are written before the next command is served, so that a crash loses none. */
function sinkOf(file: number, close: () => void): LogSink {
  return { write: (line) => void writeSync(file, `${line}\n`), close };
}
