// The TPM of this page, and where it is kept.

import {
  type EmbeddedBackend,
  indexedDbStore,
  memoryStore,
  openEmbedded,
  type StateStore,
} from 'tpm-backend-embedded';
import { TpmdevError } from 'tpm-core';
import { type PcrBanks, readPcrs } from 'tpm-fwcfg-ppi/event-log';
import { SHOWN_BANKS } from '../model/pcr-table.js';

const RESPONSE_CAPACITY = 4096;

/** What is known of the place where the TPM is kept. */
export interface StorageStatus {
  readonly kind: 'indexeddb' | 'memory';
  /** Why it is memory, for people; `undefined` for IndexedDB. */
  readonly notice: string | undefined;
  /** Bytes of the state that was read or written last. */
  readonly size: number;
  /** Writes since the page was opened. */
  readonly writes: number;
  /** When the last one was, in milliseconds since 1970; `undefined` before the first. */
  readonly writtenAt: number | undefined;
}

/** A store that is watched. */
class WatchedStore implements StateStore {
  readonly #store: StateStore;
  readonly #onChange: () => void;
  size = 0;
  writes = 0;
  writtenAt: number | undefined;

  constructor(store: StateStore, onChange: () => void) {
    this.#store = store;
    this.#onChange = onChange;
  }

  async read(): Promise<Uint8Array | undefined> {
    const state = await this.#store.read();
    this.size = state?.length ?? 0;
    return state;
  }

  async write(state: Uint8Array): Promise<void> {
    await this.#store.write(state);
    this.size = state.length;
    this.writes++;
    this.writtenAt = Date.now();
    this.#onChange();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

/** How a {@link TpmHost} is opened. */
export interface TpmHostOptions {
  /** Called after each change of the storage status. */
  readonly onStorageChange: () => void;
  /** Receives failures of the TPM that the guest doesn't see as such. */
  readonly onError: (error: TpmdevError) => void;
}

/** The state of a TPM that was just made. */
async function newTpmState(): Promise<Uint8Array> {
  const store = memoryStore();
  const tpm = await openEmbedded({ store });
  await tpm.start({ bufferSize: 0 });
  const state = await store.read();
  await tpm.close();
  if (state === undefined) throw new Error('A new TPM stored no state; please report this');
  return state;
}

/** The embedded TPM with its store. One front end at a time uses {@link backend}. */
export class TpmHost {
  readonly #options: TpmHostOptions;
  #backend: EmbeddedBackend | undefined;
  #store: WatchedStore | undefined;
  #notice: string | undefined;
  /** A TPM that takes the state of the real one, so that reading its PCRs doesn't touch that one. */
  #copy: EmbeddedBackend | undefined;

  private constructor(options: TpmHostOptions) {
    this.#options = options;
  }

  /** Opens the TPM that is kept in the browser's database, or one in memory where that fails. */
  static async open(options: TpmHostOptions): Promise<TpmHost> {
    const host = new TpmHost(options);
    await host.#open(undefined);
    return host;
  }

  /** The TPM. Changes with {@link replace}. */
  get backend(): EmbeddedBackend {
    if (this.#backend === undefined) throw new Error('The TPM is closed; reload the page');
    return this.#backend;
  }

  get storage(): StorageStatus {
    const { size = 0, writes = 0, writtenAt } = this.#store ?? {};
    const kind = this.#notice === undefined ? 'indexeddb' : 'memory';
    return { kind, notice: this.#notice, size, writes, writtenAt };
  }

  /**
   * Reads all PCRs from a copy of the TPM: the guest's own TPM gets no command that it didn't ask for.
   *
   * @returns the banks; `undefined` when the TPM is not started, failed, or is being replaced
   */
  async pcrs(): Promise<PcrBanks | undefined> {
    const backend = this.#backend;
    if (backend === undefined) return undefined;
    this.#copy ??= await openEmbedded();
    const copy = this.#copy;
    try {
      await copy.restore(await backend.snapshot());
      return await readPcrs(
        async (command) => {
          const request = { command, locality: 0, responseCapacity: RESPONSE_CAPACITY } as const;
          return (await copy.execute(request)).response;
        },
        '2.0',
        SHOWN_BANKS,
      );
    } catch (error) {
      // A TPM before its Startup refuses PCR_Read; one that is just being replaced is closed.
      if (TpmdevError.isInstance(error)) return undefined;
      throw error;
    }
  }

  /** @returns what is kept of the TPM; `undefined` before the first start */
  async exportState(): Promise<Uint8Array | undefined> {
    return this.#store?.read();
  }

  /**
   * Puts another TPM in the place of this one. No front end may use {@link backend} then.
   *
   * @param state what {@link exportState} once gave; `undefined` for a new TPM
   */
  async replace(state: Uint8Array | undefined): Promise<void> {
    const next = state ?? (await newTpmState());
    await this.close();
    await this.#open(next);
  }

  /** Closes the TPM and its store. */
  async close(): Promise<void> {
    const backend = this.#backend;
    this.#backend = undefined;
    await backend?.close();
  }

  async #open(state: Uint8Array | undefined): Promise<void> {
    try {
      await this.#openOn(await indexedDbStore({ database: 'tpmdev-playground' }), state);
      this.#notice = undefined;
    } catch (error) {
      if (!TpmdevError.isInstance(error)) throw error;
      await this.#openOn(memoryStore(), state);
      this.#notice = `${error.message}. This page uses a TPM in memory until then: it is gone when the page is`;
    }
    this.#options.onStorageChange();
  }

  async #openOn(store: StateStore, state: Uint8Array | undefined): Promise<void> {
    const watched = new WatchedStore(store, () => this.#options.onStorageChange());
    try {
      if (state !== undefined) await watched.write(state);
    } catch (error) {
      await watched.close();
      throw error;
    }
    this.#backend = await openEmbedded({
      store: watched,
      onEvent: ({ error }) => this.#options.onError(error),
    });
    this.#store = watched;
  }
}
