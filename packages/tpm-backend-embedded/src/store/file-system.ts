/// <reference types="node" />

// The steps that the file store asks of a file system, one function each, so that a test can make
// any of them fail.

import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
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

/**
 * Not `mkdir` with `recursive`: where a file system answers ENOENT below a directory that exists,
 * as /proc does, Node's goes on for ever.
 */
async function makeDirectory(path: string, mode: number): Promise<string | undefined> {
  const code = await mkdirCode(path, mode);
  if (code === undefined) return path;
  if (code === 'EEXIST') return undefined;
  const topmost = await makeDirectory(dirname(path), mode);
  const error = await mkdirCode(path, mode);
  if (error === 'ENOENT') {
    throw Object.assign(new Error(`EACCES: nothing can be created, mkdir '${path}'`), {
      code: 'EACCES',
    });
  }
  return topmost ?? path;
}

/** @returns `EEXIST` or `ENOENT` when the directory was not created for that reason */
async function mkdirCode(path: string, mode: number): Promise<'EEXIST' | 'ENOENT' | undefined> {
  try {
    await mkdir(path, { mode });
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return code;
    if (code === 'ENOENT' && dirname(path) !== path) return code;
    throw error;
  }
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
  makeDirectory,
  openDirectory,
  list: (path) => readdir(path),
  isFile: async (path) => (await stat(path)).isFile(),
  read: async (path) => new Uint8Array(await readFile(path)),
  create,
  rename,
  remove: unlink,
};
