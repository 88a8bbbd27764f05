import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const INSTALL: Readonly<Record<string, string>> = {
  swtpm: 'apt-get install swtpm',
  'qemu-system-x86_64': 'apt-get install qemu-system-x86',
  'qemu-system-aarch64': 'apt-get install qemu-system-arm',
};

/**
 * What a test takes from the system, given back in reverse order by {@link release}: child
 * processes (ended by their process id), sockets, directories.
 */
export class Resources {
  readonly #releases: (() => void | Promise<void>)[] = [];

  /** Registers something to be given back. */
  add(release: () => void | Promise<void>): void {
    this.#releases.push(release);
  }

  /** Gives everything back. */
  async release(): Promise<void> {
    for (const release of this.#releases.splice(0).reverse()) await release();
  }

  /** @returns a new directory of our own with a short path */
  async directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'tpmdev-'));
    this.add(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  /** Starts a program; it is killed at release. Rejects with the line that installs it. */
  async start(program: string, parameters: readonly string[]): Promise<Program> {
    const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
    const running = new Program(program, child);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => {
        const install = INSTALL[program] ?? `install ${program}`;
        reject(new Error(`${program} can't be started; install it: ${install}`, { cause }));
      });
    });
    // Also when this process ends without having released anything.
    const kill = () => void child.kill('SIGKILL');
    process.once('exit', kill);
    this.add(async () => {
      await running.kill();
      process.off('exit', kill);
    });
    return running;
  }

  /** Listens on a Unix socket. */
  async listen(path: string): Promise<Server> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    this.add(() => new Promise<void>((resolve) => void server.close(() => resolve())));
    return server;
  }
}

/** A running child process. */
export class Program {
  readonly child: ChildProcess;
  /** Resolves with a description of how it ended. */
  readonly exited: Promise<string>;
  #errors = '';

  constructor(name: string, child: ChildProcess) {
    this.child = child;
    child.stderr?.setEncoding('utf8');
    child.stderr?.on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4096);
    });
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) =>
        resolve(`${name} ended with ${signal ?? code}: ${this.#errors.trim()}`),
      );
    });
  }

  /** Ends it and waits for the end. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Waits for a connection, or rejects when the process ends instead. */
  connection(server: Server): Promise<Socket> {
    return new Promise((resolve, reject) => {
      server.once('connection', resolve);
      void this.exited.then((how) => reject(new Error(how)));
    });
  }
}
