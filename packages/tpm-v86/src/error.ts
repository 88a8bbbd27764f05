import { TpmdevError, type TpmdevErrorOptions } from 'tpm-integration/assembly';

/**
 * What goes wrong when a TPM is attached to v86:
 *
 * - `'ERR_V86_MEMBER'`: this v86 lacks a member that the TPM needs
 * - `'ERR_V86_OPTION'`: an option doesn't fit the others or the machine
 * - `'ERR_V86_CALLBACK'`: a callback of the host threw
 */
export type V86ErrorCode = 'ERR_V86_MEMBER' | 'ERR_V86_OPTION' | 'ERR_V86_CALLBACK';

/** An error of this package; {@link V86ErrorCode} lists its codes. */
export class V86Error extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: V86ErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
