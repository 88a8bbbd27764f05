const marker: symbol = Symbol.for('tpmdev.error');

/** What an error carries besides its message. */
export interface TpmdevErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * Base class of every error that a tpmdev package throws.
 *
 * A message says what failed, with which value, and what to do about it. TPM response codes are
 * data, never exceptions. Recognise an error with {@link TpmdevError.isInstance}, which also works
 * when two copies of this package are installed.
 */
export class TpmdevError extends Error {
  /** Machine-readable reason, stable across releases, for example `'ERR_CONTROL_TIMEOUT'`. */
  readonly code: string;

  /**
   * @param code machine-readable reason
   * @param message what failed, with which value, and the way out; no full stop
   */
  constructor(code: string, message: string, options: TpmdevErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    Object.defineProperty(this, marker, { value: true });
  }

  /** @returns whether `value` is a tpmdev error, from whichever copy of the package */
  static isInstance(value: unknown): value is TpmdevError {
    return typeof value === 'object' && value !== null && Reflect.get(value, marker) === true;
  }
}

/** A saved state that cannot be applied. Nothing was changed. */
export class SnapshotError extends TpmdevError {
  /** @param message what does not fit, as `configured X, saved Y` where two values differ */
  constructor(message: string, options: TpmdevErrorOptions = {}) {
    super('ERR_SNAPSHOT', message, options);
  }
}
