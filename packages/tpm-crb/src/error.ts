import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/**
 * What goes wrong with a CRB device:
 *
 * - `'ERR_CRB_BASE_ADDRESS'`: the base address, or the start of the control area's page, is no page
 *   address
 * - `'ERR_CRB_TPM_VERSION'`: the system-bus device is given a TPM 1.2
 * - `'ERR_CRB_DETACHED'`: the device gave its back end up and is asked to start it
 */
export type CrbErrorCode = 'ERR_CRB_BASE_ADDRESS' | 'ERR_CRB_TPM_VERSION' | 'ERR_CRB_DETACHED';

/** An error of this package; {@link CrbErrorCode} lists its codes. */
export class CrbError extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: CrbErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
