import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { RandomSource } from 'tpm-core';
import { CtrDrbg } from './drbg.js';
import type { EccPoint, EllipticCurve } from './ecc.js';
import type { HashAlgorithm } from './hash.js';
import type { RsaPrivateKey } from './rsa.js';
import { generateRsaKey } from './rsa-key-generation.js';

const SEED_LABEL: Uint8Array = utf8ToBytes('Primary Object Creation\0');

/**
 * The generator that a primary object's secret comes from: the same seed, template and sensitive
 * data give the same object for as long as the seed lives (Part 1, 14; details as in libtpms).
 *
 * @param primarySeed seed of the hierarchy (64 bytes; other sizes are taken as they are)
 * @param templateName Name of the template as the caller sent it: nameAlg ‖ hash over the whole
 *   public area, `unique` and what the caller left empty included
 * @param data `data` of the caller's TPMS_SENSITIVE_CREATE; the authValue does not enter
 */
export function primaryGenerator(
  primarySeed: Uint8Array,
  templateName: Uint8Array,
  data: Uint8Array,
): CtrDrbg {
  const generator = new CtrDrbg();
  generator.reseed(primarySeed, SEED_LABEL, templateName, data);
  return generator;
}

/** What is to be created. */
export type SecretKind =
  | { readonly type: 'rsa'; readonly bits: number; readonly exponent: bigint }
  | { readonly type: 'ecc'; readonly curve: EllipticCurve }
  | {
      /** A symmetric key, an HMAC or XOR key, a derivation parent, or sealed data. */
      readonly type: 'bytes';
      /**
       * Bytes to draw: the key size of a symmetric key; for a keyed-hash object the digest size of
       * the scheme's hash, of nameAlg when there is no scheme.
       */
      readonly size: number;
      /** The caller's own secret, taken in place of random bytes. */
      readonly given?: Uint8Array;
    };

/** The secret of a new object, and its public half where it has one. */
export type Secret =
  | { readonly type: 'rsa'; readonly key: RsaPrivateKey }
  | { readonly type: 'ecc'; readonly privateKey: bigint; readonly point: EccPoint }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array };

/** How the seedValue (TPMT_SENSITIVE) of a new object is made. */
export interface SeedValueOptions {
  /** Digest size of the object's nameAlg; 0 for an asymmetric key that is no parent. */
  readonly size: number;
  /** Runs after the secret is drawn and before seedValue: {@link reseedWithProofs}. */
  readonly before?: () => void;
}

/**
 * For primaries of the endorsement hierarchy, between secret and seedValue: so TPM2_Clear, which
 * changes the proofs, ends the use of the objects beneath, though the key itself stays.
 */
export function reseedWithProofs(
  generator: CtrDrbg,
  shProof: Uint8Array,
  ehProof: Uint8Array,
): void {
  generator.reseed(shProof);
  generator.reseed(ehProof);
}

/** What {@link createSecret} makes. */
export interface CreatedSecret {
  readonly secret: Secret;
  /** seedValue of the sensitive area, of the size asked for. */
  readonly seedValue: Uint8Array;
}

/**
 * Draws the secret of a new object and then its seedValue, as TPM2_CreatePrimary, TPM2_Create and
 * TPM2_CreateLoaded do. Yields while it looks for the primes of an RSA key, see `generateRsaKey`;
 * nothing else takes long.
 *
 * The trial value that libtpms draws after an RSA signing key is left out: only seedValue comes
 * after it, which such a key does not keep.
 *
 * @param random {@link primaryGenerator} for a primary, the TPM's own generator for an ordinary object,
 *   a `DerivedSource` for a derived one
 * @returns through the generator's result, secret and seedValue
 */
export function* createSecret(
  random: RandomSource,
  kind: SecretKind,
  { size, before }: SeedValueOptions,
): Generator<void, CreatedSecret> {
  const secret = yield* drawSecret(random, kind);
  before?.();
  const seedValue = new Uint8Array(size);
  random.fill(seedValue);
  return { secret, seedValue };
}

function* drawSecret(random: RandomSource, kind: SecretKind): Generator<void, Secret> {
  if (kind.type === 'rsa') {
    return { type: 'rsa', key: yield* generateRsaKey(random, kind.bits, kind.exponent) };
  }
  if (kind.type === 'ecc') {
    const privateKey = kind.curve.randomScalar(random);
    return { type: 'ecc', privateKey, point: kind.curve.multiply(privateKey) };
  }
  if (kind.given !== undefined) return { type: 'bytes', bytes: kind.given };
  const bytes = new Uint8Array(kind.size);
  random.fill(bytes);
  return { type: 'bytes', bytes };
}

/**
 * `unique` of a symmetric or keyed-hash object, which binds its public area to its secret
 * (Part 1, 27.5.3): hash over seedValue ‖ secret; for a parent (restricted and decrypt) HMAC over
 * the secret with seedValue as key.
 *
 * @param nameAlgorithm the object's nameAlg
 */
export function uniqueOfSecret(
  nameAlgorithm: HashAlgorithm,
  seedValue: Uint8Array,
  secret: Uint8Array,
  isParent: boolean,
): Uint8Array {
  return isParent ? nameAlgorithm.hmac(seedValue, secret) : nameAlgorithm.digest(seedValue, secret);
}
