/** Characters that are kept to match against. What is matched must be shorter than half of it. */
const KEPT = 65_536;

/** Control sequences (ECMA-48, section 5.4), other escape sequences, and what only moves. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals are told what to do by them
const SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -/]*[0-~])|[\0\r]/g;

/** What may still become a sequence when more arrives. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[ -/]*)$/;

/**
 * @param text what a terminal received
 * @returns its characters and line feeds alone
 */
export function plainText(text: string): string {
  return text.replace(SEQUENCE, '');
}

/** Looks for something in what a guest writes. */
export class OutputWatch {
  readonly #expression: RegExp;
  #pending = '';
  #text = '';

  /** @param expression without the flags `g` and `y`; sees lines that end in a line feed */
  constructor(expression: RegExp) {
    this.#expression = expression;
  }

  /** @returns whether what has been written so far contains it; `text` is what came last */
  push(text: string): boolean {
    const arrived = this.#pending + text;
    // A sequence without an end is no sequence, however long it gets.
    const unfinished = arrived.length > KEPT ? undefined : UNFINISHED.exec(arrived)?.[0];
    this.#pending = unfinished ?? '';
    this.#text += plainText(arrived.slice(0, arrived.length - this.#pending.length));
    const found = this.#expression.test(this.#text);
    if (this.#text.length > KEPT) this.#text = this.#text.slice(-KEPT / 2);
    return found;
  }

  /** @returns whether a screen shows it */
  matches(rows: readonly string[]): boolean {
    return this.#expression.test(rows.map((row) => plainText(row).trimEnd()).join('\n'));
  }
}
