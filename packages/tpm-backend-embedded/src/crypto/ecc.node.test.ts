import { createPrivateKey, createPublicKey, diffieHellman, sign, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { toBytes, toInteger } from './big-integer.js';
import { CtrDrbg } from './drbg.js';
import { type EllipticCurve, ellipticCurve } from './ecc.js';
import { ecdsaSign, ecdsaVerify } from './ecc-schemes.js';
import { hashAlgorithm } from './hash.js';

const random = new CtrDrbg();
const CASES = [
  [0x03, 0x0b, 'P-256', 'sha256'],
  [0x03, 0x0d, 'P-256', 'sha512'],
  [0x04, 0x0c, 'P-384', 'sha384'],
  [0x04, 0x04, 'P-384', 'sha1'],
  [0x05, 0x0d, 'P-521', 'sha512'],
] as const;

function nodeKey(curve: EllipticCurve, name: string, key: bigint) {
  const text = (value: bigint) => Buffer.from(toBytes(value, curve.size)).toString('base64url');
  const { x, y } = curve.multiply(key);
  return createPrivateKey({
    format: 'jwk',
    key: { kty: 'EC', crv: name, x: text(x), y: text(y), d: text(key) },
  });
}

describe('elliptic curves, against node:crypto', () => {
  test.each(CASES)('curve %i with hash %i: ECDSA both ways', (id, hashId, curveName, hashName) => {
    const curve = ellipticCurve(id)!;
    const key = curve.randomScalar(random);
    const privateKey = nodeKey(curve, curveName, key);
    const message = Buffer.from('Everything that a TPM signs');
    const digest = hashAlgorithm(hashId)!.digest(message);
    const dsaEncoding = 'ieee-p1363';

    const { r, s } = ecdsaSign(curve, key, digest, random);
    const encoded = Buffer.concat([toBytes(r, curve.size), toBytes(s, curve.size)]);
    const publicKey = createPublicKey(privateKey);
    expect(verify(hashName, message, { key: publicKey, dsaEncoding }, encoded)).toBe(true);

    const other = sign(hashName, message, { key: privateKey, dsaEncoding });
    const signature = {
      r: toInteger(other.subarray(0, curve.size)),
      s: toInteger(other.subarray(curve.size)),
    };
    expect(ecdsaVerify(curve, curve.multiply(key), digest, signature)).toBe(true);
  });

  test.each([
    [0x03, 'P-256'],
    [0x04, 'P-384'],
    [0x05, 'P-521'],
  ] as const)('curve %i: ECDH', (id, name) => {
    const curve = ellipticCurve(id)!;
    const [own, peer] = [curve.randomScalar(random), curve.randomScalar(random)];
    const expected = diffieHellman({
      privateKey: nodeKey(curve, name, own),
      publicKey: createPublicKey(nodeKey(curve, name, peer)),
    });
    const { x } = curve.multiply(own, curve.multiply(peer));
    expect(toBytes(x, curve.size)).toEqual(new Uint8Array(expected));
  });
});
