import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../test/fixtures.js';
import { AcpiError } from '../error.js';
import { fieldWidth, integerBytes, nameSeg, nameString, pkgLength } from './encoding.js';

/** Reads a package length back, by the layout of the standard. */
function decode(bytes: Uint8Array): number {
  const [lead = 0, ...following] = bytes;
  expect(lead >> 6).toBe(following.length);
  if (following.length === 0) return lead;
  expect(lead & 0x30).toBe(0);
  return following.reduce((sum, byte, index) => sum + byte * 2 ** (4 + 8 * index), lead & 0x0f);
}

describe('pkgLength', () => {
  it.each([
    [0, '01'],
    [1, '02'],
    [0x3e, '3f'],
    [0x3f, '4104'],
    [0xffd, '4fff'],
    [0xffe, '810001'],
    [0xf_fffc, '8fffff'],
    [0xf_fffd, 'c1000001'],
    [0xfff_fffb, 'cfffffff'],
  ] as const)('pkgLength(%i) is %s', (content, bytes) => {
    expect(toHex(pkgLength(content))).toBe(bytes);
  });

  it.each([
    [0x3e, 1],
    [0xffd, 2],
    [0xf_fffc, 3],
    [0xfff_fffb, 4],
  ] as const)('pkgLength() counts itself and is as short as can be around %i', (last, size) => {
    for (let content = last - 20; content <= last; content++) {
      const bytes = pkgLength(content);
      expect(bytes.length).toBe(size);
      expect(decode(bytes)).toBe(content + size);
    }
    if (size === 4) return;
    for (let content = last + 1; content <= last + 20; content++) {
      const bytes = pkgLength(content);
      expect(bytes.length).toBe(size + 1);
      expect(decode(bytes)).toBe(content + size + 1);
    }
  });

  it.each([0xfff_fffc, 2 ** 32, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'pkgLength(%d) is refused',
    (content) => {
      expect(() => pkgLength(content)).toThrow(AcpiError);
    },
  );
});

describe('fieldWidth', () => {
  it.each([
    [0, '00'],
    [8, '08'],
    [32, '20'],
    [63, '3f'],
    [64, '4004'],
    [0xfff, '4fff'],
    [0x1000, '800001'],
    [0xf_ffff, '8fffff'],
    [0x10_0000, 'c0000001'],
    [0xfff_ffff, 'cfffffff'],
  ] as const)('fieldWidth(%i) is %s: the width alone, in the layout of a length', (bits, bytes) => {
    expect(toHex(fieldWidth(bits))).toBe(bytes);
  });

  it.each([0x1000_0000, -1, 0.5])('fieldWidth(%d) is refused', (bits) => {
    expect(() => fieldWidth(bits)).toThrow(AcpiError);
  });
});

describe('nameSeg', () => {
  it.each([
    ['TPM', '54504d5f'],
    ['_HID', '5f484944'],
    ['A', '415f5f5f'],
    ['S08', '5330385f'],
  ])('nameSeg("%s") is four bytes, padded with underscores', (segment, bytes) => {
    expect(toHex(nameSeg(segment))).toBe(bytes);
  });

  it.each(['', '0TPM', 'tpm', 'TPM20', 'A B', 'Ä', 'A.B', '^A'])(
    'nameSeg("%s") is refused',
    (segment) => {
      expect(() => nameSeg(segment)).toThrow(AcpiError);
    },
  );
});

describe('nameString', () => {
  it.each([
    ['TPM', '54504d5f'],
    ['\\', '5c00'],
    ['^', '5e00'],
    ['\\TPM', '5c 54504d5f'],
    ['^^TPM', '5e5e 54504d5f'],
    ['\\_SB.TPM', '5c 2e 5f53425f 54504d5f'],
    ['A.B', '2e 415f5f5f 425f5f5f'],
    ['\\_SB.PCI0.S08', '5c 2f03 5f53425f 50434930 5330385f'],
    ['^A.B.C.D', '5e 2f04 415f5f5f 425f5f5f 435f5f5f 445f5f5f'],
  ])('nameString("%s") is %s', (path, bytes) => {
    expect(nameString(path)).toEqual(fromHex(bytes));
  });

  it.each(['', '.', 'A.', '.A', 'A..B', '\\\\A', '\\^A', '^\\A', '\\_sb', 'A/B', 'MSFT0101'])(
    'nameString("%s") is refused',
    (path) => {
      expect(() => nameString(path)).toThrow(AcpiError);
    },
  );

  it('nameString() has at most 255 segments', () => {
    const path = Array.from({ length: 255 }, () => 'A').join('.');
    expect(nameString(path).length).toBe(2 + 4 * 255);
    expect(() => nameString(`${path}.A`)).toThrow(AcpiError);
  });
});

describe('integerBytes', () => {
  it.each([
    [0, '00'],
    [1, '01'],
    [2, '0a02'],
    [0xff, '0aff'],
    [0x100, '0b0001'],
    [0xffff, '0bffff'],
    [0x1_0000, '0c00000100'],
    [0xffff_ffff, '0cffffffff'],
    [0x1_0000_0000, '0e0000000001000000'],
    [0xffff_ffff_ffff_ffffn, '0effffffffffffffff'],
    [0n, '00'],
    [1n, '01'],
    [0x80n, '0a80'],
  ] as const)('integerBytes(%s) is the shortest form %s', (value, bytes) => {
    expect(toHex(integerBytes(value))).toBe(bytes);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53, -1n, 2n ** 64n])(
    'integerBytes(%s) is refused',
    (value) => {
      expect(() => integerBytes(value)).toThrow(AcpiError);
    },
  );
});
