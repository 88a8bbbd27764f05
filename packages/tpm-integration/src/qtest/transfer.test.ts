import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64, decodeHex, encodeBase64 } from './transfer.js';

const ascii = (text: string) => new TextEncoder().encode(text);

test.each<[string, number, string]>([
  ['0x1234', 2, '1234'],
  ['0x12', 4, '12000000'],
  ['0x123', 2, '1200'],
  ['0x123456', 2, '1234'],
  ['0xAbcDeFg1', 4, 'abcdeff1'],
  ['0xzz', 2, 'ff00'],
  ['1234', 2, '3400'],
  ['zz5678', 2, '5678'],
  ['0x1234', 0, ''],
])('decodeHex() makes of %s in %i bytes what QEMU does', (text, length, expected) => {
  const target = new Uint8Array(length).fill(0x99);
  decodeHex(ascii(text), 0, text.length, target);
  expect(Buffer.from(target).toString('hex')).toBe(expected);
});

test('encodeBase64() and decodeBase64() are those of RFC 4648', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const encoded = encodeBase64(bytes);
      expect(Buffer.from(encoded).toString()).toBe(Buffer.from(bytes).toString('base64'));
      const target = new Uint8Array(bytes.length + 3);
      expect(decodeBase64(encoded, 0, encoded.length, target)).toBe(bytes.length);
      expect(Buffer.compare(target.subarray(0, bytes.length), bytes)).toBe(0);
    }),
  );
});

test('decodeBase64() skips what is not in the alphabet and stops at the end of the target', () => {
  const target = new Uint8Array(2);
  const text = 'A!Q-ID_BA==';
  expect(decodeBase64(ascii(text), 0, text.length, target)).toBe(2);
  expect([...target]).toEqual([1, 2]);
});
