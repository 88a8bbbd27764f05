import { TpmdevError } from 'tpm-core';

/**
 * What goes wrong in a TPM simulator server:
 *
 * - `'ERR_LISTEN'`: a port can't be listened on
 * - `'ERR_SIGNAL'`: a platform signal can't be given
 * - `'ERR_BACKEND_CONTRACT'`: the back end threw, rejected or answered nonsense
 */
export type SimulatorErrorCode = 'ERR_LISTEN' | 'ERR_SIGNAL' | 'ERR_BACKEND_CONTRACT';

/** An error of a TPM simulator server; {@link SimulatorErrorCode} lists its codes. */
export class SimulatorError extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: SimulatorErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause });
  }
}
