import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ParsedNumber, parseNumber, toSigned, toUnsigned } from './number.js';

function parse(text: string): bigint | undefined {
  const bytes = new TextEncoder().encode(`#${text}#`);
  const number: ParsedNumber = { high: 0, low: 0 };
  if (!parseNumber(bytes, 1, bytes.length - 1, number)) return undefined;
  return (BigInt(number.high) << 32n) | BigInt(number.low);
}

const LAST = 0xffff_ffff_ffff_ffffn;

test.each<[string, bigint | undefined]>([
  ['0', 0n],
  ['00', 0n],
  ['256', 256n],
  ['0400', 0o400n],
  ['0x100', 256n],
  ['0XaBc', 0xabcn],
  ['+0x10', 16n],
  ['-1', LAST],
  ['-0', 0n],
  ['-0x10', LAST - 15n],
  ['-4294967296', LAST - 0xffff_ffffn],
  ['\t\v 1'.replace(' ', ''), 1n],
  ['18446744073709551615', LAST],
  ['0xffffffffffffffff', LAST],
  ['18446744073709551616', undefined],
  ['0x10000000000000000', undefined],
  ['', undefined],
  ['-', undefined],
  ['0x', undefined],
  ['08', undefined],
  ['1a', undefined],
  ['0x1g', undefined],
  ['--1', undefined],
  ['1 ', undefined],
  ['1\r', undefined],
  ['\t', undefined],
])('parseNumber() takes %j as C does', (text, expected) => {
  expect(parse(text)).toBe(expected);
});

test('parseNumber() gives back every 64-bit number in each notation', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: LAST }), (value) => {
      expect(parse(value.toString())).toBe(value);
      expect(parse(`0x${value.toString(16)}`)).toBe(value);
      expect(parse(`0${value.toString(8)}`)).toBe(value);
      expect(parse(`-${value}`)).toBe(-value & LAST);
    }),
  );
});

test('toSigned() and toUnsigned() agree with 64-bit arithmetic where numbers are exact', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bits = BigInt.asUintN(64, BigInt(value));
      const number = { high: Number(bits >> 32n), low: Number(bits & 0xffff_ffffn) };
      expect(toSigned(number)).toBe(value === 0 ? 0 : value);
      if (value >= 0) expect(toUnsigned(number)).toBe(value === 0 ? 0 : value);
    }),
  );
});
