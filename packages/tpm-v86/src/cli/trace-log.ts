import { closeSync, openSync, writeSync } from 'node:fs';
import type { TraceEvent } from 'tpm-integration/assembly';
import { V86Error } from '../error.js';
import { traceLines } from './trace-lines.js';

/** Writes what happens at the TPM, decoded, to a file or wherever diagnostics go. */
export class TraceLog {
  readonly #file: number | undefined;
  readonly #diagnose: (text: string) => void;

  /**
   * @param path file to write to, emptied first; `undefined` for the diagnostics
   * @param diagnose writes text to the diagnostics
   * @throws V86Error `ERR_V86_OPTION` when the file can't be opened
   */
  constructor(path: string | undefined, diagnose: (text: string) => void) {
    this.#diagnose = diagnose;
    if (path === undefined) return;
    try {
      this.#file = openSync(path, 'w');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new V86Error('ERR_V86_OPTION', `-D ${path}: ${reason}`, { cause });
    }
  }

  /** Writes an event, when it is one for people. */
  write(event: TraceEvent): void {
    const text = traceLines(event);
    if (text === '') return;
    if (this.#file === undefined) this.#diagnose(text);
    else writeSync(this.#file, text);
  }

  /** Closes the file. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}
