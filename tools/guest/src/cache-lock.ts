import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { GuestError } from './guest-error.js';
import { aborted, programFailure, programMissing } from './program.js';

const BUSY_CODE = 75;

/**
 * Holds the cache's lock while `use` runs.
 *
 * flock(1) holds it in a process that ends with this one, so that no lock outlives its owner.
 *
 * @param onWait called when another process holds the lock and this one waits for it
 */
export async function withLock<T>(
  path: string,
  onWait: () => void,
  use: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let release = await acquire(path, true, signal);
  if (release === undefined) {
    onWait();
    release = await acquire(path, false, signal);
  }
  if (release === undefined) {
    throw new GuestError('ERR_GUEST_CACHE', `Locking "${path}" failed; start again`);
  }
  try {
    return await use();
  } finally {
    await release();
  }
}

/** @returns the function that gives the lock back, or undefined when another holds it */
async function acquire(
  path: string,
  isImpatient: boolean,
  signal?: AbortSignal,
): Promise<(() => Promise<void>) | undefined> {
  const isAborted = (): boolean => signal?.aborted === true;
  if (isAborted()) throw aborted();
  const wait = isImpatient ? ['--nonblock'] : [];
  const args = [...wait, '--conflict-exit-code', `${BUSY_CODE}`, path];
  // The inner program says that it has the lock, then waits until this process closes the pipe.
  const child = spawn('flock', [...args, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdin.on('error', () => {});
  const closed = once(child, 'close');
  const onAbort = (): boolean => child.kill();
  signal?.addEventListener('abort', onAbort);
  try {
    const outcome = await Promise.race([
      once(child.stdout, 'data').then(() => 'locked' as const),
      closed.then(([code]) => code as number | null),
    ]);
    if (outcome === BUSY_CODE) return undefined;
    if (outcome !== 'locked') {
      if (isAborted()) throw aborted();
      throw programFailure('flock', Buffer.concat(errors).toString() || `exit code ${outcome}`);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw programMissing('flock');
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return async () => {
    child.stdin.end();
    await closed;
  };
}
