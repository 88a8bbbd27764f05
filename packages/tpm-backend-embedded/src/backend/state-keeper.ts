import {
  applyStoredState,
  decodeStoredState,
  encodeStoredState,
  type StoredState,
} from '../state/tpm-state.js';
import type { StateStore } from '../store/state-store.js';
import type { Tpm } from '../tpm.js';
import { EmbeddedTpmError } from './error.js';

/** Keeps a TPM and its store in step. */
export class StateKeeper {
  readonly #tpm: Tpm;
  readonly #store: StateStore;
  /** What the TPM has in memory is not what the store has, and must not get there. */
  #stale = false;

  constructor(tpm: Tpm, store: StateStore) {
    this.#tpm = tpm;
    this.#store = store;
  }

  /**
   * Gives the TPM what the store has. An empty store leaves the TPM as it was made.
   *
   * @throws EmbeddedTpmError when the store can't be read or has no state of a TPM
   */
  async load(): Promise<void> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.#store.read();
    } catch (cause) {
      throw storeFailed('Reading', cause);
    }
    if (bytes !== undefined) {
      const state = decodeStoredState(bytes);
      if (typeof state === 'string') throw refused(state);
      applyStoredState(this.#tpm, state);
    }
    this.#stale = false;
  }

  /** What the TPM has in memory no longer counts: the next {@link reload} takes the store's. */
  distrustMemory(): void {
    this.#stale = true;
  }

  /** Goes back to the store's state if the one in memory doesn't count. Fails as {@link load}. */
  async reload(): Promise<void> {
    if (this.#stale) await this.load();
  }

  /**
   * Stores the TPM's state if it changed.
   *
   * @throws EmbeddedTpmError when it can't be stored; the TPM is in failure mode then
   */
  async storeChanges(): Promise<void> {
    if (!this.#tpm.permanentChanged) return;
    await this.store(this.#tpm.state);
    this.#tpm.permanentChanged = false;
  }

  /** Stores a state that is about to be the TPM's. Fails as {@link storeChanges}. */
  async store(state: StoredState): Promise<void> {
    try {
      await this.#store.write(encodeStoredState(state));
      this.#stale = false;
    } catch (cause) {
      const error = storeFailed('Storing', cause);
      this.#stale = true;
      this.#tpm.failure = error;
      throw error;
    }
  }

  /** Closes the store. */
  close(): Promise<void> {
    return this.#store.close();
  }
}

function storeFailed(action: string, cause: unknown): EmbeddedTpmError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `${action} the TPM's state failed: ${reason}`;
  return new EmbeddedTpmError('ERR_STATE_STORE', message, { cause });
}

function refused(reason: string): EmbeddedTpmError {
  return new EmbeddedTpmError(
    'ERR_STATE_REFUSED',
    `The stored TPM state ${reason}; put a sound copy in its place, or remove it to get a new TPM`,
  );
}
