/// <reference types="node" />

// A state in a file.
//
// Writing: a temporary file in the same directory, all bytes, fsync, rename over the old file,
// fsync of the directory. Before the rename the old state is there, after it the new one; the first
// fsync makes sure that the new name never has less than the new content, and the second one that
// the new name survives a power failure. Temporary files that a crash left are removed when the
// directory is opened, under the lock.

import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { CallSequence } from './call-sequence.js';
import { type DirectoryLock, lockDirectory } from './directory-lock.js';
import { type FileSystem, nodeFileSystem, type OpenDirectory } from './file-system.js';
import { type StateStore, StateStoreError, type StateStoreErrorCode } from './state-store.js';

const STATE_FILE = 'tpm2.state';
const TEMPORARY_FILE = /^tpm2\.state\.[0-9a-f]{16}\.tmp$/;
/** A TPM's state has its secrets in it: for its owner only. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** How {@link fileStore} opens a directory. */
export interface FileStoreOptions {
  /** Whether a directory that doesn't exist is created, with those above it; default true. */
  readonly create?: boolean;
}

interface Explanation {
  readonly code: StateStoreErrorCode;
  readonly reason: string;
  readonly wayOut: string;
}

const EXPLANATIONS: ReadonlyMap<string, Explanation> = new Map(
  (
    [
      ['ENOENT', 'ERR_STORE_MISSING', 'it does not exist', 'create it or correct the path'],
      ['ENOTDIR', 'ERR_STORE_KIND', 'it is not a directory', 'give a directory'],
      ['EEXIST', 'ERR_STORE_KIND', 'it is not a directory', 'give a directory'],
      ['EISDIR', 'ERR_STORE_KIND', 'it is a directory', 'move it away'],
      ['EACCES', 'ERR_STORE_ACCESS', 'no permission', 'change its mode or owner'],
      ['EPERM', 'ERR_STORE_ACCESS', 'not permitted', 'change its mode or owner'],
      ['EROFS', 'ERR_STORE_ACCESS', 'read-only file system', 'use a directory elsewhere'],
      ['ENOSPC', 'ERR_STORE_NO_SPACE', 'no space left', 'free some space'],
      ['EDQUOT', 'ERR_STORE_NO_SPACE', 'disk quota exceeded', 'free some space'],
      ['EFBIG', 'ERR_STORE_NO_SPACE', 'file size limit exceeded', 'raise the limit'],
    ] as const
  ).map(([errno, code, reason, wayOut]) => [errno, { code, reason, wayOut }]),
);

function storeError(action: string, path: string, cause: unknown): StateStoreError {
  if (cause instanceof StateStoreError) return cause;
  const error = cause as NodeJS.ErrnoException;
  const { code, reason, wayOut } = EXPLANATIONS.get(error.code ?? '') ?? {
    code: 'ERR_STORE_IO',
    reason: error.code ?? String(error.message).split('\n', 1)[0],
    wayOut: 'check the file system',
  };
  return new StateStoreError(code, `Can't ${action} ${path} (${reason}); ${wayOut}`, { cause });
}

/** An open directory whose lock is held; {@link fileStore} makes one. */
export class FileStore implements StateStore {
  readonly #directory: string;
  readonly #path: string;
  readonly #opened: OpenDirectory;
  readonly #lock: DirectoryLock;
  readonly #files: FileSystem;
  readonly #calls: CallSequence;

  constructor(directory: string, opened: OpenDirectory, lock: DirectoryLock, files: FileSystem) {
    this.#directory = directory;
    this.#path = join(directory, STATE_FILE);
    this.#opened = opened;
    this.#lock = lock;
    this.#files = files;
    this.#calls = new CallSequence(directory);
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#calls.run(async () => {
      try {
        // Reading a pipe or a device would wait for somebody.
        if (await this.#files.isFile(this.#path)) return await this.#files.read(this.#path);
      } catch (error) {
        // No state yet; but a directory that is gone has no lock either, so it is an error.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
          throw storeError('read', this.#path, error);
        }
        await this.#files.list(this.#directory).catch((cause: unknown) => {
          throw storeError('read', this.#directory, cause);
        });
        return undefined;
      }
      const message = `Can't read ${this.#path} (it is not a file); move it away`;
      throw new StateStoreError('ERR_STORE_KIND', message);
    });
  }

  write(state: Uint8Array): Promise<void> {
    const copy = state.slice();
    return this.#calls.run(async () => {
      const temporary = `${this.#path}.${randomBytes(8).toString('hex')}.tmp`;
      try {
        await this.#createDurably(temporary, copy);
        await this.#files.rename(temporary, this.#path);
      } catch (error) {
        // Opening removes it if this fails; the failure to report is the first one.
        await this.#files.remove(temporary).catch(() => undefined);
        throw storeError('write', this.#path, error);
      }
      await this.#opened.sync().catch((cause: unknown) => {
        const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
        const message = `New state in ${this.#path} may not survive a power failure (fsync of the directory: ${reason}); write again`;
        throw new StateStoreError('ERR_STORE_NOT_DURABLE', message, { cause });
      });
    });
  }

  close(): Promise<void> {
    return this.#calls.close(async () => {
      await this.#lock.release();
      await this.#opened.close();
    });
  }

  async #createDurably(path: string, content: Uint8Array): Promise<void> {
    const file = await this.#files.create(path, FILE_MODE);
    try {
      await file.write(content);
      await file.sync();
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    await file.close();
  }
}

/** Makes the names of new directories durable, up to the topmost new one. */
async function makeDirectory(directory: string, files: FileSystem): Promise<void> {
  const topmost = await files.makeDirectory(directory, DIRECTORY_MODE);
  if (topmost === undefined) return;
  const end = dirname(resolve(topmost));
  for (let path = directory; path !== end; path = dirname(path)) {
    const above = await files.openDirectory(dirname(path));
    try {
      await above.sync();
    } finally {
      await above.close();
    }
  }
}

async function removeTemporaryFiles(directory: string, files: FileSystem): Promise<void> {
  for (const name of await files.list(directory)) {
    if (TEMPORARY_FILE.test(name)) await files.remove(join(directory, name));
  }
}

/** Opens a store with a file system; {@link fileStore} takes the machine's. */
export async function openFileStore(
  directory: string,
  { create = true }: FileStoreOptions,
  files: FileSystem,
): Promise<StateStore> {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    const message = `State directory ${JSON.stringify(directory)} can't be used; give a path`;
    throw new StateStoreError('ERR_STORE_OPTION', message);
  }
  // The store must not move when the process changes its working directory.
  const path = resolve(directory);
  let opened: OpenDirectory | undefined;
  let lock: DirectoryLock | undefined;
  try {
    if (create) await makeDirectory(path, files);
    opened = await files.openDirectory(path);
    lock = await lockDirectory(path, opened, files);
    await removeTemporaryFiles(path, files);
    return new FileStore(path, opened, lock, files);
  } catch (error) {
    await lock?.release();
    await opened?.close().catch(() => undefined);
    throw storeError('open state directory', path, error);
  }
}

/**
 * Opens a state in the file `tpm2.state` of a directory, mode 0600. Writing is atomic: a crash at
 * any moment, also of the machine, leaves the old or the new state.
 *
 * One store at a time uses a directory: the second is refused with `ERR_STORE_IN_USE`, also within
 * one process. The lock is a listening local socket in the directory (Windows: a named pipe), which
 * the operating system frees when the process ends, so that a crash leaves nothing to clean up. It
 * doesn't guard a directory that two machines share over a network, and needs a file system that
 * can hold sockets.
 *
 * @param directory created with mode 0700 if it doesn't exist; a relative path starts at the
 *   present working directory
 * @throws StateStoreError
 *
 * @example
 * const store = await fileStore('/var/lib/vm-1/tpm');
 */
export function fileStore(directory: string, options: FileStoreOptions = {}): Promise<StateStore> {
  return openFileStore(directory, options, nodeFileSystem);
}
