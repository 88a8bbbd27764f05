// The part of the browser's interfaces that the store uses, as types: Indexed Database API 3.0 and
// Web Locks API, Web Cryptography API. The package is compiled without the DOM's types so that nothing else of the
// browser slips in.

/** IDBRequest */
export interface DatabaseRequest<T> {
  readonly result: T;
  readonly error: { readonly name: string; readonly message: string } | null;
  addEventListener(type: string, listener: () => void): void;
}

/** IDBObjectStore */
export interface ObjectStore {
  get(key: string): DatabaseRequest<unknown>;
  put(value: unknown, key: string): DatabaseRequest<unknown>;
}

/** IDBTransaction */
export interface DatabaseTransaction {
  readonly error: DatabaseRequest<unknown>['error'];
  objectStore(name: string): ObjectStore;
  abort(): void;
  addEventListener(type: string, listener: () => void): void;
}

/** IDBDatabase */
export interface Database {
  readonly objectStoreNames: { contains(name: string): boolean };
  createObjectStore(name: string): ObjectStore;
  transaction(
    names: readonly string[],
    mode: 'readonly' | 'readwrite',
    options: { durability: 'strict' },
  ): DatabaseTransaction;
  close(): void;
}

/** IDBFactory */
export interface DatabaseFactory {
  open(name: string, version: number): DatabaseRequest<Database>;
}

/** LockManager */
export interface LockManager {
  request(
    name: string,
    options: { ifAvailable: true },
    hold: (lock: object | null) => Promise<void>,
  ): Promise<void>;
}

/** What a browser gives a page or worker. */
export interface BrowserStorage {
  readonly indexedDB: DatabaseFactory | undefined;
  /** Missing in insecure contexts and in old browsers. */
  readonly locks: LockManager | undefined;
}

/** @returns what the global object of this page or worker has */
export function browserStorage(): BrowserStorage {
  const global = globalThis as unknown as {
    indexedDB?: DatabaseFactory;
    navigator?: { locks?: LockManager };
  };
  return { indexedDB: global.indexedDB, locks: global.navigator?.locks };
}

/** @returns 128 random bits as text: no two calls anywhere return the same */
export function randomMark(): string {
  const { crypto } = globalThis as unknown as {
    crypto: { getRandomValues(words: Uint32Array): Uint32Array };
  };
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) =>
    word.toString(16).padStart(8, '0'),
  ).join('');
}
