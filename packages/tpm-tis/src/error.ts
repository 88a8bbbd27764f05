import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/**
 * What goes wrong with a TIS device:
 *
 * - `'ERR_TIS_IRQ'`: the interrupt number is out of range
 * - `'ERR_TIS_DETACHED'`: the device gave its back end up and is asked to start it
 * - `'ERR_TIS_REQUEST_LOST'`: a guest sent a command while another one was running
 */
export type TisErrorCode = 'ERR_TIS_IRQ' | 'ERR_TIS_DETACHED' | 'ERR_TIS_REQUEST_LOST';

/** An error of this package; {@link TisErrorCode} lists its codes. */
export class TisError extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: TisErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
