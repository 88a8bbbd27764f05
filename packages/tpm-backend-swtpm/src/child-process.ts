import type { ChildProcess } from 'node:child_process';
import { SwtpmError } from './error.js';
import { settlesWithin } from './time-limit.js';

/** Last bytes of the child's error output that are kept. */
const STDERR_TAIL_SIZE = 2048;
/** How long the error output of an ended process may take to arrive, in milliseconds. */
const STDERR_DRAIN_LIMIT = 200;
/** How long each step of ending the child waits, in milliseconds. */
const END_STEP_LIMIT = 2000;

/** Watches an swtpm child process: how it ended, what it said last, and that it ends. */
export class SwtpmChild {
  /** Process id; `undefined` when the program could not be started. */
  readonly pid: number | undefined;
  /** Resolves when the process has ended, or could not be started, with the reason. */
  readonly ended: Promise<SwtpmError>;
  readonly #child: ChildProcess;
  #stderrTail = '';

  /** @param child just spawned, its error output piped */
  constructor(child: ChildProcess, executable: string) {
    this.#child = child;
    this.pid = child.pid;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderrTail = (this.#stderrTail + text).slice(-STDERR_TAIL_SIZE);
    });
    const stderrClosed = new Promise((resolve) => child.stderr?.once('close', resolve));
    this.ended = new Promise((resolve) => {
      child.on('error', (cause) => {
        if (child.pid === undefined) resolve(startError(executable, cause));
      });
      child.on('exit', (code, signal) => {
        settlesWithin(stderrClosed, STDERR_DRAIN_LIMIT).then(() =>
          resolve(this.#exitError(code, signal)),
        );
      });
    });
  }

  /** Last words of the process on its error output. */
  get stderrTail(): string {
    return this.#stderrTail.trim();
  }

  /**
   * Waits for the process to end by itself, then asks it to, then ends it. Resolves when it is gone.
   *
   * @param patience milliseconds to wait for an end by itself
   */
  async end(patience: number = END_STEP_LIMIT): Promise<void> {
    if (await settlesWithin(this.ended, patience)) return;
    this.#child.kill('SIGTERM');
    if (await settlesWithin(this.ended, END_STEP_LIMIT)) return;
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #exitError(code: number | null, signal: NodeJS.Signals | null): SwtpmError {
    const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`;
    const words = this.stderrTail.split('\n').filter((line) => line !== '');
    const said = words.length === 0 ? '' : `: ${words.join('; ')}`;
    return new SwtpmError('ERR_SWTPM_EXITED', `swtpm ended ${how}${said}`);
  }
}

function startError(executable: string, cause: Error & { code?: string }): SwtpmError {
  if (cause.code !== 'ENOENT') {
    const message = `'${executable}' can't be started: ${cause.message}`;
    return new SwtpmError('ERR_SWTPM_EXITED', message, { cause });
  }
  return new SwtpmError(
    'ERR_SWTPM_NOT_FOUND',
    `'${executable}' was not found; install it (Debian, Ubuntu: apt-get install swtpm; Fedora: dnf install swtpm) or name it in the option executable`,
    { cause },
  );
}
