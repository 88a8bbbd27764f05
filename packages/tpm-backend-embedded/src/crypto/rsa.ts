import { bitLength, modularInverse, modularPower, toBytes, toInteger } from './big-integer.js';

/** An RSA public key. */
export interface RsaPublicKey {
  readonly modulus: bigint;
  /** Odd, above 2. */
  readonly exponent: bigint;
  /** Length of the modulus in bytes. */
  readonly size: number;
}

/** An RSA private key with what the Chinese remainder theorem needs (RFC 8017, 3.2). */
export interface RsaPrivateKey extends RsaPublicKey {
  /** The prime that TPM2B_SENSITIVE keeps. */
  readonly p: bigint;
  readonly q: bigint;
  /** exponent^-1 modulo p - 1. */
  readonly dP: bigint;
  /** exponent^-1 modulo q - 1. */
  readonly dQ: bigint;
  /** q^-1 modulo p. */
  readonly qInv: bigint;
}

/** @returns the public key with that modulus */
export function rsaPublicKey(modulus: bigint, exponent: bigint): RsaPublicKey {
  return { modulus, exponent, size: Math.ceil(bitLength(modulus) / 8) };
}

/** @returns the private key of two primes, or `undefined` when the exponent has no inverse */
export function rsaPrivateKey(p: bigint, q: bigint, exponent: bigint): RsaPrivateKey | undefined {
  const dP = modularInverse(exponent, p - 1n);
  const dQ = modularInverse(exponent, q - 1n);
  const qInv = modularInverse(q, p);
  if (dP === undefined || dQ === undefined || qInv === undefined) return undefined;
  return { ...rsaPublicKey(p * q, exponent), p, q, dP, dQ, qInv };
}

/**
 * The private key from what TPM structures hold: the public area has the modulus, the sensitive
 * area one prime.
 *
 * It is checked that both belong together: the prime has half the modulus' size, divides the
 * modulus, and a test value that was encrypted decrypts again. Primality itself is not tested.
 *
 * @returns `undefined` when they don't (TPM_RC_BINDING)
 */
export function rsaPrivateKeyFromPrime(
  modulus: bigint,
  exponent: bigint,
  prime: bigint,
): RsaPrivateKey | undefined {
  if (prime < 3n || 2 * bitLength(prime) !== bitLength(modulus)) return undefined;
  if (modulus % prime !== 0n) return undefined;
  const key = rsaPrivateKey(prime, modulus / prime, exponent);
  if (key === undefined) return undefined;
  const sample = modulus >> 1n;
  return rsaPrivateOperation(key, rsaPublicOperation(key, sample)) === sample ? key : undefined;
}

/** RSAEP and RSAVP1 (RFC 8017, 5.1.1, 5.2.2). @param message below the modulus */
export function rsaPublicOperation(key: RsaPublicKey, message: bigint): bigint {
  return modularPower(message, key.exponent, key.modulus);
}

/** RSADP and RSASP1 (RFC 8017, 5.1.2, 5.2.1). @param message below the modulus */
export function rsaPrivateOperation(key: RsaPrivateKey, message: bigint): bigint {
  const m1 = modularPower(message, key.dP, key.p);
  const m2 = modularPower(message, key.dQ, key.q);
  const h = ((((m1 - m2) % key.p) + key.p) * key.qInv) % key.p;
  return m2 + key.q * h;
}

/**
 * Raw RSA with the public key (TPM_ALG_NULL as scheme).
 *
 * @returns as many bytes as the modulus has; `undefined` when the number is not below the modulus
 */
export function rsaPublicBytes(key: RsaPublicKey, message: Uint8Array): Uint8Array | undefined {
  const value = toInteger(message);
  return value < key.modulus ? toBytes(rsaPublicOperation(key, value), key.size) : undefined;
}

/** The same as {@link rsaPublicBytes} with the private key. */
export function rsaPrivateBytes(key: RsaPrivateKey, message: Uint8Array): Uint8Array | undefined {
  const value = toInteger(message);
  return value < key.modulus ? toBytes(rsaPrivateOperation(key, value), key.size) : undefined;
}

/**
 * @param exponent 32-bit unsigned number
 * @returns whether it may be the public exponent of a generated key: a prime from 65537 on (libtpms
 *   refuses smaller primes and composite numbers)
 */
export function isRsaExponent(exponent: number): boolean {
  if (exponent < 65_537 || exponent % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= exponent; divisor += 2) {
    if (exponent % divisor === 0) return false;
  }
  return true;
}
