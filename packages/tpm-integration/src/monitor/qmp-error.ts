/** Why QMP refuses a command. The texts are QEMU's, since clients look at them. */
export class QmpError extends Error {
  /** Error class of the reply (QMP specification, section 2.4.2). */
  readonly errorClass: 'CommandNotFound' | 'GenericError';

  constructor(errorClass: 'CommandNotFound' | 'GenericError', message: string) {
    super(message);
    this.errorClass = errorClass;
  }
}
