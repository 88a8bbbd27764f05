import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { aborted, programFailure, programMissing } from './program.js';

/**
 * Unpacks files of a Debian package.
 *
 * @param patterns tar(1) wildcards such as `./boot/vmlinuz-*`; none for all files
 * @throws GuestError when a program is missing or fails, as tar does when a pattern matches nothing
 */
export type UnpackPackage = (
  path: string,
  folder: string,
  patterns: readonly string[],
  signal?: AbortSignal | undefined,
) => Promise<void>;

/** Unpacks with dpkg-deb(1) and tar(1). */
export const unpackPackage: UnpackPackage = async (path, folder, patterns, signal) => {
  await mkdir(folder, { recursive: true });
  const from = spawn('dpkg-deb', ['--fsys-tarfile', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const into = spawn(
    'tar',
    ['-x', '-f', '-', '-C', folder, '--no-same-owner', '--wildcards', ...patterns],
    { stdio: ['pipe', 'ignore', 'pipe'], signal, env: { ...process.env, LC_ALL: 'C' } },
  );
  const ends = [ended('dpkg-deb', from, signal), ended('tar', into, signal)];
  // tar stops reading at the end mark, or when it fails; dpkg-deb is to end in peace all the same.
  const drain = (): void => {
    from.stdout.unpipe(into.stdin);
    from.stdout.resume();
  };
  into.stdin.on('error', drain).on('close', drain);
  from.stdout.pipe(into.stdin);
  const outcomes = await Promise.allSettled(ends.reverse());
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
};

function ended(
  command: string,
  child: ReturnType<typeof spawn>,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const errors: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (signal?.aborted === true) reject(aborted());
      else if (error.code === 'ENOENT') reject(programMissing(command));
      else reject(programFailure(command, error.message));
    });
    child.on('close', (code) => {
      if (signal?.aborted === true) reject(aborted());
      else if (code === 0) resolve();
      else reject(programFailure(command, Buffer.concat(errors).toString() || `exit code ${code}`));
    });
  });
}

/** @returns SHA-256 of a file in lower-case hexadecimal, or undefined when there is none */
export async function sha256OfFile(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}
