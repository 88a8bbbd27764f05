/** Standard input, on a terminal or not. */
export type InputStream = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
};

/** Standard output, on a terminal or not. */
export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly rows?: number;
};

/** Other screen, no wrapping of long lines, no cursor. */
const FULL_SCREEN = '\x1b[?1049h\x1b[?7l\x1b[?25l';
const NORMAL_SCREEN = '\x1b[0m\x1b[?25h\x1b[?7h\x1b[?1049l';

/** Plain colours, a visible cursor, long lines wrapped: what a guest may have changed. */
const PLAIN = '\x1b[0m\x1b[?25h\x1b[?7h';

/** The terminal's modes: every key goes to the guest while the machine runs, none afterwards. */
export class Terminal {
  readonly #input: InputStream;
  readonly #output: OutputStream;
  #isRaw = false;
  #isFullScreen = false;

  constructor(input: InputStream, output: OutputStream) {
    this.#input = input;
    this.#output = output;
  }

  /** Lines that can be seen; infinite when the terminal doesn't know. */
  get height(): number {
    const { rows = 0 } = this.#output;
    return rows > 0 ? rows : Number.POSITIVE_INFINITY;
  }

  /** Lets every key through, Ctrl-C too. Does nothing when input isn't from a terminal. */
  takeKeys(): void {
    if (this.#input.isTTY !== true || this.#isRaw) return;
    this.#input.setRawMode?.(true);
    this.#isRaw = true;
  }

  /** Changes between the whole screen for one picture, and lines one below the other. */
  showFullScreen(wanted: boolean): void {
    if (this.#output.isTTY !== true || this.#isFullScreen === wanted) return;
    this.#isFullScreen = wanted;
    this.#output.write(wanted ? FULL_SCREEN : NORMAL_SCREEN);
  }

  /** Leaves the terminal as it was found. May be called at any time, also twice. */
  restore(): void {
    this.showFullScreen(false);
    if (!this.#isRaw) return;
    this.#isRaw = false;
    this.#input.setRawMode?.(false);
    this.#output.write(PLAIN);
  }
}
