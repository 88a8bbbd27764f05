import { toInteger } from '../crypto/big-integer.js';
import { type EccPoint, type EllipticCurve, ellipticCurve } from '../crypto/ecc.js';
import {
  type RsaPrivateKey,
  type RsaPublicKey,
  rsaPrivateKey,
  rsaPublicKey,
} from '../crypto/rsa.js';
import type { EccPublicArea, RsaPublicArea, SensitiveArea } from '../structures/public-area.js';

/** Public exponent that 0 stands for. */
const DEFAULT_EXPONENT = 65_537;

/** @returns the public key of an RSA object */
export function rsaPublicKeyOf({ unique, parameters }: RsaPublicArea): RsaPublicKey {
  return rsaPublicKey(toInteger(unique), BigInt(parameters.exponent || DEFAULT_EXPONENT));
}

/** @returns the private key of an RSA object, whose two areas belong together */
export function rsaPrivateKeyOf(
  { unique, parameters }: RsaPublicArea,
  { sensitive }: SensitiveArea,
): RsaPrivateKey {
  const p = toInteger(sensitive);
  const exponent = BigInt(parameters.exponent || DEFAULT_EXPONENT);
  return rsaPrivateKey(p, toInteger(unique) / p, exponent)!;
}

/** @returns the curve of an ECC object */
export function curveOf({ parameters }: EccPublicArea): EllipticCurve {
  return ellipticCurve(parameters.curveID)!;
}

/** @returns the public point of an ECC object; undefined of a nameless key whose point is none */
export function publicPointOf(area: EccPublicArea): EccPoint | undefined {
  const point = { x: toInteger(area.unique.x), y: toInteger(area.unique.y) };
  return curveOf(area).isOnCurve(point) ? point : undefined;
}
