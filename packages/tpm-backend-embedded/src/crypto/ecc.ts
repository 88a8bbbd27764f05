import type { WeierstrassPoint, WeierstrassPointCons } from '@noble/curves/abstract/weierstrass.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import type { RandomSource } from 'tpm-core';
import { TPM_ECC } from '../structures/algorithm-ids.js';
import { toInteger } from './big-integer.js';

/** A point other than the point at infinity. */
export interface EccPoint {
  readonly x: bigint;
  readonly y: bigint;
}

/** The numbers that define a curve y² = x³ + ax + b over the field of p (TPM2_ECC_Parameters). */
export interface CurveParameters {
  readonly p: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly gx: bigint;
  readonly gy: bigint;
  /** Order of the base point. */
  readonly n: bigint;
  /** Cofactor. */
  readonly h: bigint;
}

/** An implemented elliptic curve. Scalars and coordinates are numbers. */
export interface EllipticCurve {
  /** TPM_ECC_CURVE. */
  readonly id: number;
  /** Key size in bits, as in the algorithm details: 256, 384 or 521. */
  readonly bits: number;
  /** Size of a coordinate and of a private key in bytes. */
  readonly size: number;
  readonly parameters: CurveParameters;
  /** @returns whether the coordinates are in the field and the point is on the curve */
  isOnCurve(point: EccPoint): boolean;
  /** @returns whether 0 < scalar < n, as a private key must be */
  isScalar(scalar: bigint): boolean;
  /**
   * @param scalar 0 < scalar < n
   * @param point on the curve; the base point when left out
   * @throws Error of the library when `point` is not on the curve or the scalar out of range
   */
  multiply(scalar: bigint, point?: EccPoint): EccPoint;
  /**
   * Not for secrets.
   *
   * @returns a·G + b·point, `undefined` for the point at infinity
   * @param a at least 0, below n
   * @param b at least 0, below n
   */
  multiplyAdd(a: bigint, b: bigint, point: EccPoint): EccPoint | undefined;
  /**
   * A random scalar from one request: the bytes of the order and eight more, modulo n - 1, plus 1
   * (FIPS 186-4, B.4.1). Private keys and signing nonces are made this way, primaries included.
   */
  randomScalar(random: RandomSource): bigint;
}

class NistCurve implements EllipticCurve {
  readonly id: number;
  readonly bits: number;
  readonly size: number;
  readonly parameters: CurveParameters;
  readonly #points: WeierstrassPointCons<bigint>;

  constructor(id: number, points: WeierstrassPointCons<bigint>) {
    const { p, a, b, Gx, Gy, n, h } = points.CURVE();
    this.id = id;
    this.bits = points.Fp.BITS;
    this.size = points.Fp.BYTES;
    this.parameters = { p, a, b, gx: Gx, gy: Gy, n, h };
    this.#points = points;
  }

  isOnCurve({ x, y }: EccPoint): boolean {
    const { p, a, b } = this.parameters;
    if (x < 0n || y < 0n || x >= p || y >= p) return false;
    return (y * y - x * x * x - a * x - b) % p === 0n;
  }

  isScalar(scalar: bigint): boolean {
    return scalar > 0n && scalar < this.parameters.n;
  }

  multiply(scalar: bigint, point?: EccPoint): EccPoint {
    return this.#point(point).multiply(scalar).toAffine();
  }

  multiplyAdd(a: bigint, b: bigint, point: EccPoint): EccPoint | undefined {
    const sum = this.#points.BASE.mulAddUnsafe(a, this.#point(point), b);
    return sum.is0() ? undefined : sum.toAffine();
  }

  randomScalar(random: RandomSource): bigint {
    const bytes = new Uint8Array(this.size + 8);
    random.fill(bytes);
    return (toInteger(bytes) % (this.parameters.n - 1n)) + 1n;
  }

  #point(point: EccPoint | undefined): WeierstrassPoint<bigint> {
    if (point === undefined) return this.#points.BASE;
    const result = this.#points.fromAffine(point);
    result.assertValidity();
    return result;
  }
}

const curves: ReadonlyMap<number, EllipticCurve> = new Map([
  [TPM_ECC.NIST_P256, new NistCurve(TPM_ECC.NIST_P256, p256.Point)],
  [TPM_ECC.NIST_P384, new NistCurve(TPM_ECC.NIST_P384, p384.Point)],
  [TPM_ECC.NIST_P521, new NistCurve(TPM_ECC.NIST_P521, p521.Point)],
] as [number, EllipticCurve][]);

/**
 * @param id TPM_ECC_CURVE
 * @returns the curve, or `undefined` when it is not implemented
 */
export function ellipticCurve(id: number): EllipticCurve | undefined {
  return curves.get(id);
}

/** Every implemented curve, in the order of identifiers. */
export function ellipticCurves(): readonly EllipticCurve[] {
  return [...curves.values()];
}
