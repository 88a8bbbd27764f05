import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printJson } from './json-print.js';
import { JsonStream, MESSAGE_LIMIT } from './json-stream.js';
import { TOKEN_LIMIT } from './json-token.js';
import type { JsonValue } from './json-value.js';

const encode = (text: string) => new TextEncoder().encode(text);

function readAll(chunks: readonly Uint8Array[]) {
  const stream = new JsonStream();
  return chunks.flatMap((chunk) => [...stream.push(chunk)]);
}

/** Values that survive a round trip; the numbers are QEMU's two kinds. */
const value: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Noncharacter_Code_Point}/u.test(text)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => number % 1 !== 0),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: false }),
  ),
})).value;

describe('JsonStream.push()', () => {
  test('reads what printJson() prints, in any chunks', () => {
    fc.assert(
      fc.property(value, fc.boolean(), fc.integer({ min: 1, max: 9 }), (expected, pretty, size) => {
        const bytes = encode(`${printJson(expected, pretty)}\n`);
        const chunks = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
        const inputs = readAll(chunks);
        expect(inputs).toHaveLength(1);
        const input = inputs[0]!;
        expect(printJson(input.kind === 'value' ? input.value : input.message)).toBe(
          printJson(expected),
        );
      }),
    );
  });

  test('gives the same for every way to cut the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 80 }), (bytes, cut) => {
        const whole = readAll([bytes]);
        expect(readAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
      }),
    );
  });

  test.each([
    ['a string without end', '"'.padEnd(TOKEN_LIMIT * 3, 'x'), 'JSON token size limit exceeded'],
    ['a number without end', '1'.repeat(TOKEN_LIMIT * 2), 'JSON token size limit exceeded'],
    ['a word without end', 'x'.repeat(TOKEN_LIMIT * 2), 'JSON token size limit exceeded'],
    [
      'a list of long strings',
      `[${`"${'x'.repeat(60_000)}",`.repeat(6)}`,
      'JSON token size limit exceeded',
    ],
    [
      'a list without end',
      `[${'1,'.repeat(MESSAGE_LIMIT.tokens)}`,
      'JSON token count limit exceeded',
    ],
    ['brackets without end', '['.repeat(1025), 'JSON nesting depth limit exceeded'],
  ])('cuts off %s', (_, text, message) => {
    expect(readAll([encode(text)])[0]).toEqual({ kind: 'error', message });
  });

  test('reads on behind a message that was cut off', () => {
    const inputs = readAll([encode(`${'['.repeat(1025)}\n{"a":1}\n`)]);
    expect(inputs.map(({ kind }) => kind)).toEqual(['error', 'value']);
  });

  test('takes a member of any name for a member', () => {
    const [input] = readAll([encode('{"__proto__":1,"constructor":2}')]);
    expect(input?.kind === 'value' && printJson(input.value)).toBe(
      '{"__proto__": 1, "constructor": 2}',
    );
  });
});

describe('printJson()', () => {
  test.each([
    [0.1, '0.10000000000000001'],
    [1000, '1000'],
    [1e16, '10000000000000000'],
    [1e17, '1e+17'],
    [1e-5, '1.0000000000000001e-05'],
    [-0.00001234, '-1.234e-05'],
    [0.0001, '0.0001'],
    [1e-7, '9.9999999999999995e-08'],
    [123456789.125, '123456789.125'],
    [5e-324, '4.9406564584124654e-324'],
    [Number.POSITIVE_INFINITY, '1e999'],
    [Number.NEGATIVE_INFINITY, '-1e999'],
  ])('prints the double %d with 17 digits', (number, text) => {
    expect(printJson(number)).toBe(text);
  });

  test('escapes what is not printable ASCII', () => {
    expect(printJson('"\\\b\f\n\r\t\u0000\u001f\u007f~/é😀')).toBe(
      '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001F\\u007F~/\\u00E9\\uD83D\\uDE00"',
    );
  });
});
