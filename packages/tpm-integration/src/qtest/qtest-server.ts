import type { Duplex } from 'node:stream';
import type { HeadlessMachine } from '../machine/machine.js';
import { AnswerBuffer } from './answer-buffer.js';
import { CommandIndex } from './command-index.js';
import { type CommandContext, commandTable, MAX_TRANSFER } from './commands.js';
import { CommandFailure, Line } from './line.js';
import { QtestLog } from './qtest-log.js';

/** Longest line in bytes: the data of the largest `write`, and some. */
const MAX_LINE = 2 * MAX_TRANSFER + 0x1000;

/** Answers that are collected before they are sent, in bytes. */
const SEND_AT = 0x1_0000;

const LINE_FEED = 0x0a;

const NOTHING: Uint8Array = new Uint8Array(0);

/** How a {@link QtestServer} serves. */
export interface QtestOptions {
  /** Receives what QEMU writes to its qtest log, line by line, without line feeds. */
  readonly log?: (line: string) => void;
}

/** What {@link QtestServer} needs of a socket, beyond a stream. */
interface WithoutDelay {
  setNoDelay?(enable: boolean): void;
}

/**
 * Serves one connection of the qtest protocol: a command per line, answered in order, and lines
 * `IRQ raise N` and `IRQ lower N` as intercepted pins change, those caused by a command ahead of
 * its answer (QEMU documentation, "QTest Protocol").
 *
 * While the machine is busy (a reset, for example), commands wait. QEMU: ends the process at a
 * malformed command; here it is answered with `FAIL` and the reason. `clock_step` and `clock_set`
 * work, as in a QEMU with the qtest accelerator.
 */
export class QtestServer {
  /** Resolves when the connection is over. The machine goes on. */
  readonly closed: Promise<void>;
  readonly #machine: HeadlessMachine;
  readonly #stream: Duplex;
  readonly #log: QtestLog | undefined;
  readonly #commands: CommandIndex;
  readonly #context: CommandContext;
  readonly #line: Line = new Line();
  readonly #answer: AnswerBuffer = new AnswerBuffer();
  /** Bytes that wait to be served, from `#at` on. */
  #input: Uint8Array = NOTHING;
  #at = 0;
  /** Begin of a line whose end is still to come. */
  #partial: Uint8Array = NOTHING;
  #partialLength = 0;
  /** Whether the rest of a line that is too long is being skipped. */
  #skipping = false;
  #serving = false;
  /** Whether {@link HeadlessMachine.whenReady} will call back. */
  #waiting = false;
  /** Whether the peer must read before more is served. */
  #full = false;
  #open = true;

  /**
   * @param machine what is driven; one server at a time
   * @param stream the connection
   */
  constructor(machine: HeadlessMachine, stream: Duplex, options: QtestOptions = {}) {
    this.#machine = machine;
    this.#stream = stream;
    this.#log = options.log === undefined ? undefined : new QtestLog(options.log);
    this.#commands = new CommandIndex(commandTable(machine.bigEndian));
    this.#context = { machine, line: this.#line, answer: this.#answer };
    (stream as WithoutDelay).setNoDelay?.(true);
    this.#log?.opened();
    this.closed = new Promise((resolve) => this.#listen(resolve));
  }

  #listen(resolve: () => void): void {
    const stream = this.#stream;
    const listener = (pin: number, raised: boolean) => this.#reportInterrupt(pin, raised);
    const pins = this.#machine.pins;
    pins.forgetReports();
    pins.listener = listener;
    const close = () => {
      if (!this.#open) return;
      this.#open = false;
      if (pins.listener === listener) pins.listener = undefined;
      this.#input = NOTHING;
      this.#partial = NOTHING;
      this.#log?.closed();
      resolve();
    };
    stream.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    stream.on('drain', () => {
      this.#full = false;
      this.#serve();
    });
    stream.on('end', () => {
      close();
      stream.end();
    });
    // QEMU: a lost connection is not an error; answers that can't be sent are dropped.
    stream.on('error', () => stream.destroy());
    stream.on('close', close);
  }

  #receive(chunk: Uint8Array): void {
    this.#input = this.#at < this.#input.length ? this.#joined(chunk) : chunk;
    this.#at = 0;
    this.#serve();
  }

  #joined(chunk: Uint8Array): Uint8Array {
    const rest = this.#input.subarray(this.#at);
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    return joined;
  }

  /** Serves what has come, until it is used up, the machine is busy or the peer doesn't read. */
  #serve(): void {
    if (this.#serving) return;
    this.#serving = true;
    while (this.#canServe && this.#nextLine()) {
      if (this.#answer.length >= SEND_AT) this.#send();
    }
    this.#serving = false;
    this.#send();
    if (this.#machine.busy) this.#awaitMachine();
    if (!this.#open) return;
    if (this.#at < this.#input.length) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
  }

  get #canServe(): boolean {
    return this.#open && !this.#full && !this.#machine.busy;
  }

  #awaitMachine(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#machine.whenReady(() => {
      this.#waiting = false;
      this.#serve();
    });
  }

  /** Serves the next line. @returns `false` when its end is still to come */
  #nextLine(): boolean {
    const start = this.#at;
    const end = this.#input.indexOf(LINE_FEED, start);
    if (end < 0) {
      this.#keepPartial(start);
      return false;
    }
    this.#at = end + 1;
    if (this.#skipping) {
      this.#skipping = false;
      this.#partialLength = 0;
      this.#answer.text(`FAIL Line is longer than ${MAX_LINE} bytes\n`);
    } else if (this.#partialLength === 0) this.#obey(this.#input, start, end);
    else {
      this.#append(start, end);
      const length = this.#partialLength;
      this.#partialLength = 0;
      this.#obey(this.#partial, 0, length);
      if (this.#partial.length > SEND_AT) this.#partial = NOTHING;
    }
    return true;
  }

  #keepPartial(start: number): void {
    const end = this.#input.length;
    this.#at = end;
    if (this.#partialLength + end - start > MAX_LINE) {
      this.#skipping = true;
      this.#partial = NOTHING;
    }
    if (!this.#skipping) this.#append(start, end);
  }

  #append(start: number, end: number): void {
    const length = this.#partialLength + end - start;
    if (length > this.#partial.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#partial.length));
      larger.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = larger;
    }
    this.#partial.set(this.#input.subarray(start, end), this.#partialLength);
    this.#partialLength = length;
  }

  #obey(bytes: Uint8Array, start: number, end: number): void {
    const line = this.#line;
    const answerStart = this.#answer.length;
    this.#log?.received(bytes, start, end);
    line.set(bytes, start, end);
    const command = this.#commands.find(bytes, start, line.wordEnd(0));
    if (command === undefined) {
      this.#answer.text("FAIL Unknown command '");
      this.#answer.bytes(bytes.subarray(start, line.wordEnd(0)));
      this.#answer.text("'\n");
    } else this.#run(command);
    this.#log?.sent(this.#answer, answerStart);
  }

  #run(command: (context: CommandContext) => void): void {
    try {
      command(this.#context);
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      this.#answer.text(error.reason === '' ? 'FAIL' : `FAIL ${error.reason}`);
      this.#answer.endLine();
    }
  }

  #reportInterrupt(pin: number, raised: boolean): void {
    const answerStart = this.#answer.length;
    this.#answer.text(`IRQ ${raised ? 'raise' : 'lower'} ${pin}\n`);
    if (this.#serving) return;
    this.#log?.sent(this.#answer, answerStart);
    this.#send();
  }

  /** Sends what was collected; the answer to what keeps the machine busy waits for the end of it. */
  #send(): void {
    if (this.#answer.length === 0 || this.#machine.busy) return;
    const bytes = this.#answer.take();
    if (this.#open && !this.#stream.write(bytes)) this.#full = true;
  }
}
