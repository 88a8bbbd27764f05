import { TpmdevError } from 'tpm-core';

/** A machine that can't be built as described. */
export class MachineError extends TpmdevError {
  /** @param message what doesn't work, with which value, and the way out */
  constructor(message: string) {
    super('ERR_MACHINE', message);
  }
}
