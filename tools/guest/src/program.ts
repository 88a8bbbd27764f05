import { spawn } from 'node:child_process';
import { GuestError, OWN_FILES } from './guest-error.js';

/** What a program left behind. */
export interface ProgramResult {
  /** Exit code; a signal counts as 128. */
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** How much of a program's output is kept: a list of 200 packages takes 60 KB. */
const OUTPUT_LIMIT = 4 * 1024 * 1024;

/** How programs are run; tests put their own in its place. */
export type RunProgram = (
  command: string,
  args: readonly string[],
  signal?: AbortSignal | undefined,
) => Promise<ProgramResult>;

/** The error for a program that isn't there. */
export function programMissing(command: string): GuestError {
  return new GuestError(
    'ERR_GUEST_PROGRAM_MISSING',
    `Building a guest image needs ${command}, which this system doesn't have: use Debian or a relative of it, ${OWN_FILES}`,
  );
}

/**
 * Runs a program in the C locale, with nothing on its standard input.
 *
 * @throws GuestError `ERR_GUEST_PROGRAM_MISSING`, `ERR_GUEST_ABORTED`
 */
export const runProgram: RunProgram = (command, args, signal) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, LC_ALL: 'C', LANGUAGE: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    const output = collect(child.stdout);
    const errors = collect(child.stderr);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (signal?.aborted === true) reject(aborted());
      else if (error.code === 'ENOENT') reject(programMissing(command));
      else reject(programFailure(command, error.message));
    });
    child.on('close', (code) => {
      if (signal?.aborted === true) reject(aborted());
      else resolve({ code: code ?? 128, output: output(), errors: errors() });
    });
  });

/** The error for a caller who gave up. */
export function aborted(): GuestError {
  return new GuestError('ERR_GUEST_ABORTED', 'Preparing the guest was interrupted; start again');
}

/** The error for a program that failed for a reason of its own. */
export function programFailure(command: string, reason: string): GuestError {
  if (/No space left on device/.test(reason)) {
    return new GuestError(
      'ERR_GUEST_DISK_FULL',
      'The cache is out of disk space; make room or set TPMDEV_CACHE to another folder',
    );
  }
  const line = reason.trim().split('\n').at(-1) ?? '';
  return new GuestError('ERR_GUEST_PROGRAM', `${command} failed (${line}); ${OWN_FILES.slice(3)}`);
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    if (length < OUTPUT_LIMIT) chunks.push(chunk);
    length += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
