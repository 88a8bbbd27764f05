import { hexToBytes } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import recording from '../../fixtures/cryptography-libtpms092.json' with { type: 'json' };
import { TPM_ALG, TPM_ECC } from '../structures/algorithm-ids.js';
import { toBytes, toInteger } from './big-integer.js';
import { CtrDrbg } from './drbg.js';
import { type EccPoint, type EllipticCurve, ellipticCurve, ellipticCurves } from './ecc.js';
import {
  type EccSignature,
  ecdaaChallenge,
  ecdaaSign,
  ecdsaSign,
  ecdsaVerify,
  ecSchnorrSign,
  ecSchnorrVerify,
} from './ecc-schemes.js';
import { type HashAlgorithm, hashAlgorithm } from './hash.js';

const number = (hex: string) => toInteger(hexToBytes(hex));
const random = new CtrDrbg();
const p256 = ellipticCurve(TPM_ECC.NIST_P256)!;
const recordedPoint: EccPoint = { x: number(recording.ecc.x), y: number(recording.ecc.y) };
const recordedKey = number(recording.ecc.privateKey);
const curves = ellipticCurves().map((curve) => [`P-${curve.bits}`, curve] as const);
const small = { numRuns: 4 };

describe('ellipticCurve()', () => {
  test('knows no other curve', () => {
    expect(ellipticCurve(TPM_ECC.BN_P256)).toBeUndefined();
    expect(ellipticCurve(TPM_ECC.NONE)).toBeUndefined();
  });

  test.each(recording.curves)('has the parameters of libtpms 0.9.2: $keySize bits', (recorded) => {
    const curve = ellipticCurve(recorded.id)!;
    const { p, a, b, gx, gy, n, h } = curve.parameters;
    const { gX, gY } = recorded;
    expect([p, a, b, gx, gy, n, h]).toEqual(
      [recorded.p, recorded.a, recorded.b, gX, gY, recorded.n, recorded.h].map(number),
    );
    expect(curve.bits).toBe(recorded.keySize);
    expect(curve.size).toBe(Math.ceil(recorded.keySize / 8));
    expect(curve.isOnCurve({ x: gx, y: gy })).toBe(true);
  });
});

describe('EllipticCurve.multiply()', () => {
  test('gives the public point and the shared point of libtpms 0.9.2', () => {
    expect(p256.multiply(recordedKey)).toEqual(recordedPoint);
    const { x, y, resultX, resultY } = recording.ecc.ecdh;
    expect(p256.multiply(recordedKey, { x: number(x), y: number(y) })).toEqual({
      x: number(resultX),
      y: number(resultY),
    });
  });

  test.each(curves)('%s: both sides of ECDH find the same point', (_name, curve) => {
    const [a, b] = [curve.randomScalar(random), curve.randomScalar(random)];
    expect(curve.multiply(a, curve.multiply(b))).toEqual(curve.multiply(b, curve.multiply(a)));
  });

  test.each(curves)('%s: refuses points off the curve and scalars out of range', (_name, curve) => {
    const { gx: x, gy: y, n } = curve.parameters;
    expect(() => curve.multiply(2n, { x, y: y + 1n })).toThrow('bad point');
    expect(() => curve.multiply(2n, { x: 0n, y: 0n })).toThrow('bad point');
    expect(() => curve.multiply(0n)).toThrow('out of range');
    expect(() => curve.multiply(n)).toThrow('out of range');
  });
});

describe('EllipticCurve.multiplyAdd()', () => {
  test.each(curves)('%s: is the sum of both products', (_name, curve) => {
    const { n } = curve.parameters;
    const key = curve.randomScalar(random);
    const [a, b] = [curve.randomScalar(random), curve.randomScalar(random)];
    const point = curve.multiply(key);
    expect(curve.multiplyAdd(a, b, point)).toEqual(curve.multiply((a + b * key) % n));
    expect(curve.multiplyAdd(0n, b, point)).toEqual(curve.multiply(b, point));
    expect(curve.multiplyAdd((n - key) % n, 1n, point)).toBeUndefined();
  });
});

describe('EllipticCurve.isOnCurve()', () => {
  test.each(curves)(
    '%s: knows its points, and takes no coordinate outside the field',
    (_n, curve) => {
      const { p } = curve.parameters;
      const { x, y } = curve.multiply(curve.randomScalar(random));
      expect(curve.isOnCurve({ x, y })).toBe(true);
      expect(curve.isOnCurve({ x, y: p - y })).toBe(true);
      expect(curve.isOnCurve({ x: x + p, y })).toBe(false);
      expect(curve.isOnCurve({ x, y: y - p })).toBe(false);
      expect(curve.isOnCurve({ x, y: y ^ 1n })).toBe(false);
      expect(curve.isOnCurve({ x: 0n, y: 0n })).toBe(false);
    },
  );
});

describe('EllipticCurve.randomScalar()', () => {
  test.each(curves)(
    '%s: is in range at both ends of what the generator can give',
    (_name, curve) => {
      const { n } = curve.parameters;
      const always = (byte: number) => ({ fill: (target: Uint8Array) => void target.fill(byte) });
      expect(curve.randomScalar(always(0))).toBe(1n);
      expect(curve.isScalar(curve.randomScalar(always(0xff)))).toBe(true);
      const last = { fill: (target: Uint8Array) => target.set(toBytes(n - 2n, target.length)) };
      expect(curve.randomScalar(last)).toBe(n - 1n);
      expect([0n, 1n, n - 1n, n].map((value) => curve.isScalar(value))).toEqual([
        false,
        true,
        true,
        false,
      ]);
    },
  );
});

describe('ecdsaVerify(), ecSchnorrVerify()', () => {
  test.each(recording.ecc.signatures)(
    'take the signature of libtpms 0.9.2: scheme $scheme, r $r',
    ({ scheme, hash, digest, r, s }) => {
      const signature = { r: number(r), s: number(s) };
      const bytes = hexToBytes(digest);
      const verified =
        scheme === TPM_ALG.ECDSA
          ? ecdsaVerify(p256, recordedPoint, bytes, signature)
          : ecSchnorrVerify(p256, recordedPoint, hashAlgorithm(hash)!, bytes, signature);
      expect(verified).toBe(true);
    },
  );

  test.each(curves)('%s: take what was signed, for every size of digest', (_name, curve) => {
    const key = curve.randomScalar(random);
    const point = curve.multiply(key);
    for (const id of [TPM_ALG.SHA1, TPM_ALG.SHA256, TPM_ALG.SHA384, TPM_ALG.SHA512]) {
      const hash = hashAlgorithm(id)!;
      const digest = hash.digest(Uint8Array.of(1));
      const ecdsa = ecdsaSign(curve, key, digest, random);
      expect(ecdsaVerify(curve, point, digest, ecdsa)).toBe(true);
      const schnorr = ecSchnorrSign(curve, key, hash, digest, random);
      expect(ecSchnorrVerify(curve, point, hash, digest, schnorr)).toBe(true);
    }
  });

  test.each(curves)('%s: take nothing else', (_name, curve) => {
    const hash = hashAlgorithm(TPM_ALG.SHA256)!;
    const { n } = curve.parameters;
    const key = curve.randomScalar(random);
    const point = curve.multiply(key);
    const digest = new Uint8Array(32).fill(3);
    const verifiers = [
      [
        ecdsaSign(curve, key, digest, random),
        (bytes: Uint8Array, r: bigint, s: bigint) => ecdsaVerify(curve, point, bytes, { r, s }),
      ],
      [
        ecSchnorrSign(curve, key, hash, digest, random),
        (bytes: Uint8Array, r: bigint, s: bigint) =>
          ecSchnorrVerify(curve, point, hash, bytes, { r, s }),
      ],
    ] as const;
    for (const [{ r, s }, verify] of verifiers) {
      expect(verify(digest, r, s)).toBe(true);
      expect(verify(new Uint8Array(32), r, s)).toBe(false);
      for (const [otherR, otherS] of [
        [0n, s],
        [r, 0n],
        [n, s],
        [r, n],
        [r + n, s],
        [r ^ 1n, s],
        [s, r],
      ]) {
        expect(verify(digest, otherR!, otherS!)).toBe(false);
      }
    }
  });

  test('a negated s passes for ECDSA, which allows it, and not for EC Schnorr', () => {
    const hash = hashAlgorithm(TPM_ALG.SHA256)!;
    const { n } = p256.parameters;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
        const ecdsa = ecdsaSign(p256, recordedKey, digest, random);
        const schnorr = ecSchnorrSign(p256, recordedKey, hash, digest, random);
        const negated = { r: ecdsa.r, s: n - ecdsa.s };
        expect(ecdsaVerify(p256, recordedPoint, digest, negated)).toBe(true);
        const other = { r: schnorr.r, s: n - schnorr.s };
        expect(ecSchnorrVerify(p256, recordedPoint, hash, digest, other)).toBe(false);
      }),
      small,
    );
  });
});

describe('ecdaaSign()', () => {
  const check = (
    curve: EllipticCurve,
    hash: HashAlgorithm,
    digest: Uint8Array,
    point: EccPoint,
    { r, s }: EccSignature,
  ) => {
    const { n } = curve.parameters;
    return curve.multiplyAdd(s, n - ecdaaChallenge(curve, hash, r, digest), point);
  };

  test.each(recording.ecdaa)(
    'has the challenge of libtpms 0.9.2: hash $hash, r $r',
    ({ hash, x, y, digest, commitX, commitY, r, s }) => {
      const signature = { r: number(r), s: number(s) };
      const point = { x: number(x), y: number(y) };
      expect(check(p256, hashAlgorithm(hash)!, hexToBytes(digest), point, signature)).toEqual({
        x: number(commitX),
        y: number(commitY),
      });
    },
  );

  test.each(curves)('%s: leads back to the point of the commitment', (_name, curve) => {
    const hash = hashAlgorithm(TPM_ALG.SHA512)!;
    const digest = new Uint8Array(64).fill(1);
    const [key, commit] = [curve.randomScalar(random), curve.randomScalar(random)];
    const signature = ecdaaSign(curve, key, hash, digest, commit, random);
    expect(check(curve, hash, digest, curve.multiply(key), signature)).toEqual(
      curve.multiply(commit),
    );
  });
});
