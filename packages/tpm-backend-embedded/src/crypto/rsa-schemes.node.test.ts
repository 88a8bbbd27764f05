import {
  constants,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  sign,
  verify,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { modularInverse, toBytes } from './big-integer.js';
import { CtrDrbg } from './drbg.js';
import { hashAlgorithm } from './hash.js';
import type { RsaPrivateKey } from './rsa.js';
import { generateRsaKey } from './rsa-key-generation.js';
import {
  oaepDecrypt,
  oaepEncrypt,
  rsaesEncrypt,
  rsapssSign,
  rsapssVerify,
  rsassaSign,
  rsassaVerify,
} from './rsa-schemes.js';

const random = new CtrDrbg();
const HASHES = [
  [0x04, 'sha1'],
  [0x0b, 'sha256'],
  [0x0c, 'sha384'],
  [0x0d, 'sha512'],
] as const;

function generate(bits: number): RsaPrivateKey {
  const steps = generateRsaKey(random, bits, 65_537n);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function nodeKey(key: RsaPrivateKey) {
  const text = (value: bigint, size = key.size / 2) =>
    Buffer.from(toBytes(value, size)).toString('base64url');
  const d = modularInverse(key.exponent, (key.p - 1n) * (key.q - 1n))!;
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'RSA',
      n: text(key.modulus, key.size),
      e: text(key.exponent, 3),
      d: text(d, key.size),
      p: text(key.p),
      q: text(key.q),
      dp: text(key.dP),
      dq: text(key.dQ),
      qi: text(key.qInv),
    },
  });
}

const message = Buffer.from('Everything that a TPM signs');
const key = generate(2_048);
const privateKey = nodeKey(key);
const publicKey = createPublicKey(privateKey);
const bytes = (buffer: Buffer) => new Uint8Array(buffer);

describe('RSA schemes, against node:crypto', () => {
  test.each(HASHES)('0x%s RSASSA', (id, name) => {
    const hash = hashAlgorithm(id)!;
    const digest = hash.digest(message);
    const expected = bytes(sign(name, message, privateKey));
    expect(rsassaSign(key, hash, digest)).toEqual(expected);
    expect(rsassaVerify(key, hash, digest, expected)).toBe(true);
  });

  test.each(HASHES)('0x%s RSAPSS, both ways, salt of any length', (id, name) => {
    const hash = hashAlgorithm(id)!;
    const digest = hash.digest(message);
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const signature = rsapssSign(key, hash, digest, random)!;
    const strict = { key: publicKey, padding, saltLength: hash.digestSize };
    expect(verify(name, message, strict, signature)).toBe(true);
    for (const saltLength of [0, 20, constants.RSA_PSS_SALTLEN_MAX_SIGN]) {
      const other = bytes(sign(name, message, { key: privateKey, padding, saltLength }));
      expect(rsapssVerify(key, hash, digest, other)).toBe(true);
    }
  });

  test.each(HASHES)('0x%s OAEP, both ways, with a label', (id, oaepHash) => {
    const hash = hashAlgorithm(id)!;
    const oaepLabel = Buffer.from('SECRET\0');
    const sealed = oaepEncrypt(key, hash, oaepLabel, message, random)!;
    expect(privateDecrypt({ key: privateKey, oaepHash, oaepLabel }, sealed)).toEqual(message);
    const other = bytes(publicEncrypt({ key: publicKey, oaepHash, oaepLabel }, message));
    expect(oaepDecrypt(key, hash, oaepLabel, other)).toEqual(bytes(message));
  });

  test('RSAES: the block that node:crypto finds in the cipher text', () => {
    const padding = constants.RSA_NO_PADDING;
    const sealed = rsaesEncrypt(key, message, random)!;
    const block = privateDecrypt({ key: privateKey, padding }, sealed);
    expect(block.subarray(0, 2)).toEqual(Buffer.from([0, 2]));
    expect(block.subarray(block.indexOf(0, 2) + 1)).toEqual(message);
  });

  test.each([1_024, 3_072])('a key of %i bits', (bits) => {
    const other = generate(bits);
    const hash = hashAlgorithm(0x0b)!;
    expect(rsassaSign(other, hash, hash.digest(message))).toEqual(
      bytes(sign('sha256', message, nodeKey(other))),
    );
  });
});
