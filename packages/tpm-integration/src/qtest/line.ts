import { type ParsedNumber, parseNumber, toSigned, toUnsigned } from './number.js';

const SPACE = 0x20;

/** Words that are told apart; a command has at most five, the rest of the line is ignored. */
const MAX_WORDS = 6;

const LATIN1 = new TextDecoder('latin1');

/** A command that can't be obeyed. Becomes a `FAIL` line. */
export class CommandFailure {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Longest piece of a line that a failure repeats. */
const QUOTED_LENGTH = 64;

/**
 * One line of the qtest protocol, cut into words at each space. The object is reused from line to
 * line and only valid until the next one.
 */
export class Line {
  bytes: Uint8Array = new Uint8Array(0);
  readonly #starts: Int32Array = new Int32Array(MAX_WORDS);
  readonly #ends: Int32Array = new Int32Array(MAX_WORDS);
  #words = 0;
  readonly #number: ParsedNumber = { high: 0, low: 0 };

  /**
   * Looks at another line.
   *
   * @param bytes where the line stands
   * @param start offset of its first byte
   * @param end offset of its line feed
   */
  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.#words = 0;
    let wordStart = start;
    for (let at = start; at <= end && this.#words < MAX_WORDS; at++) {
      if (at < end && bytes[at] !== SPACE) continue;
      this.#starts[this.#words] = wordStart;
      this.#ends[this.#words++] = at;
      wordStart = at + 1;
    }
  }

  /** Number of words. */
  get words(): number {
    return this.#words;
  }

  /** @returns offset of the first byte of a word */
  wordStart(index: number): number {
    return this.#starts[index]!;
  }

  /** @returns offset behind the last byte of a word */
  wordEnd(index: number): number {
    return this.#ends[index]!;
  }

  /** @returns a word as text; empty when the line is shorter */
  word(index: number): string {
    if (index >= this.#words) return '';
    return LATIN1.decode(this.bytes.subarray(this.#starts[index], this.#ends[index]));
  }

  /** @throws CommandFailure when the line has fewer words than `count` */
  expectWords(count: number): void {
    if (this.#words >= count) return;
    throw new CommandFailure(
      `${this.word(0)}: expects at least ${count - 1} arguments, got ${this.#words - 1}`,
    );
  }

  /**
   * Parses a word as a 64-bit number.
   *
   * @returns the number, valid until the next one is parsed
   * @throws CommandFailure when it is none
   */
  number(index: number): ParsedNumber {
    if (
      index >= this.#words ||
      !parseNumber(this.bytes, this.#starts[index]!, this.#ends[index]!, this.#number)
    ) {
      throw new CommandFailure(
        `${this.word(0)}: '${this.word(index).slice(0, QUOTED_LENGTH)}' is not a 64-bit number`,
      );
    }
    return this.#number;
  }

  /** @returns a word as a guest address: a signed number that stands for 64 bits */
  address(index: number): number {
    return toSigned(this.number(index));
  }

  /**
   * @param limit largest value that is accepted
   * @returns a word as an unsigned number
   * @throws CommandFailure when it is larger
   */
  unsigned(index: number, limit: number): number {
    const value = toUnsigned(this.number(index));
    if (value <= limit) return value;
    throw this.#outOfRange(index, 0, limit);
  }

  /**
   * @param least smallest value that is accepted
   * @param most largest value that is accepted
   * @returns a word as a signed number
   * @throws CommandFailure when it is out of range
   */
  integer(index: number, least: number, most: number): number {
    const value = toSigned(this.number(index));
    if (value >= least && value <= most) return value;
    throw this.#outOfRange(index, least, most);
  }

  #outOfRange(index: number, least: number, most: number): CommandFailure {
    const quoted = this.word(index).slice(0, QUOTED_LENGTH);
    return new CommandFailure(`${this.word(0)}: '${quoted}' is not between ${least} and ${most}`);
  }
}
