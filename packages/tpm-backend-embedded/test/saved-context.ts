import { readUint32, TPM_CC } from 'tpm-core';
import { wire } from './command-catalogue.js';
import { commandCode, type StreamStep, withSize } from './command-streams.js';

/** Knows the context that a TPM saved last, and makes a stream's steps into commands for it. */
export class SavedContext {
  #blob: Uint8Array = new Uint8Array(0);

  /** @returns the command of a step; undefined of one outside the command channel */
  command(step: StreamStep): Uint8Array | undefined {
    if (step.type === 'command') return step.bytes;
    if (step.type !== 'load-context') return undefined;
    const blob = this.#blob.slice();
    if (step.damage !== undefined && step.damage < blob.length) {
      const at = blob.length - 1 - step.damage;
      blob[at] = blob[at]! ^ 1;
    }
    return withSize(wire([16, 0x8001], [32, 0], [32, TPM_CC.ContextLoad], blob));
  }

  /** Takes note of an answer. */
  note(command: Uint8Array, response: Uint8Array): void {
    if (commandCode(command) === TPM_CC.ContextSave && readUint32(response, 6) === 0) {
      this.#blob = response.slice(10);
    }
  }
}
