import { Duplex } from 'node:stream';
import type { ViewName } from '../cli/description.js';
import { ESCAPE_HELP, EscapeFilter } from './escape-filter.js';
import { scanCodesOf } from './pc-keyboard.js';
import { type InputStream, type OutputStream, Terminal } from './terminal.js';
import { type TextScreen, TextView } from './text-view.js';

/** What the terminal is connected to. */
export interface ConsoleHost {
  /** Takes bytes for the guest's serial port. */
  sendSerial(bytes: Uint8Array): void;
  /** Takes scan codes for the guest's keyboard. */
  sendKeys(codes: readonly number[]): void;
  /** @returns what the guest's screen shows, once there is one */
  screen(): TextScreen | undefined;
  /** Serves the monitor on a stream. Called once, when somebody wants to see it. */
  serveMonitor(stream: Duplex): void;
  /** Lets the guest stand still, or go on, because the terminal is slow. */
  hold(isHeld: boolean): void;
  /** The person at the terminal wants to leave, or there is no terminal any more. */
  leave(): void;
}

/** How often the screen is drawn, in milliseconds. */
const DRAW_INTERVAL = 50;

/** What is kept of the output behind the screen, in bytes. */
const KEPT_OUTPUT = 65_536;

/** What a terminal may be behind, in bytes, before the guest stands still. */
const MOST_UNWRITTEN = 1_048_576;

/** Control-C. */
const INTERRUPT = 0x03;

/** Lets the monitor show its prompt again. */
const EMPTY_LINE: Uint8Array = Uint8Array.of(0x0d);

/**
 * Standard input and output: the guest's screen, its serial port and the monitor, one of which
 * receives the keys. The output of the other two is shown too, as QEMU does; behind the screen it
 * is kept until the screen goes.
 */
export class StandardConsole {
  readonly #input: InputStream;
  readonly #output: OutputStream;
  readonly #views: readonly ViewName[];
  readonly #host: ConsoleHost;
  readonly #terminal: Terminal;
  readonly #filter: EscapeFilter = new EscapeFilter();
  readonly #textView: TextView = new TextView();
  #monitor: Duplex | undefined;
  #active: ViewName | undefined;
  #timer: NodeJS.Timeout | undefined;
  #behind: Uint8Array[] = [];
  #behindSize = 0;
  #isHeld = false;

  /**
   * @param input standard input
   * @param output standard output
   * @param views what there is, first the one to begin with; not empty
   */
  constructor(
    input: InputStream,
    output: OutputStream,
    views: readonly ViewName[],
    host: ConsoleHost,
  ) {
    this.#input = input;
    this.#output = output;
    this.#views = views;
    this.#host = host;
    this.#terminal = new Terminal(input, output);
  }

  /** Takes the terminal. */
  open(): void {
    this.#terminal.takeKeys();
    this.#input.on('data', this.#receive);
    this.#output.on('drain', this.#drained).on('resize', this.#resized).on('error', this.#failed);
    this.#show(this.#views[0]!);
  }

  /** Gives the terminal back as it was. May be called twice. */
  close(): void {
    this.#input.off('data', this.#receive).pause();
    this.#output.off('drain', this.#drained).off('resize', this.#resized);
    clearInterval(this.#timer);
    this.#monitor?.destroy();
    this.#terminal.restore();
    this.#writeBehind();
    this.#active = undefined;
  }

  /** Gives the terminal back at once, in the middle of anything. */
  restore(): void {
    clearInterval(this.#timer);
    this.#terminal.restore();
  }

  /** Shows what the guest sent over its serial port. */
  serial(bytes: Uint8Array): void {
    if (this.#views.includes('serial')) this.#write(bytes);
  }

  readonly #receive = (chunk: Uint8Array | string): void => {
    const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    for (const input of this.#filter.push(bytes)) {
      if (input.type === 'bytes') this.#deliver(input.bytes);
      else if (input.type === 'switch') this.#switch();
      else if (input.type === 'leave') this.#host.leave();
      else this.#write(new TextEncoder().encode(`\n${ESCAPE_HELP}`));
    }
  };

  #deliver(bytes: Uint8Array): void {
    if (this.#active === 'screen') this.#host.sendKeys(scanCodesOf(bytes));
    else if (this.#active === 'serial') this.#host.sendSerial(bytes);
    else if (this.#views.length === 1 && bytes.includes(INTERRUPT)) this.#host.leave();
    else this.#monitor?.push(bytes);
  }

  #switch(): void {
    const next = (this.#views.indexOf(this.#active!) + 1) % this.#views.length;
    this.#show(this.#views[next]!);
  }

  #show(view: ViewName): void {
    this.#active = view;
    this.#terminal.showFullScreen(view === 'screen');
    clearInterval(this.#timer);
    if (view === 'screen') {
      this.#textView.forget();
      this.#timer = setInterval(() => this.#draw(), DRAW_INTERVAL);
      return;
    }
    this.#writeBehind();
    if (view !== 'monitor') return;
    if (this.#monitor === undefined) this.#openMonitor();
    else this.#monitor.push(EMPTY_LINE);
  }

  #openMonitor(): void {
    const monitor = new Duplex({
      read() {},
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#write(chunk);
        done();
      },
    });
    this.#monitor = monitor;
    this.#host.serveMonitor(monitor);
  }

  #draw(): void {
    const screen = this.#host.screen();
    if (screen === undefined || this.#isHeld) return;
    const text = this.#textView.draw(screen, this.#terminal.height);
    if (text !== '') this.#send(text);
  }

  #write(bytes: Uint8Array): void {
    if (this.#active !== 'screen') {
      this.#send(bytes);
      return;
    }
    this.#behind.push(bytes);
    this.#behindSize += bytes.length;
    while (this.#behindSize > KEPT_OUTPUT && this.#behind.length > 1) {
      this.#behindSize -= this.#behind.shift()!.length;
    }
  }

  #writeBehind(): void {
    for (const bytes of this.#behind) this.#send(bytes);
    this.#behind = [];
    this.#behindSize = 0;
  }

  #send(data: Uint8Array | string): void {
    this.#output.write(data);
    const { writableLength = 0 } = this.#output as { writableLength?: number };
    if (writableLength <= MOST_UNWRITTEN || this.#isHeld) return;
    this.#isHeld = true;
    this.#host.hold(true);
  }

  readonly #drained = (): void => {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#host.hold(false);
  };

  readonly #resized = (): void => {
    this.#textView.forget();
  };

  /** A reader that has gone, such as `head`, ends the machine. */
  readonly #failed = (): void => {
    this.#host.leave();
  };
}
