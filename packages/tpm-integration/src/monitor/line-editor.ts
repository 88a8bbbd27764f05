/** Longest line in bytes; what comes beyond it is dropped. */
export const LINE_LIMIT = 1024;

const CONTROL = {
  backspace: 0x08,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  eraseLine: 0x15,
  escape: 0x1b,
  firstPrintable: 0x20,
  delete: 0x7f,
} as const;

const CURSOR_LEFT = '\x1b[D';
const ERASE_TO_END = '\x1b[K';

/** Where in an escape sequence the editor is (ECMA-48, section 5.4). */
type EscapeState = 'none' | 'escape' | 'sequence';

/**
 * Edits the line that a person types: characters are added at the end, backspace and delete take
 * the last one, control-U takes all. The line is shown again after each change, as QEMU does.
 *
 * Cursor keys, completion and history are not there; their sequences are swallowed.
 */
export class LineEditor {
  #line: number[] = [];
  #escape: EscapeState = 'none';

  /**
   * @param byte the next byte that was typed
   * @returns bytes to show (one character per byte), and the line when it is complete
   */
  push(byte: number): { readonly echo: string; readonly line?: string } {
    if (this.#isInEscape(byte)) return { echo: '' };
    switch (byte) {
      case CONTROL.lineFeed:
      case CONTROL.carriageReturn: {
        const line = new TextDecoder().decode(Uint8Array.from(this.#line));
        this.#line = [];
        return { echo: '\r\n', line };
      }
      case CONTROL.backspace:
      case CONTROL.delete:
        return { echo: this.#show(this.#line.slice(0, -1)) };
      case CONTROL.eraseLine:
        return { echo: this.#show([]) };
      default:
        if (byte < CONTROL.firstPrintable || this.#line.length >= LINE_LIMIT) return { echo: '' };
        return { echo: this.#show([...this.#line, byte]) };
    }
  }

  #show(line: number[]): string {
    if (line.length === this.#line.length) return '';
    const back = CURSOR_LEFT.repeat(this.#line.length);
    this.#line = line;
    return `${back}${String.fromCharCode(...line)}${ERASE_TO_END}`;
  }

  #isInEscape(byte: number): boolean {
    const state = this.#escape;
    if (state === 'none') {
      if (byte !== CONTROL.escape) return false;
      this.#escape = 'escape';
    } else if (state === 'escape') {
      this.#escape = byte === '['.charCodeAt(0) ? 'sequence' : 'none';
    } else if (byte >= '@'.charCodeAt(0)) {
      this.#escape = 'none';
    }
    return true;
  }
}
