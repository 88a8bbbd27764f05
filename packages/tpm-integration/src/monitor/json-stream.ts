import { decodeLossy, JsonParseError, parseTokens } from './json-parse.js';
import { type JsonToken, JsonTokenizer, TOKEN_LIMIT } from './json-token.js';
import type { JsonValue } from './json-value.js';

/** What a monitor's peer sent. */
export type JsonInput =
  | { readonly kind: 'value'; readonly value: JsonValue }
  /** Something that is no value; reading goes on behind it. */
  | { readonly kind: 'error'; readonly message: string };

/** Deepest nesting of a message. QEMU: the same. */
export const DEPTH_LIMIT = 1024;

/** Most bytes and most tokens of one message. QEMU: allows 64 MiB, far beyond any command. */
export const MESSAGE_LIMIT: { readonly bytes: number; readonly tokens: number } = {
  bytes: 256 * 1024,
  tokens: 8192,
};

/**
 * Reads values that follow one another in a stream of bytes, in any chunks. Memory is bounded
 * whatever is sent.
 */
export class JsonStream {
  readonly #tokenizer: JsonTokenizer = new JsonTokenizer();
  #tokens: JsonToken[] = [];
  #bytes = 0;
  #braces = 0;
  #brackets = 0;
  /** What the last byte completed. */
  #output: JsonInput[] = [];

  /**
   * @param chunk more bytes
   * @returns what they complete, in order; consume it before the next call
   */
  *push(chunk: Uint8Array): Generator<JsonInput, void> {
    for (const byte of chunk) {
      this.#tokenizer.push(byte, (output) => {
        if (output.kind === 'token') this.#accept(output.token);
        else if (output.text.length >= TOKEN_LIMIT) this.#fail('JSON token size limit exceeded');
        else this.#fail(`JSON parse error, stray '${decodeLossy(output.text)}'`);
      });
      if (this.#output.length === 0) continue;
      const output = this.#output;
      this.#output = [];
      yield* output;
    }
  }

  #accept(token: JsonToken): void {
    this.#tokens.push(token);
    this.#bytes += token.text.length;
    if (token.type === '{') this.#braces++;
    if (token.type === '}') this.#braces--;
    if (token.type === '[') this.#brackets++;
    if (token.type === ']') this.#brackets--;
    const excess = this.#excess();
    const isOpen = this.#braces > 0 || this.#brackets > 0;
    const isUnbalanced = this.#braces < 0 || this.#brackets < 0;
    if (excess !== undefined) this.#fail(excess);
    else if (!isOpen || isUnbalanced) this.#finish();
  }

  /** @returns which limit the message passes, if any */
  #excess(): string | undefined {
    const { bytes, tokens } = MESSAGE_LIMIT;
    if (this.#braces + this.#brackets > DEPTH_LIMIT) return 'JSON nesting depth limit exceeded';
    if (this.#bytes > bytes) return 'JSON token size limit exceeded';
    return this.#tokens.length > tokens ? 'JSON token count limit exceeded' : undefined;
  }

  #finish(): void {
    const tokens = this.#tokens;
    this.#clear();
    try {
      this.#output.push({ kind: 'value', value: parseTokens(tokens) });
    } catch (error) {
      if (!(error instanceof JsonParseError)) throw error;
      this.#output.push({ kind: 'error', message: error.message });
    }
  }

  #fail(message: string): void {
    this.#clear();
    this.#output.push({ kind: 'error', message });
  }

  #clear(): void {
    this.#tokens = [];
    this.#bytes = 0;
    this.#braces = 0;
    this.#brackets = 0;
  }
}
