// A state in the browser's database.
//
// Two owners are kept apart twice. A Web Lock, which the browser frees when the page goes away,
// refuses the second page at once. Where there is no Web Locks API (insecure contexts, old
// browsers) nothing tells whether an earlier page still lives, so the newest page owns the state:
// opening writes an owner mark, and each write checks it within its own transaction. An older page
// is refused at its next write. The mark is kept with a lock too: a page with the API and one
// without it meet there.

import { CallSequence } from './call-sequence.js';
import {
  type BrowserStorage,
  browserStorage,
  type Database,
  type DatabaseFactory,
  type DatabaseTransaction,
  type LockManager,
  randomMark,
} from './indexed-db.js';
import { type StateStore, StateStoreError, type StateStoreErrorCode } from './state-store.js';

/** Version of the database's structure: two object stores, both keyed from outside. */
const DATABASE_VERSION = 1;
/** The state of each key: a Uint8Array. */
const STATES = 'states';
/** The mark of the owner of each key: a string. */
const OWNERS = 'owners';

/** Where a browser keeps the state. */
export interface IndexedDbStoreOptions {
  /** Name of the database within the origin; default `tpmdev`. It must be the store's alone. */
  readonly database?: string;
  /** Names one state among those in the database; default `tpm2`. */
  readonly key?: string;
}

type DomError = { readonly name: string; readonly message: string };

const CODES: ReadonlyMap<string, StateStoreErrorCode> = new Map<string, StateStoreErrorCode>([
  ['QuotaExceededError', 'ERR_STORE_NO_SPACE'],
  ['SecurityError', 'ERR_STORE_ACCESS'],
  ['InvalidStateError', 'ERR_STORE_ACCESS'],
  ['VersionError', 'ERR_STORE_VERSION'],
]);

const WAYS_OUT: ReadonlyMap<StateStoreErrorCode, string> = new Map([
  ['ERR_STORE_NO_SPACE', 'free storage of this site'],
  ['ERR_STORE_ACCESS', 'check that site data is allowed and was not cleared, and reload'],
  ['ERR_STORE_VERSION', 'a newer version made it: update, or choose another database name'],
]);

function storageError(action: string, place: string, cause: unknown): StateStoreError {
  const { name, message } = (cause ?? { name: 'AbortError', message: '' }) as DomError;
  const code = CODES.get(name) ?? 'ERR_STORE_IO';
  const reason = message === '' ? name : `${name}: ${message.replace(/\s+/g, ' ')}`;
  const wayOut = WAYS_OUT.get(code) ?? 'try again, or choose another database name';
  return new StateStoreError(code, `Can't ${action} ${place} (${reason}); ${wayOut}`, { cause });
}

function checkedName(option: string, value: string): string {
  if (typeof value === 'string' && value !== '') return value;
  const message = `Option ${option} is ${JSON.stringify(value)}; give a non-empty string`;
  throw new StateStoreError('ERR_STORE_OPTION', message);
}

/** @returns what frees the lock, once it is held */
function takeLock(locks: LockManager, name: string, place: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock !== null) return new Promise<void>((free) => resolve(free));
      const message = `${place} is in use by another tab, window or worker; close that one first`;
      reject(new StateStoreError('ERR_STORE_IN_USE', message));
      return Promise.resolve();
    });
    held.catch((cause: unknown) => reject(storageError('lock', place, cause)));
  });
}

function openDatabase(factory: DatabaseFactory, name: string, place: string): Promise<Database> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, DATABASE_VERSION);
    let abandoned = false;
    request.addEventListener('upgradeneeded', () => {
      request.result.createObjectStore(STATES);
      request.result.createObjectStore(OWNERS);
    });
    // An older version of this package has the database open; it may close it much later.
    request.addEventListener('blocked', () => {
      abandoned = true;
      const message = `${place} is open in a tab with an older version; close that one first`;
      reject(new StateStoreError('ERR_STORE_IN_USE', message));
    });
    request.addEventListener('error', () => reject(storageError('open', place, request.error)));
    request.addEventListener('success', () => {
      const database = request.result;
      const isOurs = [STATES, OWNERS].every((store) => database.objectStoreNames.contains(store));
      if (isOurs && !abandoned) return resolve(database);
      database.close();
      const message = `${place} is a database of something else; choose another database name`;
      reject(new StateStoreError('ERR_STORE_KIND', message));
    });
  });
}

class IndexedDbStore implements StateStore {
  readonly #database: Database;
  readonly #key: string;
  readonly #place: string;
  readonly #free: () => void;
  readonly #calls: CallSequence;
  readonly #mark: string = randomMark();

  constructor(database: Database, key: string, place: string, free: () => void) {
    this.#database = database;
    this.#key = key;
    this.#place = place;
    this.#free = free;
    this.#calls = new CallSequence(place);
  }

  /** Becomes the owner; an owner before this one can't write any more. */
  own(): Promise<void> {
    return this.#transact('open', (transaction) => {
      transaction.objectStore(OWNERS).put(this.#mark, this.#key);
    });
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#calls.run(async () => {
      let found: unknown;
      await this.#transact('read', (transaction) => {
        const request = transaction.objectStore(STATES).get(this.#key);
        request.addEventListener('success', () => {
          found = request.result;
        });
      });
      if (found === undefined || found instanceof Uint8Array) return found;
      const message = `${this.#place} has no bytes but a ${typeof found}; choose another key`;
      throw new StateStoreError('ERR_STORE_KIND', message);
    });
  }

  write(state: Uint8Array): Promise<void> {
    const copy = state.slice();
    return this.#calls.run(async () => {
      let takenOver = false;
      const written = this.#transact('write', (transaction) => {
        const owner = transaction.objectStore(OWNERS).get(this.#key);
        owner.addEventListener('success', () => {
          takenOver = owner.result !== this.#mark;
          if (takenOver) transaction.abort();
          else transaction.objectStore(STATES).put(copy, this.#key);
        });
      });
      await written.catch((error: unknown) => {
        if (!takenOver) throw error;
        const message = `${this.#place} was taken over by another tab; reload to use it here`;
        throw new StateStoreError('ERR_STORE_TAKEN_OVER', message);
      });
    });
  }

  close(): Promise<void> {
    return this.#calls.close(async () => {
      this.#database.close();
      this.#free();
    });
  }

  /** One transaction; resolves when its changes are on the medium, as far as the browser tells. */
  #transact(action: string, use: (transaction: DatabaseTransaction) => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const mode = action === 'read' ? 'readonly' : 'readwrite';
      const transaction = this.#database.transaction([STATES, OWNERS], mode, {
        durability: 'strict',
      });
      transaction.addEventListener('complete', () => resolve());
      transaction.addEventListener('abort', () => reject(transaction.error));
      use(transaction);
    }).catch((cause: unknown) => {
      throw storageError(action, this.#place, cause);
    });
  }
}

/**
 * Opens a store with what the caller hands it; {@link indexedDbStore} takes what the browser has.
 */
export async function openIndexedDbStore(
  options: IndexedDbStoreOptions,
  { indexedDB, locks }: BrowserStorage,
): Promise<StateStore> {
  const name = checkedName('database', options.database ?? 'tpmdev');
  const key = checkedName('key', options.key ?? 'tpm2');
  const place = `IndexedDB state ${JSON.stringify(key)} in database ${JSON.stringify(name)}`;
  if (indexedDB === undefined) {
    const message = `${place} can't be used: there is no IndexedDB here; use another store`;
    throw new StateStoreError('ERR_STORE_UNAVAILABLE', message);
  }
  // Lock names must not start with a hyphen; two names and a key can't be confused as JSON.
  const lockName = `tpmdev:${JSON.stringify([name, key])}`;
  const free = locks === undefined ? () => {} : await takeLock(locks, lockName, place);
  let database: Database | undefined;
  try {
    database = await openDatabase(indexedDB, name, place);
    const store = new IndexedDbStore(database, key, place, free);
    await store.own();
    return store;
  } catch (error) {
    database?.close();
    free();
    throw StateStoreError.isInstance(error) ? error : storageError('open', place, error);
  }
}

/**
 * Opens a state in the browser's database, in pages and in workers. Writes are transactions with
 * `durability: 'strict'`: the browser reports them complete after it flushed them.
 *
 * A second tab is refused with `ERR_STORE_IN_USE` while the first has the same database and key
 * open. Where the Web Locks API is missing (insecure contexts) the second tab takes the state over
 * instead, and the first is refused with `ERR_STORE_TAKEN_OVER` when it writes.
 *
 * The browser may discard the data of a site under storage pressure; `navigator.storage.persist()`
 * asks it not to.
 *
 * @throws StateStoreError
 *
 * @example
 * const store = await indexedDbStore({ database: 'my-emulator', key: 'vm-1' });
 */
export function indexedDbStore(options: IndexedDbStoreOptions = {}): Promise<StateStore> {
  return openIndexedDbStore(options, browserStorage());
}
