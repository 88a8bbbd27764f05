import { bytesToHex, hexToBytes } from '@noble/curves/utils.js';
import { describe, expect, test } from 'vitest';
import recording from '../../fixtures/cryptography-libtpms092.json' with { type: 'json' };
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { toBytes, toInteger } from './big-integer.js';
import { CtrDrbg } from './drbg.js';
import { hashAlgorithm } from './hash.js';
import { rsaPrivateBytes, rsaPrivateKeyFromPrime, rsaPublicBytes } from './rsa.js';
import { generateRsaKey } from './rsa-key-generation.js';
import {
  oaepDecrypt,
  oaepEncrypt,
  rsaesDecrypt,
  rsaesEncrypt,
  rsapssSign,
  rsapssVerify,
  rsassaSign,
  rsassaVerify,
} from './rsa-schemes.js';

const key = rsaPrivateKeyFromPrime(
  toInteger(hexToBytes(recording.rsa.modulus)),
  65_537n,
  toInteger(hexToBytes(recording.rsa.prime)),
)!;
const sha256 = hashAlgorithm(TPM_ALG.SHA256)!;
const sha512 = hashAlgorithm(TPM_ALG.SHA512)!;
const random = new CtrDrbg();

function smallKey(bits: number) {
  const steps = generateRsaKey(new CtrDrbg(), bits, 65_537n);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

describe('rsassaSign()', () => {
  test.each(recording.rsa.signatures.filter(({ scheme }) => scheme === TPM_ALG.RSASSA))(
    'gives the signature of libtpms 0.9.2 with hash $hash',
    ({ hash: id, digest, signature }) => {
      const hash = hashAlgorithm(id)!;
      const signed = rsassaSign(key, hash, hexToBytes(digest))!;
      expect(bytesToHex(signed)).toBe(signature);
      expect(rsassaVerify(key, hash, hexToBytes(digest), signed)).toBe(true);
    },
  );

  test('has no signature for a key too short for the hash', () => {
    const short = smallKey(512);
    expect(rsassaSign(short, sha512, new Uint8Array(64))).toBeUndefined();
    expect(rsassaVerify(short, sha512, new Uint8Array(64), new Uint8Array(64))).toBe(false);
    expect(rsassaSign(short, sha256, new Uint8Array(32))).toHaveLength(64);
  });
});

describe('rsapssVerify()', () => {
  test.each(recording.rsa.signatures.filter(({ scheme }) => scheme === TPM_ALG.RSAPSS))(
    'takes the signature of libtpms 0.9.2 with hash $hash',
    ({ hash, digest, signature }) => {
      expect(
        rsapssVerify(key, hashAlgorithm(hash)!, hexToBytes(digest), hexToBytes(signature)),
      ).toBe(true);
    },
  );

  test('takes a signature whose salt had to be shorter than the digest', () => {
    const short = smallKey(1_024);
    const digest = new Uint8Array(64).fill(9);
    const signature = rsapssSign(short, sha512, digest, random)!;
    expect(rsapssVerify(short, sha512, digest, signature)).toBe(true);
    expect(rsapssSign(smallKey(512), sha512, digest, random)).toBeUndefined();
    expect(rsapssVerify(smallKey(512), sha512, digest, new Uint8Array(64))).toBe(false);
  });
});

describe('signatures', () => {
  const digest = new Uint8Array(32).fill(5);
  const schemes = [
    ['RSASSA', rsassaSign(key, sha256, digest)!, rsassaVerify],
    ['RSAPSS', rsapssSign(key, sha256, digest, random)!, rsapssVerify],
  ] as const;

  test.each(schemes)('%s: any changed byte is noticed', (_name, signature, verify) => {
    expect(verify(key, sha256, digest, signature)).toBe(true);
    for (let index = 0; index < signature.length; index += 5) {
      const changed = signature.slice();
      changed[index]! ^= 1;
      expect(verify(key, sha256, digest, changed)).toBe(false);
    }
    const other = digest.slice();
    other[0]! ^= 1;
    expect(verify(key, sha256, other, signature)).toBe(false);
  });

  test.each(schemes)(
    '%s: another size or a value above the modulus',
    (_name, signature, verify) => {
      expect(verify(key, sha256, digest, signature.subarray(1))).toBe(false);
      expect(verify(key, sha256, digest, new Uint8Array(256).fill(0xff))).toBe(false);
      expect(verify(key, sha256, digest, new Uint8Array(256))).toBe(false);
    },
  );
});

describe('oaepDecrypt()', () => {
  const { hash, label, cipherText, message } = recording.rsa.oaep;
  const algorithm = hashAlgorithm(hash)!;

  test('opens what was made for libtpms 0.9.2', () => {
    const opened = oaepDecrypt(key, algorithm, hexToBytes(label), hexToBytes(cipherText))!;
    expect(bytesToHex(opened)).toBe(message);
  });

  test('opens nothing with another label, hash or size', () => {
    const bytes = hexToBytes(cipherText);
    expect(oaepDecrypt(key, algorithm, new Uint8Array(0), bytes)).toBeUndefined();
    expect(oaepDecrypt(key, sha512, hexToBytes(label), bytes)).toBeUndefined();
    expect(oaepDecrypt(key, algorithm, hexToBytes(label), bytes.subarray(1))).toBeUndefined();
    const above = toBytes(key.modulus, 256);
    expect(oaepDecrypt(key, algorithm, hexToBytes(label), above)).toBeUndefined();
    expect(oaepDecrypt(smallKey(512), sha256, bytes, new Uint8Array(64))).toBeUndefined();
  });

  test.each([0, 1, 190])('opens a message of %i bytes', (size) => {
    const text = new Uint8Array(size).fill(1);
    const sealed = oaepEncrypt(key, sha256, Uint8Array.of(0), text, random)!;
    expect(oaepDecrypt(key, sha256, Uint8Array.of(0), sealed)).toEqual(text);
  });

  test('oaepEncrypt() refuses one byte more than fits', () => {
    const tooLong = new Uint8Array(191);
    expect(oaepEncrypt(key, sha256, Uint8Array.of(0), tooLong, random)).toBeUndefined();
    expect(oaepEncrypt(smallKey(512), sha512, tooLong, tooLong, random)).toBeUndefined();
  });
});

describe('rsaesDecrypt()', () => {
  test('opens what was made for libtpms 0.9.2', () => {
    const { cipherText, message } = recording.rsa.rsaes;
    expect(bytesToHex(rsaesDecrypt(key, hexToBytes(cipherText))!)).toBe(message);
  });

  test('opens nothing else', () => {
    expect(rsaesDecrypt(key, new Uint8Array(256))).toBeUndefined();
    expect(rsaesDecrypt(key, new Uint8Array(255))).toBeUndefined();
    expect(rsaesDecrypt(key, toBytes(key.modulus, 256))).toBeUndefined();
    const shortPadding = `0002${'01'.repeat(7)}00`;
    for (const block of [shortPadding, `0001${'01'.repeat(9)}00`, '0002']) {
      const encoded = new Uint8Array(256).fill(1);
      encoded.set(hexToBytes(block));
      expect(rsaesDecrypt(key, rsaPublicBytes(key, encoded)!)).toBeUndefined();
    }
  });

  test.each([0, 1, 245])('opens a message of %i bytes', (size) => {
    const text = new Uint8Array(size);
    expect(rsaesDecrypt(key, rsaesEncrypt(key, text, random)!)).toEqual(text);
  });

  test('rsaesEncrypt() pads without zeros and refuses one byte more than fits', () => {
    expect(rsaesEncrypt(key, new Uint8Array(246), random)).toBeUndefined();
    let calls = 0;
    const zerosFirst = { fill: (target: Uint8Array) => void target.fill(calls++) };
    const encoded = rsaPrivateBytes(key, rsaesEncrypt(key, new Uint8Array(0), zerosFirst)!)!;
    expect(encoded.indexOf(0, 2)).toBe(255);
  });
});
