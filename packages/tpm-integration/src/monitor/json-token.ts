/** What a JSON text consists of. */
export interface JsonToken {
  readonly type: '{' | '}' | '[' | ']' | ':' | ',' | 'string' | 'number' | 'keyword';
  /** The token as it was sent, one character per byte, quotes included. */
  readonly text: string;
}

/** What {@link JsonTokenizer.push} finds. */
export type TokenizerOutput =
  | { readonly kind: 'token'; readonly token: JsonToken }
  /** Bytes that begin no token; reading goes on behind them. */
  | { readonly kind: 'stray'; readonly text: string };

/** Longest token in bytes. */
export const TOKEN_LIMIT: number = 64 * 1024;

/**
 * Where in a token the tokenizer is.
 *
 * | state | what may follow |
 * |---|---|
 * | `between` | a token or white space |
 * | `recovery` | anything; leaves at a bracket, colon, comma or control character but a tab |
 * | `keyword` | more lower-case letters |
 * | `string`, `escape` | characters of a string, the one after a backslash |
 * | `minus`, `zero`, `integer`, `point`, `fraction`, `exponent`, `exponentSign`, `power` | a number |
 */
type State =
  | 'between'
  | 'recovery'
  | 'keyword'
  | 'string'
  | 'escape'
  | 'minus'
  | 'zero'
  | 'integer'
  | 'point'
  | 'fraction'
  | 'exponent'
  | 'exponentSign'
  | 'power';

const DIGIT = /^[0-9]$/;
const LETTER = /^[a-z]$/;
const STRUCTURE = '{}[]:,';
const WHITE_SPACE = ' \t\r\n';

/** Lowest byte that can't be part of a string's UTF-8. */
const NOT_UTF8 = 0xfe;

/** Where a number goes on, by state and kind of character; what is missing ends the number. */
const NUMBER_STEPS: Readonly<Partial<Record<State, Readonly<Record<string, State>>>>> = {
  minus: { zero: 'zero', digit: 'integer' },
  zero: { point: 'point', e: 'exponent' },
  integer: { zero: 'integer', digit: 'integer', point: 'point', e: 'exponent' },
  point: { zero: 'fraction', digit: 'fraction' },
  fraction: { zero: 'fraction', digit: 'fraction', e: 'exponent' },
  exponent: { zero: 'power', digit: 'power', sign: 'exponentSign' },
  exponentSign: { zero: 'power', digit: 'power' },
  power: { zero: 'power', digit: 'power' },
};

/** States in which a number is incomplete. */
const INCOMPLETE_NUMBERS: readonly State[] = ['minus', 'point', 'exponent', 'exponentSign'];

/**
 * Cuts a stream of bytes into the tokens of JSON with QEMU's extension: a string may also stand in
 * single quotes. A number or keyword ends with the byte behind it.
 */
export class JsonTokenizer {
  #state: State = 'between';
  #text = '';

  /**
   * @param byte the next byte of the stream
   * @param emit receives what the byte completed: nothing, one output or two
   */
  push(byte: number, emit: (output: TokenizerOutput) => void): void {
    const character = String.fromCharCode(byte);
    if (this.#text.length >= TOKEN_LIMIT) {
      this.#stray('', emit);
      return;
    }
    if (!this.#continueToken(character, emit)) this.#beginToken(character, emit);
  }

  /** @returns `false` when the character is not part of what came before */
  #continueToken(character: string, emit: (output: TokenizerOutput) => void): boolean {
    switch (this.#state) {
      case 'between':
        return false;
      case 'recovery':
        if (!STRUCTURE.includes(character) && (character >= ' ' || character === '\t')) return true;
        this.#state = 'between';
        return false;
      case 'keyword':
        if (LETTER.test(character)) return this.#take(character, 'keyword');
        this.#finish('keyword', emit);
        return false;
      case 'string':
      case 'escape':
        return this.#continueString(character, emit);
      default:
        return this.#continueNumber(character, emit);
    }
  }

  #continueString(character: string, emit: (output: TokenizerOutput) => void): boolean {
    if (character < ' ' || character.charCodeAt(0) >= NOT_UTF8) {
      this.#stray(character, emit);
      return true;
    }
    if (this.#state === 'escape') return this.#take(character, 'string');
    if (character === '\\') return this.#take(character, 'escape');
    this.#text += character;
    if (character === this.#text[0]) this.#finish('string', emit);
    return true;
  }

  #continueNumber(character: string, emit: (output: TokenizerOutput) => void): boolean {
    const next = NUMBER_STEPS[this.#state]![numberClass(character)];
    if (next !== undefined) return this.#take(character, next);
    const isDigitAfterZero = this.#state === 'zero' && DIGIT.test(character);
    if (isDigitAfterZero || INCOMPLETE_NUMBERS.includes(this.#state)) {
      this.#stray(character, emit);
      return true;
    }
    this.#finish('number', emit);
    return false;
  }

  #beginToken(character: string, emit: (output: TokenizerOutput) => void): void {
    if (WHITE_SPACE.includes(character)) return;
    if (STRUCTURE.includes(character)) {
      emit({ kind: 'token', token: { type: character as JsonToken['type'], text: character } });
    } else if (character === '"' || character === "'") this.#take(character, 'string');
    else if (character === '-') this.#take(character, 'minus');
    else if (character === '0') this.#take(character, 'zero');
    else if (DIGIT.test(character)) this.#take(character, 'integer');
    else if (LETTER.test(character)) this.#take(character, 'keyword');
    else this.#stray(character, emit);
  }

  #take(character: string, state: State): true {
    this.#text += character;
    this.#state = state;
    return true;
  }

  #finish(type: JsonToken['type'], emit: (output: TokenizerOutput) => void): void {
    const text = this.#text;
    this.#text = '';
    this.#state = 'between';
    emit({ kind: 'token', token: { type, text } });
  }

  #stray(character: string, emit: (output: TokenizerOutput) => void): void {
    const text = this.#text + character;
    this.#text = '';
    this.#state = 'recovery';
    emit({ kind: 'stray', text });
  }
}

function numberClass(character: string): string {
  if (character === '0') return 'zero';
  if (DIGIT.test(character)) return 'digit';
  if (character === '.') return 'point';
  if (character === 'e' || character === 'E') return 'e';
  return character === '+' || character === '-' ? 'sign' : 'other';
}
