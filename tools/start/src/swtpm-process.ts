import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TpmdevError } from 'tpm-core';
import type { StartOptions } from './start-options.js';

/** How long swtpm gets to be there, in milliseconds. */
const START_TIME = 10_000;
const LOOK_INTERVAL = 20;

/** A swtpm that listens on a socket, as one starts it for QEMU. */
export interface SwtpmProcess {
  /** Path of the socket for `-chardev socket,path=`. */
  readonly socket: string;
  /** Ends it and removes the socket. */
  close(): Promise<void>;
}

/**
 * @param folder where its state is
 * @throws TpmdevError `ERR_START` when the program is missing or doesn't start
 */
export async function startSwtpm(
  folder: string,
  tpmVersion: StartOptions['tpmVersion'],
): Promise<SwtpmProcess> {
  const socketFolder = await mkdtemp(join(tmpdir(), 'tpmdev-start-'));
  const socket = join(socketFolder, 'swtpm.sock');
  const words = ['socket', ...(tpmVersion === '2.0' ? ['--tpm2'] : []), '--terminate'];
  words.push('--tpmstate', `dir=${folder}`, '--ctrl', `type=unixio,path=${socket}`);
  const child = spawn('swtpm', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = endOf(child);
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
    await rm(socketFolder, { recursive: true, force: true });
  };
  const failure = await Promise.race([ended, waitFor(socket)]);
  if (failure === undefined) return { socket, close };
  await close();
  throw new TpmdevError('ERR_START', failure);
}

/** @returns how the process ended, in words; never rejects */
function endOf(child: ChildProcess): Promise<string> {
  let words = '';
  child.stderr?.on('data', (chunk) => {
    words = `${words}${chunk}`.slice(-1000);
  });
  return new Promise((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      resolve(
        error.code === 'ENOENT'
          ? 'There is no swtpm; on Debian and Ubuntu: sudo apt-get install swtpm'
          : `Starting swtpm failed: ${error.message}`,
      );
    });
    child.on('close', (code) => {
      const said = words.trim().replace(/\s*\n\s*/g, '; ');
      resolve(`swtpm ended with exit code ${code}: ${said}`);
    });
  });
}

/** @returns what is wrong, or `undefined` when the file is there */
async function waitFor(path: string): Promise<string | undefined> {
  for (let waited = 0; waited < START_TIME; waited += LOOK_INTERVAL) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return undefined;
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
  }
  return `swtpm made no socket within ${START_TIME / 1000} s`;
}
