import { utf8ToBytes } from '@noble/hashes/utils.js';
import { type RandomSource, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { toBytes, toInteger } from '../crypto/big-integer.js';
import { ellipticCurve } from '../crypto/ecc.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { kdfe } from '../crypto/kdf.js';
import { rsaPublicKey } from '../crypto/rsa.js';
import { oaepEncrypt } from '../crypto/rsa-schemes.js';
import type { ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { TPMS_ECC_POINT } from '../structures/buffers.js';
import type { EccPublicArea, PublicArea, RsaPublicArea } from '../structures/public-area.js';
import { marshalled } from '../structures/wire-type.js';

/** Public exponent that 0 stands for. */
const DEFAULT_EXPONENT = 65_537;

/** A secret and how only the holder of the key gets it. */
export interface ExchangedSecret {
  /** As long as the digest of the key's nameAlg. */
  readonly seed: Uint8Array;
  /** OAEP cipher text, or an ephemeral point. */
  readonly secret: Uint8Array;
}

/**
 * Makes a secret for an asymmetric key, the counterpart of `recoverSecret` (Part 1, annexes B.10
 * and C.6).
 *
 * @param label what it is for: `"DUPLICATE\0"` or `"IDENTITY\0"`
 * @returns the secret; TPM_RC_VALUE when the key can't be used for it, as one without a Name
 */
export function makeSecret(
  random: RandomSource,
  key: PublicArea,
  label: string,
): ExchangedSecret | ResponseCode {
  if (key.nameAlg === TPM_ALG.NULL) return TPM_RC_FORMAT_ONE.VALUE;
  const made =
    key.type === TPM_ALG.RSA
      ? makeByRsa(random, key, label)
      : makeByEcdh(random, key as EccPublicArea, label);
  return made ?? TPM_RC_FORMAT_ONE.VALUE;
}

function makeByRsa(
  random: RandomSource,
  { nameAlg, unique, parameters }: RsaPublicArea,
  label: string,
): ExchangedSecret | undefined {
  const hash = hashAlgorithm(nameAlg)!;
  const key = rsaPublicKey(toInteger(unique), BigInt(parameters.exponent || DEFAULT_EXPONENT));
  const seed = new Uint8Array(hash.digestSize);
  random.fill(seed);
  const secret = oaepEncrypt(key, hash, utf8ToBytes(label), seed, random);
  return secret && { seed, secret };
}

function makeByEcdh(
  random: RandomSource,
  { nameAlg, unique, parameters }: EccPublicArea,
  label: string,
): ExchangedSecret | undefined {
  const hash = hashAlgorithm(nameAlg)!;
  const curve = ellipticCurve(parameters.curveID)!;
  const target = { x: toInteger(unique.x), y: toInteger(unique.y) };
  if (!curve.isOnCurve(target)) return undefined;
  const scalar = curve.randomScalar(random);
  const ephemeral = curve.multiply(scalar);
  const point = { x: toBytes(ephemeral.x, curve.size), y: toBytes(ephemeral.y, curve.size) };
  const z = toBytes(curve.multiply(scalar, target).x, curve.size);
  return {
    seed: kdfe(hash, z, label, point.x, unique.x, 8 * hash.digestSize),
    secret: marshalled(TPMS_ECC_POINT, point),
  };
}
