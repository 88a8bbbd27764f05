import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';

const BATCH_MILLISECONDS = 16;
/** Columns that Linux assumes on a serial line. */
const GUEST_COLUMNS = 80;
const FONT_SIZE = { least: 10, most: 14 } as const;

/** Colours of the terminal: the same in both themes, as a console is. */
const THEME = {
  background: '#0b1416',
  foreground: '#d6e4e2',
  cursor: '#5eead4',
  cursorAccent: '#0b1416',
  selectionBackground: '#2f5d58',
  green: '#5eead4',
  brightGreen: '#99f6e4',
} as const;

/** What the console is made with. */
export interface ConsoleOptions {
  /** Receives what a person types. */
  readonly onInput: (bytes: Uint8Array) => void;
  /** Receives what the guest prints, in pieces. */
  readonly onOutput: (text: string) => void;
  /** The person wants to leave the terminal: forward or backward. */
  readonly onLeave: (backward: boolean) => void;
}

/** The serial console on the page. */
export class SerialConsole {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #container: HTMLElement;
  readonly #onOutput: (text: string) => void;
  #decoder = new TextDecoder();
  #pending: number[] = [];
  #timer: number | undefined;

  constructor(container: HTMLElement, { onInput, onOutput, onLeave }: ConsoleOptions) {
    this.#container = container;
    this.#onOutput = onOutput;
    this.#terminal = new Terminal({
      fontFamily: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, "DejaVu Sans Mono", monospace',
      fontSize: FONT_SIZE.most,
      theme: THEME,
      scrollback: 2000,
      cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
      screenReaderMode: true,
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.open(container);
    const encoder = new TextEncoder();
    this.#terminal.onData((text) => onInput(encoder.encode(text)));
    this.#terminal.attachCustomKeyEventHandler((event) => {
      if (event.key !== 'F6') return true;
      if (event.type === 'keydown') onLeave(event.shiftKey);
      event.preventDefault();
      return false;
    });
    const input = container.querySelector('textarea');
    input?.setAttribute('aria-label', 'Serial console of the guest; F6 leaves it');
    new ResizeObserver(() => this.#resize()).observe(container);
    this.#resize();
  }

  /** A byte that the guest printed. */
  print(byte: number): void {
    this.#pending.push(byte);
    this.#timer ??= window.setTimeout(() => this.#flush(), BATCH_MILLISECONDS);
  }

  /** Empties the screen for another machine; what the one before printed last is dropped. */
  clear(): void {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending = [];
    this.#decoder = new TextDecoder();
    this.#terminal.reset();
  }

  focus(): void {
    this.#terminal.focus();
  }

  #flush(): void {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.length === 0) return;
    const bytes = Uint8Array.from(this.#pending);
    this.#pending = [];
    this.#terminal.write(bytes);
    this.#onOutput(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The largest letters with which the guest's 80 columns fit; on a phone, fewer columns. */
  #resize(): void {
    if (this.#container.clientWidth === 0) return;
    for (let size: number = FONT_SIZE.most; size >= FONT_SIZE.least; size--) {
      this.#terminal.options.fontSize = size;
      if ((this.#fit.proposeDimensions()?.cols ?? 0) >= GUEST_COLUMNS) break;
    }
    const proposed = this.#fit.proposeDimensions();
    if (proposed === undefined || Number.isNaN(proposed.cols)) return;
    this.#terminal.resize(Math.min(proposed.cols, GUEST_COLUMNS), proposed.rows);
  }
}
