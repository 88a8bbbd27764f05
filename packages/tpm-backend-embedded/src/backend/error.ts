import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/** Machine-readable reasons of an {@link EmbeddedTpmError}. */
export type EmbeddedTpmErrorCode =
  /** An option has a value that can't be used. */
  | 'ERR_OPTION'
  /** The stored state is not one of this TPM, damaged, or of a newer version. */
  | 'ERR_STATE_REFUSED'
  /** The state could not be stored or read. */
  | 'ERR_STATE_STORE'
  /** The TPM was not started, or could not be. */
  | 'ERR_BACKEND_STOPPED'
  /** The back end was closed. */
  | 'ERR_BACKEND_CLOSED'
  /** The back end serves another front end. */
  | 'ERR_BACKEND_IN_USE'
  /** A command was submitted while another one was outstanding. */
  | 'ERR_BACKEND_BUSY'
  /** A response has more bytes than the request has room for. */
  | 'ERR_RESPONSE_SIZE'
  /** A locality may not do what it asks for. */
  | 'ERR_LOCALITY'
  /** A mistake of this package put the TPM into failure mode. */
  | 'ERR_INTERNAL';

/** Error of this package's back end. */
export class EmbeddedTpmError extends TpmdevError {
  /**
   * @param code machine-readable reason
   * @param message one line: what failed, with which value, and the way out
   */
  constructor(code: EmbeddedTpmErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
