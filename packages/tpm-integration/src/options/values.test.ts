import { describe, expect, test } from 'vitest';
import { isIdentifier, parseBoolean, parseInteger, parseMemorySize } from './values.js';

const MEBIBYTE = 2 ** 20;

describe('parseBoolean()', () => {
  test.each(['on', 'yes', 'true', 'y'])('takes %j for true', (text) => {
    expect(parseBoolean(text)).toBe(true);
  });
  test.each(['off', 'no', 'false', 'n'])('takes %j for false', (text) => {
    expect(parseBoolean(text)).toBe(false);
  });
  test.each(['1', '0', 'ON', '', 'maybe'])('takes %j for neither', (text) => {
    expect(parseBoolean(text)).toBeUndefined();
  });
});

describe('parseInteger()', () => {
  test.each<[string, bigint | undefined]>([
    ['5', 5n],
    ['0x10', 16n],
    ['0X1f', 31n],
    ['010', 8n],
    ['08', undefined],
    ['-1', -1n],
    ['+7', 7n],
    [' 7', 7n],
    ['4294967296', 4294967296n],
    ['', undefined],
    ['abc', undefined],
    ['5x', undefined],
    ['0x', undefined],
  ])('reads %j', (text, value) => {
    expect(parseInteger(text)).toBe(value);
  });
});

describe('parseMemorySize()', () => {
  test.each<[string, number | undefined]>([
    ['128', 128 * MEBIBYTE],
    ['1G', 1024 * MEBIBYTE],
    ['1g', 1024 * MEBIBYTE],
    ['1.5G', 1536 * MEBIBYTE],
    ['1k', 1024],
    ['512B', 512],
    ['0x10', 16 * MEBIBYTE],
    ['2T', 2 * MEBIBYTE * MEBIBYTE],
    ['0', 0],
    ['1.5', undefined],
    ['-5', undefined],
    ['abc', undefined],
    ['128X', undefined],
    ['128Q', undefined],
    ['1E', undefined],
    ['', undefined],
  ])('reads %j', (text, bytes) => {
    expect(parseMemorySize(text)).toBe(bytes);
  });
});

describe('isIdentifier()', () => {
  test.each(['a', 'tpm0', 'a.b_c-d'])('takes %j', (text) => {
    expect(isIdentifier(text)).toBe(true);
  });
  test.each(['', '1a', '_a', 'a b', 'a,b', 'ä'])('refuses %j', (text) => {
    expect(isIdentifier(text)).toBe(false);
  });
});
