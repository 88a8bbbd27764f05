import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromStateField, toStateField } from './state-fields.js';

const leaf = fc.oneof(
  fc.string(),
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
  fc.uint8Array(),
);
const { plain } = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie('plain')),
    fc.dictionary(fc.string(), tie('plain'), { noNullPrototype: true }),
  ),
}));

test('fromStateField() gives back what toStateField() was given, through a copy', () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(fromStateField(structuredClone(toStateField(value)))).toStrictEqual(value);
    }),
  );
});

test('toStateField() leaves out fields without a value and copies bytes', () => {
  const bytes = Uint8Array.of(1, 2);
  const field = toStateField({ a: undefined, bytes }) as unknown[];
  expect(field).toEqual(['object', 'bytes', bytes]);
  expect(field[2]).not.toBe(bytes);
});

test('fromStateField() makes a field named __proto__ a plain field', () => {
  const value = fromStateField(['object', '__proto__', ['object', 'x', 1]]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value as object)).toEqual(['__proto__']);
});

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [() => {}], [Symbol('x')], [undefined]])(
  'toStateField() refuses %s',
  (value) => {
    expect(() => toStateField(value)).toThrow(/can't be stored/);
  },
);

test('both refuse what is nested too deep', () => {
  let value: unknown = 1;
  for (let depth = 0; depth < 40; depth++) value = ['array', value];
  expect(() => toStateField(value)).toThrow(/deeper than 16/);
  expect(() => fromStateField(value)).toThrow(/deeper than 16/);
});

test('fromStateField() refuses values that have no text', () => {
  const nameless = { toString: 0 };
  for (const field of [[nameless], ['object', nameless, 1], ['bigint', nameless]]) {
    expect(() => fromStateField(field)).toThrow(/^Saved state: /);
  }
});

test('fromStateField() throws nothing but a TpmdevError for whatever is in a state', () => {
  fc.assert(
    fc.property(fc.anything(), (field) => {
      try {
        fromStateField(field);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_V86_STATE' });
      }
    }),
  );
});
