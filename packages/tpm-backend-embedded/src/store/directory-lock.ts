/// <reference types="node" />

// Keeps a directory for one owner at a time, by a lock that the operating system frees when the
// process ends, however it ends: a listening local socket. Nothing is guessed from process numbers,
// so that a lock that a crash left is never taken for a live one, nor the reverse, also among
// containers that share a directory.
//
// POSIX: each contender listens on a socket file of its own in the directory, then looks at those
// of the others, by connecting to them. A connection that is refused proves that nobody listens.
// - It finds a live one: it removes its own file and loses.
// - It finds none: it holds the lock, and removes the files of the dead.
// Two can't hold the lock at once: both listened before they looked, so that the later one to
// listen was seen by, or saw, the other. Both may lose when they come at the same moment; so each
// tries again after a random time. A contender whose own file is gone was taken for dead in the
// moment between the file's creation and the listening, and tries again too.
//
// Windows: the lock is a named pipe whose name is derived from the directory's real path. Only one
// process can create it.
//
// Limit: two machines that share a directory over a network don't see each other's sockets.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { pid, platform } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { FileSystem, OpenDirectory } from './file-system.js';
import { StateStoreError } from './state-store.js';

/** Names of lock files: the process, for people, and random digits. */
const LOCK_FILE = /^tpm2\.lock\.(\d+)-[0-9a-f]{16}$/;
const ATTEMPTS = 6;
/** Longest pause between two attempts, in milliseconds; a dying process frees its lock within. */
const LONGEST_PAUSE = 50;
/** Longest socket path that every POSIX system takes, in bytes (macOS: 104 with the final zero). */
const SOCKET_PATH_LIMIT = 103;

/** What connecting says when nobody listens there: no listener, no file, or not a socket. */
const NOBODY: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTSOCK']);

/** A lock that is held. */
export interface DirectoryLock {
  /** Frees the lock. */
  release(): Promise<void>;
}

function listen(address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.destroy();
    });
    server.once('error', reject);
    // `exclusive`: in a cluster, the socket must not belong to the primary, which lives on.
    server.listen({ path: address, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function isLive(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Any other error (a full queue, no permission) leaves open whether somebody is there.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(!NOBODY.has(error.code ?? '')));
  });
}

/** @returns directory as it is named in socket paths, which have room for few bytes only */
function socketFolder(directory: string, { descriptor }: OpenDirectory, longest: number): string {
  if (Buffer.byteLength(directory) + longest <= SOCKET_PATH_LIMIT) return directory;
  const short = `/proc/self/fd/${descriptor}`;
  if (existsSync(short)) return short;
  const limit = SOCKET_PATH_LIMIT - longest;
  const message = `Path of state directory ${directory} is too long for a lock; use at most ${limit} bytes`;
  throw new StateStoreError('ERR_STORE_OPTION', message);
}

function inUse(directory: string, holder: string | undefined): StateStoreError {
  const who = holder === undefined ? 'another process' : `process ${holder}`;
  const message = `State directory ${directory} is in use by ${who}; stop it, or use another directory`;
  return new StateStoreError('ERR_STORE_IN_USE', message);
}

/** @returns numbers of the live processes among the other lock files, and the dead ones' files */
async function lookAround(
  folder: string,
  names: readonly string[],
  own: string,
): Promise<{ live: string[]; dead: string[] }> {
  const others = names.filter((name) => name !== own && LOCK_FILE.test(name));
  const states = await Promise.all(others.map((name) => isLive(join(folder, name))));
  const holders = others.filter((_name, index) => states[index]);
  return {
    live: holders.map((name) => LOCK_FILE.exec(name)?.[1] ?? ''),
    dead: others.filter((_name, index) => !states[index]),
  };
}

/** A lock that looked dead because it was just released has removed its file itself. */
async function removeIfThere(path: string, files: FileSystem): Promise<void> {
  await files.remove(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function lockBySocketFile(
  directory: string,
  opened: OpenDirectory,
  files: FileSystem,
): Promise<DirectoryLock> {
  let holder: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await pause(1 + Math.random() * LONGEST_PAUSE);
    const own = `tpm2.lock.${pid}-${randomBytes(8).toString('hex')}`;
    const folder = socketFolder(directory, opened, own.length + 1);
    // Closing the server removes the file.
    const server = await listen(join(folder, own));
    try {
      const names = await files.list(directory);
      const { live, dead } = await lookAround(folder, names, own);
      if (live.length === 0 && names.includes(own)) {
        for (const name of dead) await removeIfThere(join(directory, name), files);
        return { release: () => stop(server) };
      }
      holder = live[0];
    } catch (error) {
      await stop(server);
      throw error;
    }
    await stop(server);
  }
  throw inUse(directory, holder);
}

async function lockByPipeName(directory: string): Promise<DirectoryLock> {
  const path = (await realpath(directory)).toLowerCase();
  const digest = createHash('sha256').update(path).digest('hex');
  try {
    const server = await listen(`\\\\.\\pipe\\tpmdev-state-${digest}`);
    return { release: () => stop(server) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') throw inUse(directory, undefined);
    throw error;
  }
}

/**
 * @param directory a directory that exists
 * @param opened the same, open; it must stay open until the lock is released
 * @throws StateStoreError `ERR_STORE_IN_USE` when another process, or another store of this one,
 *   holds the lock; errors of the file system as they are
 */
export function lockDirectory(
  directory: string,
  opened: OpenDirectory,
  files: FileSystem,
): Promise<DirectoryLock> {
  return platform === 'win32'
    ? lockByPipeName(directory)
    : lockBySocketFile(directory, opened, files);
}
