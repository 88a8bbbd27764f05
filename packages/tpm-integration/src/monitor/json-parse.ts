import type { JsonToken } from './json-token.js';
import type { JsonObject, JsonValue } from './json-value.js';

/** Tokens that form no value. The message is QEMU's. */
export class JsonParseError extends Error {
  constructor(message: string) {
    super(`JSON parse error, ${message}`);
  }
}

const INTEGER_RANGE = { least: -(2n ** 63n), most: 2n ** 64n - 1n } as const;

const KEYWORDS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * @param tokens the tokens of one value, brackets balanced or closed too often
 * @throws JsonParseError for the first thing that is wrong
 */
export function parseTokens(tokens: readonly JsonToken[]): JsonValue {
  return new Parser(tokens).value();
}

/** @returns the characters that bytes (one character each) spell, NUL in QEMU's two-byte form */
function decodeBytes(bytes: string): string | undefined {
  const plain = bytes.replaceAll('\xc0\x80', '\0');
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(Uint8Array.from(plain, (unit) => unit.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** @returns a text for people: as far as the first NUL, and what is no UTF-8 as U+FFFD */
export function decodeLossy(bytes: string): string {
  const text = bytes.split('\0', 1)[0] ?? '';
  return new TextDecoder().decode(Uint8Array.from(text, (unit) => unit.charCodeAt(0)));
}

class Parser {
  readonly #tokens: readonly JsonToken[];
  #next = 0;

  constructor(tokens: readonly JsonToken[]) {
    this.#tokens = tokens;
  }

  value(): JsonValue {
    const token = this.#take();
    switch (token?.type) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case 'string':
        return parseString(token.text);
      case 'number':
        return parseNumber(token.text);
      case 'keyword': {
        const value = KEYWORDS.get(token.text);
        if (value === undefined) throw new JsonParseError(`invalid keyword '${token.text}'`);
        return value;
      }
      default:
        throw new JsonParseError('expecting value');
    }
  }

  #object(): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null);
    if (this.#takeIf('}')) return object;
    do {
      const key = this.value();
      if (typeof key !== 'string') throw new JsonParseError('key is not a string in object');
      if (!this.#takeIf(':')) throw new JsonParseError('missing : in object pair');
      const value = this.value();
      if (key in object) throw new JsonParseError('duplicate key');
      object[key] = value;
    } while (this.#takeIf(','));
    if (!this.#takeIf('}')) throw new JsonParseError('expected separator in dict');
    return object;
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    if (this.#takeIf(']')) return array;
    do array.push(this.value());
    while (this.#takeIf(','));
    if (!this.#takeIf(']')) throw new JsonParseError('expected separator in list');
    return array;
  }

  #take(): JsonToken | undefined {
    return this.#tokens[this.#next++];
  }

  #takeIf(type: JsonToken['type']): boolean {
    if (this.#tokens[this.#next]?.type !== type) return false;
    this.#next++;
    return true;
  }
}

function parseNumber(text: string): bigint | number {
  if (!/^-?[0-9]+$/.test(text)) return Number(text);
  // A number of more digits is beyond 64 bits in any case.
  if (text.length > 21) return Number(text);
  const integer = BigInt(text);
  return integer >= INTEGER_RANGE.least && integer <= INTEGER_RANGE.most ? integer : Number(text);
}

function parseString(token: string): string {
  let text = '';
  let at = 1;
  const end = token.length - 1;
  while (at < end) {
    if (token[at] === '\\') {
      const escaped = parseEscape(token, at);
      text += escaped.text;
      at += escaped.length;
      continue;
    }
    const backslash = token.indexOf('\\', at);
    const runEnd = backslash < 0 ? end : backslash;
    const run = decodeBytes(token.slice(at, runEnd));
    if (run === undefined || hasNoncharacter(run)) {
      throw new JsonParseError('invalid UTF-8 sequence in string');
    }
    text += run;
    at = runEnd;
  }
  return text;
}

function parseEscape(token: string, at: number): { text: string; length: number } {
  const letter = token[at + 1]!;
  if (letter !== 'u') {
    const text = ESCAPES[letter];
    if (text === undefined) throw new JsonParseError('invalid escape sequence in string');
    return { text, length: 2 };
  }
  const first = codeUnit(token, at);
  let text = first === undefined ? '' : String.fromCharCode(first);
  let length = 6;
  if (first !== undefined && first >= 0xd800 && first < 0xdc00) {
    const second = token.startsWith('\\u', at + length) ? codeUnit(token, at + length) : undefined;
    if (second !== undefined && second >= 0xdc00 && second < 0xe000) {
      text += String.fromCharCode(second);
      length += 6;
    }
  }
  const code = text.codePointAt(0) ?? 0xd800;
  const isSurrogate = code >= 0xd800 && code < 0xe000;
  if (isSurrogate || hasNoncharacter(text)) {
    const shown = decodeLossy(token.slice(at, at + 6));
    throw new JsonParseError(`${shown} is not a valid Unicode character`);
  }
  return { text, length };
}

/** @returns the four hexadecimal digits of `\uXXXX` at `at`, or `undefined` */
function codeUnit(token: string, at: number): number | undefined {
  const digits = token.slice(at + 2, at + 6);
  return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

/** Code points that Unicode sets aside: U+FDD0 to U+FDEF and the last two of each plane. */
function hasNoncharacter(text: string): boolean {
  return /\p{Noncharacter_Code_Point}/u.test(text);
}
