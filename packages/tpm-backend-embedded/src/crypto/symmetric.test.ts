import { concatBytes, hexToBytes } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import recording from '../../fixtures/cryptography-libtpms092.json' with { type: 'json' };
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { hashAlgorithm } from './hash.js';
import { kdfa } from './kdf.js';
import {
  AES_BLOCK_SIZE,
  aesDecrypt,
  aesEncrypt,
  isCipherDataSize,
  isCipherMode,
  sessionCipherKey,
  xorObfuscate,
} from './symmetric.js';

const MODES = [TPM_ALG.CTR, TPM_ALG.OFB, TPM_ALG.CBC, TPM_ALG.CFB, TPM_ALG.ECB];
const key = hexToBytes(recording.symmetric.key);
const block = fc.uint8Array({ minLength: AES_BLOCK_SIZE, maxLength: AES_BLOCK_SIZE });

describe('aesEncrypt(), aesDecrypt()', () => {
  test.each(recording.symmetric.operations)(
    'answers as libtpms 0.9.2: mode $mode, decrypt $decrypt, data $data',
    ({ mode, decrypt, iv, data, outData, outIv }) => {
      const operation = decrypt ? aesDecrypt : aesEncrypt;
      expect(operation(mode, key, hexToBytes(iv), hexToBytes(data))).toEqual({
        data: hexToBytes(outData),
        iv: hexToBytes(outIv),
      });
    },
  );

  test.each(MODES)('mode %i: decrypts what it encrypted and hands back the same IV', (mode) => {
    fc.assert(
      fc.property(block, block, fc.uint8Array({ maxLength: 70 }), (secret, start, bytes) => {
        const iv = mode === TPM_ALG.ECB ? new Uint8Array(0) : start;
        const size = bytes.length - (isCipherDataSize(mode, 1) ? 0 : bytes.length % AES_BLOCK_SIZE);
        const data = bytes.slice(0, size);
        const before = [secret.slice(), iv.slice(), data.slice()];
        const encrypted = aesEncrypt(mode, secret, iv, data);
        expect(aesDecrypt(mode, secret, iv, encrypted.data)).toEqual({ data, iv: encrypted.iv });
        expect([secret, iv, data]).toEqual(before);
      }),
    );
  });

  test.each(MODES)('mode %i: goes on with the IV it handed back', (mode) => {
    fc.assert(
      fc.property(fc.array(block, { minLength: 2, maxLength: 5 }), block, (blocks, start) => {
        let iv: Uint8Array = mode === TPM_ALG.ECB ? new Uint8Array(0) : start;
        const whole = aesEncrypt(mode, key, iv, concatBytes(...blocks));
        const parts: Uint8Array[] = [];
        for (const part of blocks) {
          const result = aesEncrypt(mode, key, iv, part);
          parts.push(result.data);
          iv = result.iv;
        }
        expect({ data: concatBytes(...parts), iv }).toEqual(whole);
      }),
    );
  });

  test('CTR counts through all sixteen bytes', () => {
    const iv = new Uint8Array(AES_BLOCK_SIZE).fill(0xff);
    const { iv: next } = aesEncrypt(TPM_ALG.CTR, key, iv, new Uint8Array(17));
    expect(next).toEqual(Uint8Array.of(...new Uint8Array(15), 1));
  });

  test('refuses what is not a cipher mode', () => {
    expect(isCipherMode(TPM_ALG.CMAC)).toBe(false);
    expect(() => aesEncrypt(TPM_ALG.NULL, key, key, key)).toThrow('0x10 is not a cipher mode');
    expect(MODES.every(isCipherMode)).toBe(true);
  });
});

describe('session encryption', () => {
  const sha256 = hashAlgorithm(TPM_ALG.SHA256)!;

  test('xorObfuscate() is its own reverse and uses as many bits as the data has', () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5);
    const hidden = xorObfuscate(sha256, key, Uint8Array.of(1), Uint8Array.of(2), data);
    const mask = kdfa(sha256, key, 'XOR', Uint8Array.of(1), Uint8Array.of(2), 40);
    expect(hidden).toEqual(data.map((byte, index) => byte ^ mask[index]!));
    expect(xorObfuscate(sha256, key, Uint8Array.of(1), Uint8Array.of(2), hidden)).toEqual(data);
  });

  test.each([16, 32])('sessionCipherKey() cuts key and IV of a %i-byte key', (size) => {
    const material = kdfa(sha256, key, 'CFB', Uint8Array.of(1), Uint8Array.of(2), 8 * size + 128);
    expect(sessionCipherKey(sha256, key, Uint8Array.of(1), Uint8Array.of(2), size)).toEqual({
      key: material.subarray(0, size),
      iv: material.subarray(size),
    });
  });
});
