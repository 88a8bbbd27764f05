import { describe, expect, it } from 'vitest';
import { scanCodesOf } from './pc-keyboard.js';

describe('scanCodesOf()', () => {
  it.each([
    ['t', [0x14, 0x94]],
    ['T', [0x2a, 0x14, 0x94, 0xaa]],
    ['1', [0x02, 0x82]],
    ['!', [0x2a, 0x02, 0x82, 0xaa]],
    [' ', [0x39, 0xb9]],
    ['/', [0x35, 0xb5]],
    ['\r', [0x1c, 0x9c]],
    ['\x7f', [0x0e, 0x8e]],
    ['\x03', [0x1d, 0x2e, 0xae, 0x9d]],
    ['\x1b', [0x01, 0x81]],
    ['\x1bt', [0x01, 0x81, 0x14, 0x94]],
    ['\x1b[A', [0xe0, 0x48, 0xe0, 0xc8]],
    ['\x1bOB', [0xe0, 0x50, 0xe0, 0xd0]],
    ['\x1b[3~', [0xe0, 0x53, 0xe0, 0xd3]],
    ['\x1bOP', [0x3b, 0xbb]],
    ['\x1b[21~', [0x44, 0xc4]],
    ['\x1b[24~', [0x58, 0xd8]],
    ['\x00\xff', []],
  ])('scanCodesOf(%j) presses and releases the keys', (typed, codes) => {
    const bytes = Uint8Array.from(typed, (character) => character.charCodeAt(0));
    expect(scanCodesOf(bytes)).toEqual(codes);
  });

  it('scanCodesOf() has a key for every printable ASCII character', () => {
    const without = Array.from({ length: 0x7f - 0x20 }, (_, index) => 0x20 + index).filter(
      (code) => scanCodesOf(Uint8Array.of(code)).length === 0,
    );
    expect(without).toEqual([]);
  });
});
