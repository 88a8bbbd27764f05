// Where a TPM keeps what must outlive it. A store knows nothing of a TPM: it keeps one value of
// bytes and replaces it whole. The permanent state of a TPM is a few kilobytes, so that partial
// writes would save nothing and cost the property that every reader finds one consistent state.

import { TpmdevError, type TpmdevErrorOptions } from 'tpm-core';

/**
 * Keeps one state, as bytes that only its owner understands.
 *
 * Calls take effect in the order in which they are made, also when the caller doesn't wait. One
 * open store at a time uses one place: the implementations refuse the second, so that two TPMs
 * never overwrite each other's state.
 */
export interface StateStore {
  /**
   * @returns the state that was written last, a copy that the caller owns; `undefined` when none
   *   was ever written
   * @throws StateStoreError when the state can't be read
   */
  read(): Promise<Uint8Array | undefined>;

  /**
   * Replaces the state. Resolves when the new state is durable: from then on every later open
   * finds it, or a newer one, whatever happens to this process. A write that is interrupted
   * leaves the old or the new state, never a mixture.
   *
   * @param state the new state, any number of bytes; the caller may change the array afterwards
   * @throws StateStoreError when the new state isn't known to be durable; the place then has the
   *   old or the new state, and the write may be tried again
   */
  write(state: Uint8Array): Promise<void>;

  /**
   * Waits for the calls that were made before, then gives the place free for the next owner.
   * Later calls of `read` and `write` are refused; closing again does nothing.
   */
  close(): Promise<void>;
}

/** Machine-readable reasons of a {@link StateStoreError}. */
export type StateStoreErrorCode =
  /** An option has a value that can't be used. */
  | 'ERR_STORE_OPTION'
  /** This runtime lacks what the store is built on. */
  | 'ERR_STORE_UNAVAILABLE'
  /** The place doesn't exist. */
  | 'ERR_STORE_MISSING'
  /** What is at the place is not what the store expects there. */
  | 'ERR_STORE_KIND'
  /** The place may not be read or written. */
  | 'ERR_STORE_ACCESS'
  /** There is no room for the state. */
  | 'ERR_STORE_NO_SPACE'
  /** Another open store uses the place. */
  | 'ERR_STORE_IN_USE'
  /** Another owner took the place over; this store will not write any more. */
  | 'ERR_STORE_TAKEN_OVER'
  /** The place was made by a newer version of this package. */
  | 'ERR_STORE_VERSION'
  /** The new state is in place, but a power failure may undo that. */
  | 'ERR_STORE_NOT_DURABLE'
  /** Any other failure of the medium. */
  | 'ERR_STORE_IO'
  /** The store was closed. */
  | 'ERR_STORE_CLOSED';

/** A state that could not be read or stored. */
export class StateStoreError extends TpmdevError {
  /**
   * @param code machine-readable reason
   * @param message one line: what failed, with the path or value, and the way out
   */
  constructor(code: StateStoreErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}
