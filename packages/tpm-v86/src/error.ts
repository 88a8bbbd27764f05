import { TpmdevError, type TpmdevErrorOptions } from 'tpm-integration/assembly';

/**
 * What goes wrong between a TPM and v86:
 *
 * - `'ERR_V86_MEMBER'`: this v86 lacks a member that the TPM needs
 * - `'ERR_V86_OPTION'`: an option doesn't fit the others or the machine
 * - `'ERR_V86_CALLBACK'`: something threw in the middle of the machine's work
 * - `'ERR_V86_STATE'`: the machine's state can't be saved or restored with its TPM
 */
export type V86ErrorCode =
  | 'ERR_V86_MEMBER'
  | 'ERR_V86_OPTION'
  | 'ERR_V86_CALLBACK'
  | 'ERR_V86_STATE';

/** An error of this package; {@link V86ErrorCode} lists its codes. */
export class V86Error extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: V86ErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}

/** @returns `cause` itself when it is a tpmdev error, or an error of this package around it */
export function asTpmdevError(code: V86ErrorCode, action: string, cause: unknown): TpmdevError {
  if (TpmdevError.isInstance(cause)) return cause;
  return new V86Error(code, `${action} failed: ${String(cause)}`, { cause });
}

/** @returns what comes of using a TPM after it was taken away */
export function detachedError(): V86Error {
  return new V86Error('ERR_V86_STATE', 'The TPM is detached; create another machine with a TPM');
}
