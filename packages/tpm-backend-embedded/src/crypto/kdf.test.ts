import { bytesToHex, hexToBytes } from '@noble/curves/utils.js';
import { describe, expect, test } from 'vitest';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { hashAlgorithm } from './hash.js';
import { kdfa, kdfe, mgf1 } from './kdf.js';

const sha256 = hashAlgorithm(TPM_ALG.SHA256)!;
const key = Uint8Array.of(1, 2, 3);
const empty = new Uint8Array(0);
const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

describe('kdfa()', () => {
  test('adds the zero byte of a label only where it is missing', () => {
    const expected = kdfa(sha256, key, 'ATH', empty, empty, 256);
    expect(kdfa(sha256, key, ascii('ATH'), empty, empty, 256)).toEqual(expected);
    expect(kdfa(sha256, key, ascii('ATH\0'), empty, empty, 256)).toEqual(expected);
    expect(kdfa(sha256, key, ascii('ATH\0\0'), empty, empty, 256)).not.toEqual(expected);
  });

  test('is HMAC over counter, label, contexts and number of bits', () => {
    const [u, v] = [Uint8Array.of(0xaa), Uint8Array.of(0xbb)];
    const message = hexToBytes('00000001' + '41544800' + 'aabb' + '00000100');
    expect(kdfa(sha256, key, 'ATH', u, v, 256)).toEqual(sha256.hmac(key, message));
  });

  test('clears the excess high bits of the first byte', () => {
    for (let bits = 1; bits <= 521; bits++) {
      const result = kdfa(sha256, key, 'ATH', empty, empty, bits);
      expect(result.length).toBe(Math.ceil(bits / 8));
      if (bits % 8 !== 0) expect(result[0]! >> (bits % 8)).toBe(0);
    }
  });
});

describe('kdfe()', () => {
  test('is the hash over counter, secret, label and both parties', () => {
    const [u, v] = [Uint8Array.of(0xaa), Uint8Array.of(0xbb)];
    const message = hexToBytes('00000001' + '010203' + '53454352455400' + 'aabb');
    expect(kdfe(sha256, key, 'SECRET', u, v, 256)).toEqual(sha256.digest(message));
    expect(kdfe(sha256, key, 'SECRET', u, v, 128)).toEqual(sha256.digest(message).subarray(0, 16));
  });

  test('clears the excess high bits of the first byte', () => {
    expect(kdfe(sha256, key, 'SECRET', empty, empty, 521)[0]! >> 1).toBe(0);
  });
});

describe('mgf1()', () => {
  test.each([
    ['foo', 3, '1ac907'],
    ['foo', 5, '1ac9075cd4'],
    ['bar', 5, 'bc0c655e01'],
  ])('SHA-1 of "%s", %i bytes', (seed, length, expected) => {
    const sha1 = hashAlgorithm(TPM_ALG.SHA1)!;
    expect(bytesToHex(mgf1(sha1, ascii(seed), length))).toBe(expected);
  });

  test('gives more than one block and none', () => {
    expect(mgf1(sha256, key, 100).subarray(0, 40)).toEqual(mgf1(sha256, key, 40));
    expect(mgf1(sha256, key, 0)).toEqual(empty);
  });
});
