import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** Fails with the line that installs swtpm where it is missing. */
export function requireSwtpm(): void {
  const { error, stdout } = spawnSync('swtpm', ['--version'], { encoding: 'utf8' });
  if (error !== undefined || !stdout.includes('version')) {
    throw new Error('These tests need swtpm; install it with: apt-get install swtpm');
  }
}

/** A directory that is gone when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tpm-backend-swtpm-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts swtpm with the given arguments; it is ended with the test. */
export function startSwtpm(list: readonly string[]): ChildProcess {
  const child = spawn('swtpm', ['socket', ...list], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** Waits until a condition holds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (holds()) return;
    await delay(10);
  }
  throw new Error(`Waited 5 s in vain for ${what}`);
}

/** Starts swtpm as QEMU's documentation shows: a control socket only. */
export async function startControlOnly(tpmVersion: '1.2' | '2.0'): Promise<string> {
  const directory = await temporaryDirectory();
  const path = join(directory, 'control');
  const family = tpmVersion === '2.0' ? ['--tpm2'] : [];
  startSwtpm([...family, '--tpmstate', `dir=${directory}`, '--ctrl', `type=unixio,path=${path}`]);
  await eventually(() => existsSync(path), 'the control socket');
  return path;
}

/** A TCP port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('No TCP port');
  return address.port;
}

/** Waits until a server listens on a TCP port of this machine. */
export async function untilListening(port: number): Promise<void> {
  let listening = false;
  for (let attempt = 0; attempt < 500 && !listening; attempt++) {
    const socket = new Socket();
    listening = await new Promise((resolve) => {
      socket
        .once('error', () => resolve(false))
        .connect({ port, host: '127.0.0.1' }, () => resolve(true));
    });
    socket.destroy();
    if (!listening) await delay(10);
  }
  if (!listening) throw new Error(`Nothing listens on port ${port} after 5 s`);
}

/** Whether a process of this id exists and is not a zombie of ours. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
