import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { plainText } from '../../src/console/output-watch.js';

/** The built command. */
export const COMMAND: string = fileURLToPath(new URL('../../dist/bin/tpm-v86.js', import.meta.url));

/** Limit for something to be shown, in milliseconds. */
const PATIENCE = 60_000;

/** What is kept of the terminal's sequences, to show how a program left it. */
const LAST = 200;

/** A run of `tpm-v86`, with somebody who reads and types. */
export class CommandRun {
  readonly exitCode: Promise<number | null>;
  readonly #child: ChildProcessWithoutNullStreams;
  #raw = '';
  #errors = '';
  #seen = 0;
  #wake: () => void = () => {};

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      this.#raw += chunk;
      this.#wake();
    });
    child.stderr.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.exitCode = new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (exitCode) => {
        resolve(exitCode);
        this.#wake();
      });
    });
  }

  /** Runs it on pipes. */
  static onPipes(...words: string[]): CommandRun {
    return new CommandRun(spawn(process.execPath, [COMMAND, ...words]));
  }

  /**
   * Runs it on a terminal of script(1), which is in the package bsdutils of Debian, and prints the
   * number of the process before and the terminal's modes afterwards.
   */
  static onTerminal(...words: string[]): CommandRun {
    const command = [process.execPath, COMMAND, ...words].join(' ');
    const line = `sh -c 'echo process $$; exec ${command}'; echo "exit code $?"; stty -a`;
    return new CommandRun(spawn('script', ['-qec', line, '/dev/null']));
  }

  get errors(): string {
    return this.#errors;
  }

  /** The last that the terminal received, with sequences. */
  get last(): string {
    return this.#raw.slice(-LAST);
  }

  /**
   * Waits until the text, without sequences, shows this after what was waited for before.
   *
   * @returns what was found
   */
  async shows(expression: RegExp): Promise<RegExpExecArray> {
    const end = Date.now() + PATIENCE;
    let isOver = false;
    void this.exitCode.then(() => {
      isOver = true;
    });
    for (;;) {
      const text = plainText(this.#raw);
      const found = expression.exec(text.slice(this.#seen));
      if (found !== null) {
        this.#seen += found.index + found[0].length;
        return found;
      }
      if (isOver || Date.now() > end) {
        throw new Error(`No ${expression} in: ${text.slice(this.#seen)}${this.#errors}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  type(text: string): void {
    this.#child.stdin.write(text, 'latin1');
  }

  /** Ends it if it still runs. */
  async end(): Promise<void> {
    this.#child.kill();
    await this.exitCode;
  }
}
