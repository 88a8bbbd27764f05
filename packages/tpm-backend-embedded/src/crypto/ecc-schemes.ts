import type { RandomSource } from 'tpm-core';
import { modularInverse, toBytes, toInteger } from './big-integer.js';
import type { EccPoint, EllipticCurve } from './ecc.js';
import type { HashAlgorithm } from './hash.js';

/** The two numbers of an ECDSA, ECSCHNORR or ECDAA signature (TPMS_SIGNATURE_ECC). */
export interface EccSignature {
  readonly r: bigint;
  readonly s: bigint;
}

/** @returns the leftmost bits of the digest, as many as the order has (FIPS 186-4, 6.4) */
function digestInteger(curve: EllipticCurve, digest: Uint8Array): bigint {
  const excess = 8 * digest.length - curve.bits;
  return excess > 0 ? toInteger(digest) >> BigInt(excess) : toInteger(digest);
}

/**
 * ECDSA (FIPS 186-4, 6.4; Part 1, C.4.2) with a random nonce.
 *
 * @param privateKey 0 < privateKey < n
 * @param random where the nonce comes from, one request for each attempt
 */
export function ecdsaSign(
  curve: EllipticCurve,
  privateKey: bigint,
  digest: Uint8Array,
  random: RandomSource,
): EccSignature {
  const { n } = curve.parameters;
  const e = digestInteger(curve, digest);
  for (;;) {
    const nonce = curve.randomScalar(random);
    const r = curve.multiply(nonce).x % n;
    const s = (modularInverse(nonce, n)! * (e + r * privateKey)) % n;
    if (r !== 0n && s !== 0n) return { r, s };
  }
}

/** @returns whether `signature` is an ECDSA signature of `digest`; `point` must be on the curve */
export function ecdsaVerify(
  curve: EllipticCurve,
  point: EccPoint,
  digest: Uint8Array,
  { r, s }: EccSignature,
): boolean {
  if (!curve.isScalar(r) || !curve.isScalar(s)) return false;
  const { n } = curve.parameters;
  const inverse = modularInverse(s, n)!;
  const u1 = (digestInteger(curve, digest) * inverse) % n;
  const sum = curve.multiplyAdd(u1, (r * inverse) % n, point);
  return sum !== undefined && sum.x % n === r;
}

/**
 * The challenge of Schnorr signatures: hash over x ‖ digest. Of a hash longer than the order the
 * first bytes are taken.
 */
function schnorrChallenge(
  curve: EllipticCurve,
  hash: HashAlgorithm,
  x: bigint,
  digest: Uint8Array,
): bigint {
  const { n } = curve.parameters;
  const challenge = hash.digest(toBytes(x % n, curve.size), digest).subarray(0, curve.size);
  return toInteger(challenge) % n;
}

/**
 * EC Schnorr (Part 1, C.4.3): r is the challenge, s = nonce + r·privateKey.
 *
 * @param hash hash of the scheme
 * @param random where the nonce comes from, one request for each attempt
 */
export function ecSchnorrSign(
  curve: EllipticCurve,
  privateKey: bigint,
  hash: HashAlgorithm,
  digest: Uint8Array,
  random: RandomSource,
): EccSignature {
  const { n } = curve.parameters;
  for (;;) {
    const nonce = curve.randomScalar(random);
    const r = schnorrChallenge(curve, hash, curve.multiply(nonce).x, digest);
    const s = (nonce + r * privateKey) % n;
    if (r !== 0n && s !== 0n) return { r, s };
  }
}

/** @returns whether it is an EC Schnorr signature of `digest`; `point` must be on the curve */
export function ecSchnorrVerify(
  curve: EllipticCurve,
  point: EccPoint,
  hash: HashAlgorithm,
  digest: Uint8Array,
  { r, s }: EccSignature,
): boolean {
  if (!curve.isScalar(r) || !curve.isScalar(s)) return false;
  const sum = curve.multiplyAdd(s, curve.parameters.n - r, point);
  return sum !== undefined && schnorrChallenge(curve, hash, sum.x, digest) === r;
}

/**
 * The challenge of an ECDAA signature: hash over nonce ‖ digest, reduced whole (unlike that of EC
 * Schnorr).
 *
 * @param nonce first number of the signature
 */
export function ecdaaChallenge(
  curve: EllipticCurve,
  hash: HashAlgorithm,
  nonce: bigint,
  digest: Uint8Array,
): bigint {
  return toInteger(hash.digest(toBytes(nonce, curve.size), digest)) % curve.parameters.n;
}

/**
 * ECDAA (Part 1, C.4.2): r is a fresh nonce, s = commitSecret + challenge·privateKey. Whoever knows
 * the point commitSecret·G can check it; TPM2_VerifySignature cannot.
 *
 * @param hash hash of the scheme
 * @param commitSecret the random number behind TPM2_Commit's points, 0 < commitSecret < n
 * @param random where the nonce comes from, one request for each attempt
 */
export function ecdaaSign(
  curve: EllipticCurve,
  privateKey: bigint,
  hash: HashAlgorithm,
  digest: Uint8Array,
  commitSecret: bigint,
  random: RandomSource,
): EccSignature {
  const { n } = curve.parameters;
  for (;;) {
    const r = curve.randomScalar(random);
    const s = (commitSecret + ecdaaChallenge(curve, hash, r, digest) * privateKey) % n;
    if (s !== 0n) return { r, s };
  }
}
