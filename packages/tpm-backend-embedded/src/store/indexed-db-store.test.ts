import { describeStateStore } from '@tpmdev/testing/state-store-contract';
import { IDBFactory } from 'fake-indexeddb';
import { describe, expect, it } from 'vitest';
import {
  type BrowserStorage,
  browserStorage,
  type DatabaseFactory,
  type DatabaseTransaction,
  type LockManager,
} from './indexed-db.js';
import { indexedDbStore, openIndexedDbStore } from './indexed-db-store.js';
import { StateStoreError } from './state-store.js';

/** Web Locks of one origin, as far as `ifAvailable` goes, for runtimes without them. */
function lockManager(): LockManager {
  const held = new Set<string>();
  return {
    async request(name, _options, hold) {
      const isFree = !held.has(name);
      if (isFree) held.add(name);
      try {
        await hold(isFree ? {} : null);
      } finally {
        if (isFree) held.delete(name);
      }
    },
  };
}

const indexedDB = browserStorage().indexedDB ?? (new IDBFactory() as unknown as DatabaseFactory);
const locks = browserStorage().locks ?? lockManager();
const withLocks: BrowserStorage = { indexedDB, locks };
const withoutLocks: BrowserStorage = { indexedDB, locks: undefined };

let databases = 0;
/** A name that no run before this one used, for a browser keeps its databases. */
const newName = () => `tpmdev-test-${Date.now()}-${databases++}`;

/** Opens a database by hand, as another program would. */
function openByHand(name: string, version: number, stores: readonly string[] = []) {
  return new Promise<{ close(): void }>((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.addEventListener('upgradeneeded', () => {
      for (const store of stores) request.result.createObjectStore(store);
    });
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
  });
}

describeStateStore('indexedDbStore() with Web Locks', () =>
  openIndexedDbStore({ database: newName() }, withLocks),
);
describeStateStore('indexedDbStore() without Web Locks', () =>
  openIndexedDbStore({ database: newName() }, withoutLocks),
);

describe('indexedDbStore()', () => {
  it('indexedDbStore() finds the state again after closing, under its key only', async () => {
    const database = newName();
    const first = await openIndexedDbStore({ database, key: 'a' }, withLocks);
    await first.write(Uint8Array.of(1));
    await first.close();
    const again = await openIndexedDbStore({ database, key: 'a' }, withLocks);
    const other = await openIndexedDbStore({ database, key: 'b' }, withLocks);
    expect(await again.read()).toEqual(Uint8Array.of(1));
    expect(await other.read()).toBeUndefined();
    await again.close();
    await other.close();
  });

  it('indexedDbStore() refuses a second tab until the first closes', async () => {
    const database = newName();
    const first = await openIndexedDbStore({ database }, withLocks);
    await expect(openIndexedDbStore({ database }, withLocks)).rejects.toMatchObject({
      code: 'ERR_STORE_IN_USE',
      message: `IndexedDB state "tpm2" in database "${database}" is in use by another tab, window or worker; close that one first`,
    });
    await first.write(Uint8Array.of(1));
    await first.close();
    const second = await openIndexedDbStore({ database }, withLocks);
    expect(await second.read()).toEqual(Uint8Array.of(1));
    await second.close();
  });

  it('write() of a first tab is refused after a second took over, without Web Locks', async () => {
    const database = newName();
    const first = await openIndexedDbStore({ database }, withoutLocks);
    await first.write(Uint8Array.of(1));
    const second = await openIndexedDbStore({ database }, withoutLocks);
    const other = await openIndexedDbStore({ database, key: 'other' }, withoutLocks);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(first.write(Uint8Array.of(9))).rejects.toMatchObject({
        code: 'ERR_STORE_TAKEN_OVER',
        message: expect.stringContaining(`database "${database}" was taken over by another tab`),
      });
    }
    expect(await second.read()).toEqual(Uint8Array.of(1));
    await second.write(Uint8Array.of(2));
    expect(await second.read()).toEqual(Uint8Array.of(2));
    await Promise.all([first.close(), second.close(), other.close()]);
  });

  it('indexedDbStore() frees the lock when opening fails', async () => {
    const database = newName();
    (await openByHand(database, 2)).close();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openIndexedDbStore({ database }, withLocks)).rejects.toMatchObject({
        code: 'ERR_STORE_VERSION',
        message: expect.stringContaining('a newer version made it: update'),
      });
    }
  });

  it('indexedDbStore() refuses a database of something else, and leaves it alone', async () => {
    const database = newName();
    (await openByHand(database, 1, ['photos'])).close();
    await expect(openIndexedDbStore({ database }, withLocks)).rejects.toMatchObject({
      code: 'ERR_STORE_KIND',
      message: expect.stringContaining('is a database of something else'),
    });
  });

  it('read() refuses what is not bytes', async () => {
    const database = newName();
    const store = await openIndexedDbStore({ database }, withLocks);
    const byHand = (await openByHand(database, 1)) as Awaited<ReturnType<typeof openByHand>> & {
      transaction(names: string[], mode: string): DatabaseTransaction;
    };
    const transaction = byHand.transaction(['states'], 'readwrite');
    transaction.objectStore('states').put('text', 'tpm2');
    await new Promise<void>((resolve) => {
      transaction.addEventListener('complete', () => resolve());
    });
    byHand.close();
    await expect(store.read()).rejects.toMatchObject({
      code: 'ERR_STORE_KIND',
      message: expect.stringContaining('has no bytes but a string'),
    });
    await store.close();
  });

  it.each([
    [{ database: '' }, 'Option database is ""; give a non-empty string'],
    [{ key: '' }, 'Option key is ""; give a non-empty string'],
    [{ key: 5 as unknown as string }, 'Option key is 5; give a non-empty string'],
  ])('indexedDbStore() refuses the options %j', async (options, message) => {
    const opening = openIndexedDbStore(options, withLocks);
    await expect(opening).rejects.toBeInstanceOf(StateStoreError);
    await expect(opening).rejects.toMatchObject({ code: 'ERR_STORE_OPTION', message });
  });

  it('indexedDbStore() says so where there is no IndexedDB', async () => {
    await expect(openIndexedDbStore({}, { indexedDB: undefined, locks })).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining('there is no IndexedDB here; use another store'),
    });
  });

  it('indexedDbStore() takes what the runtime has', async () => {
    const opening = indexedDbStore({ database: newName() });
    if (browserStorage().indexedDB === undefined) {
      await expect(opening).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    } else {
      const store = await opening;
      await store.write(Uint8Array.of(7));
      expect(await store.read()).toEqual(Uint8Array.of(7));
      await store.close();
    }
  });
});

describe('indexedDbStore() on a database that fails', () => {
  /** Passes everything on, with write transactions changed. */
  function changed(change: (transaction: DatabaseTransaction) => void, modes: string[] = []) {
    const factory: DatabaseFactory = {
      open(name, version) {
        const request = indexedDB.open(name, version);
        request.addEventListener('success', () => {
          const database = request.result;
          const transaction = database.transaction.bind(database);
          database.transaction = (names, mode, options) => {
            const made = transaction(names, mode, options);
            modes.push(`${mode} ${options.durability}`);
            change(made);
            return made;
          };
        });
        return request;
      },
    };
    return { indexedDB: factory, locks };
  }

  it('write() uses transactions with strict durability', async () => {
    const modes: string[] = [];
    const store = await openIndexedDbStore(
      { database: newName() },
      changed(() => {}, modes),
    );
    await store.write(Uint8Array.of(1));
    await store.close();
    expect(modes).toEqual(['readwrite strict', 'readwrite strict']);
  });

  it('write() leaves the old state and reports when the transaction is aborted', async () => {
    const database = newName();
    let aborts = false;
    const store = await openIndexedDbStore(
      { database },
      changed((transaction) => {
        if (aborts) transaction.abort();
      }),
    );
    await store.write(Uint8Array.of(1));
    aborts = true;
    await expect(store.write(Uint8Array.of(2))).rejects.toMatchObject({ name: 'StateStoreError' });
    aborts = false;
    expect(await store.read()).toEqual(Uint8Array.of(1));
    await store.write(Uint8Array.of(3));
    expect(await store.read()).toEqual(Uint8Array.of(3));
    await store.close();
  });

  it.each([
    ['QuotaExceededError', 'ERR_STORE_NO_SPACE', 'free storage of this site'],
    ['InvalidStateError', 'ERR_STORE_ACCESS', 'check that site data is allowed'],
    ['UnknownError', 'ERR_STORE_IO', 'try again'],
  ])('write() reports %s as %s in one line', async (name, code, wayOut) => {
    let fails = false;
    const store = await openIndexedDbStore(
      { database: newName() },
      changed(() => {
        if (fails) throw new DOMException('two\nlines', name);
      }),
    );
    fails = true;
    await expect(store.write(Uint8Array.of(1))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(
        new RegExp(`^Can't write IndexedDB state .* \\(${name}: two lines\\); ${wayOut}`),
      ),
    });
    await store.close();
  });
});
