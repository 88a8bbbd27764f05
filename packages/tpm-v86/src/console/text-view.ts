/** What a screen shows. */
export interface TextScreen {
  /** Lines from the top; they may contain sequences for colours. */
  readonly rows: readonly string[];
  /** Size in pixels when the screen shows graphics, which a terminal can't. */
  readonly graphics: { readonly width: number; readonly height: number } | undefined;
}

const CLEAR = '\x1b[2J';
const PLAIN = '\x1b[0m';
const ERASE_TO_END = '\x1b[K';

function lineStart(row: number): string {
  return `\x1b[${row + 1};1H`;
}

/** Draws a text screen on a terminal, each time no more than what has changed. */
export class TextView {
  #drawn: string[] = [];

  /** Forgets what is on the terminal: the next drawing begins with an empty one. */
  forget(): void {
    this.#drawn = [];
  }

  /**
   * @param screen what is to be seen
   * @param height lines that the terminal has; what is below isn't drawn
   * @returns what to send to the terminal; empty when nothing has changed
   */
  draw(screen: TextScreen, height: number): string {
    const { graphics } = screen;
    const rows =
      graphics === undefined
        ? screen.rows.slice(0, height)
        : [`The guest shows graphics, ${graphics.width} by ${graphics.height} pixels.`];
    const isNew = this.#drawn.length !== rows.length;
    let text = isNew ? `${PLAIN}${CLEAR}` : '';
    for (const [index, row] of rows.entries()) {
      if (!isNew && this.#drawn[index] === row) continue;
      // Erased first: behind a line that fills the terminal, its last character would go.
      text += `${lineStart(index)}${ERASE_TO_END}${row}${PLAIN}`;
    }
    this.#drawn = rows.slice();
    return text;
  }
}
