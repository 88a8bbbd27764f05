import { describe, expect, it } from 'vitest';
import { hexadecimal, hexadecimalWord, hexDump } from './hexadecimal.js';

describe('hexadecimal()', () => {
  it('hexadecimal() writes two digits for each byte', () => {
    expect(hexadecimal(Uint8Array.of(0, 1, 0xab))).toBe('0001ab');
  });
});

describe('hexadecimalWord()', () => {
  it.each([
    [0xfed4_0000, 8, '0xfed4_0000'],
    [-1, 8, '0xffff_ffff'],
    [0x81, 2, '0x81'],
    [0x4f04, 3, '0x4f04'],
    [0x1_0000, 3, '0x1_0000'],
  ])('hexadecimalWord(%i, %i) groups the digits by four: %s', (value, digits, text) => {
    expect(hexadecimalWord(value, digits)).toBe(text);
  });
});

describe('hexDump()', () => {
  it('hexDump() shows 16 bytes a line and dots for what can’t be printed', () => {
    const bytes = Uint8Array.from({ length: 18 }, (_, index) => 0x1f + index);
    expect(hexDump(bytes)).toEqual([
      {
        offset: '0000',
        bytes: '1f 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e',
        text: '. !"#$%&\'()*+,-.',
      },
      { offset: '0010', bytes: '2f 30', text: '/0' },
    ]);
  });

  it('hexDump() stops at the limit', () => {
    expect(hexDump(new Uint8Array(100), 20)).toHaveLength(2);
    expect(hexDump(new Uint8Array(0))).toEqual([]);
  });
});
