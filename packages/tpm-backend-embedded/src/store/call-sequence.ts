import { StateStoreError } from './state-store.js';

/** Runs the calls of a store one after the other, and none after its closing. */
export class CallSequence {
  readonly #place: string;
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** @param place what the store keeps its state in, for messages */
  constructor(place: string) {
    this.#place = place;
  }

  /**
   * @param call runs when every earlier call is over, whether those worked or not
   * @returns what the call returns
   * @throws StateStoreError `ERR_STORE_CLOSED` after {@link close}; whatever the call throws
   */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      const message = `Store ${this.#place} was closed; open it again`;
      return Promise.reject(new StateStoreError('ERR_STORE_CLOSED', message));
    }
    const result = this.#last.then(call);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /**
   * @param release runs once, after the calls that were made before
   * @returns settled as `release` is, at every call
   */
  close(release: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#last.then(release);
    return this.#closing;
  }
}
