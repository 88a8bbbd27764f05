/// <reference types="node" />

// The steps that the file store asks of a file system, one function each, so that a test can make
// any of them fail.

import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { platform } from 'node:process';

/** A file that is being written. */
export interface WritableFile {
  /** Writes all bytes at the end. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when content and size are on the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A directory that is open. */
export interface OpenDirectory {
  /** Number of the descriptor; `undefined` where directories can't be opened. */
  readonly descriptor: number | undefined;
  /** Resolves when the names in the directory are on the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What the file store needs of a file system. Errors are Node's, with `code` and `path`. */
export interface FileSystem {
  /** Creates the directory and those above it; @returns the topmost one that was created */
  makeDirectory(path: string, mode: number): Promise<string | undefined>;
  /** @throws Error with code `ENOTDIR` when it is something else */
  openDirectory(path: string): Promise<OpenDirectory>;
  list(path: string): Promise<string[]>;
  /** Follows symbolic links. */
  isFile(path: string): Promise<boolean>;
  read(path: string): Promise<Uint8Array>;
  /** Creates a file; fails when the name exists, also as a dangling link. */
  create(path: string, mode: number): Promise<WritableFile>;
  /** Replaces what has the new name, in one step. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

async function openDirectory(path: string): Promise<OpenDirectory> {
  if (!(await stat(path)).isDirectory()) {
    throw Object.assign(new Error(`ENOTDIR: not a directory, open '${path}'`), { code: 'ENOTDIR' });
  }
  // Windows opens no directory as a file. NTFS journals names by itself.
  if (platform === 'win32') {
    return { descriptor: undefined, sync: async () => {}, close: async () => {} };
  }
  const handle = await open(path, 'r');
  return {
    descriptor: handle.fd,
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

async function create(path: string, mode: number): Promise<WritableFile> {
  const handle = await open(path, 'wx', mode);
  return {
    write: (bytes) => handle.writeFile(bytes),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

/** The file system of the machine. */
export const nodeFileSystem: FileSystem = {
  makeDirectory: (path, mode) => mkdir(path, { recursive: true, mode }),
  openDirectory,
  list: (path) => readdir(path),
  isFile: async (path) => (await stat(path)).isFile(),
  read: async (path) => new Uint8Array(await readFile(path)),
  create,
  rename,
  remove: unlink,
};
