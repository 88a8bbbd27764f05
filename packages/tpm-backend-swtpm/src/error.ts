import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/** Machine-readable reasons of a {@link SwtpmError}. */
export type SwtpmErrorCode =
  /** An option has a value that can't be used. */
  | 'ERR_OPTION'
  /** The swtpm program was not found. */
  | 'ERR_SWTPM_NOT_FOUND'
  /** The swtpm process ended. */
  | 'ERR_SWTPM_EXITED'
  /** A socket could not be connected. */
  | 'ERR_CONNECT'
  /** This runtime can't attach a descriptor to a socket message. */
  | 'ERR_DESCRIPTOR_PASSING'
  /** The peer's answers to the version probe are not those of a TPM. */
  | 'ERR_NOT_A_TPM'
  /** The peer lacks a control command. */
  | 'ERR_CAPABILITY'
  /** The control channel was closed or failed. */
  | 'ERR_CONTROL_LOST'
  /** A control request was not answered in time. */
  | 'ERR_CONTROL_TIMEOUT'
  /** The peer sent bytes on the control channel that no answer contains. */
  | 'ERR_CONTROL_PROTOCOL'
  /** The peer answered a control request with an error code. */
  | 'ERR_CONTROL_REFUSED'
  /** The data channel was closed or failed. */
  | 'ERR_DATA_LOST'
  /** The peer sent bytes on the data channel that are not one response. */
  | 'ERR_DATA_PROTOCOL'
  /** A command was not answered in time. */
  | 'ERR_COMMAND_TIMEOUT'
  /** A command has a length or a form that must not reach swtpm. */
  | 'ERR_COMMAND_FORM'
  /** A response has more bytes than the request has room for. */
  | 'ERR_RESPONSE_SIZE'
  /** A command was submitted while another one was outstanding. */
  | 'ERR_BACKEND_BUSY'
  /** The back end serves another front end. */
  | 'ERR_BACKEND_IN_USE'
  /** The back end was closed. */
  | 'ERR_BACKEND_CLOSED'
  /** The state can't be read or moved. */
  | 'ERR_STATE_UNREADABLE'
  /** The peer refused a saved state. */
  | 'ERR_STATE_REFUSED';

/** What a {@link SwtpmError} carries besides code and message. */
export interface SwtpmErrorOptions extends TpmdevErrorOptions {
  /** The result code of the control protocol that led to the error. */
  readonly resultCode?: number;
}

/** Error of this package. */
export class SwtpmError extends TpmdevError {
  /** Result code of the control protocol, where one led to the error. */
  readonly resultCode: number | undefined;

  constructor(code: SwtpmErrorCode, message: string, options: SwtpmErrorOptions = {}) {
    super(code, message, options);
    this.resultCode = options.resultCode;
  }
}
