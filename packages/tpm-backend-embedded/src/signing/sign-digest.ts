import { type RandomSource, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { toBytes, toInteger } from '../crypto/big-integer.js';
import { type EccSignature, ecdsaSign, ecSchnorrSign } from '../crypto/ecc-schemes.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { rsapssSign, rsassaSign } from '../crypto/rsa-schemes.js';
import type { ResponseCode } from '../response-code.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Scheme } from '../structures/algorithms.js';
import type { EccPublicArea, RsaPublicArea, SensitiveArea } from '../structures/public-area.js';
import type { Signature } from '../structures/signatures.js';
import { curveOf, rsaPrivateKeyOf } from './object-keys.js';

/**
 * Signs a digest (Part 1, annexes B.6, B.7 and C.4).
 *
 * @param object key with its sensitive area
 * @param scheme of {@link signingScheme}
 * @param digest as long as the scheme's hash
 * @param random salts and nonces
 * @returns the signature; TPM_RC_VALUE for ECDAA, which needs a TPM2_Commit before, a command that
 *   isn't there; TPM_RC_SCHEME for a key too short for the hash
 */
export function signDigest(
  { publicArea, sensitive }: ObjectState,
  scheme: Scheme,
  digest: Uint8Array,
  random: RandomSource,
): Signature | ResponseCode {
  if (publicArea.type === TPM_ALG.RSA) {
    return signByRsa(publicArea, sensitive!, scheme, digest, random);
  }
  if (publicArea.type === TPM_ALG.ECC) {
    return signByEcc(publicArea, sensitive!, scheme, digest, random);
  }
  const { hashAlg } = scheme;
  const hmac = hashAlgorithm(hashAlg)!.hmac(sensitive!.sensitive, digest);
  return { sigAlg: TPM_ALG.HMAC, hmac: { hashAlg, digest: hmac } };
}

function signByRsa(
  area: RsaPublicArea,
  sensitive: SensitiveArea,
  { scheme, hashAlg }: Scheme,
  digest: Uint8Array,
  random: RandomSource,
): Signature | ResponseCode {
  const key = rsaPrivateKeyOf(area, sensitive);
  const hash = hashAlgorithm(hashAlg)!;
  const sigAlg = scheme === TPM_ALG.RSASSA ? TPM_ALG.RSASSA : TPM_ALG.RSAPSS;
  const sig =
    sigAlg === TPM_ALG.RSASSA
      ? rsassaSign(key, hash, digest)
      : rsapssSign(key, hash, digest, random);
  return sig === undefined ? TPM_RC_FORMAT_ONE.SCHEME : { sigAlg, hash: hashAlg, sig };
}

function signByEcc(
  area: EccPublicArea,
  { sensitive }: SensitiveArea,
  { scheme, hashAlg }: Scheme,
  digest: Uint8Array,
  random: RandomSource,
): Signature | ResponseCode {
  if (scheme === TPM_ALG.ECDAA) return TPM_RC_FORMAT_ONE.VALUE;
  const curve = curveOf(area);
  const privateKey = toInteger(sensitive);
  const written = (sigAlg: typeof TPM_ALG.ECDSA | typeof TPM_ALG.ECSCHNORR, one: EccSignature) => ({
    sigAlg,
    hash: hashAlg,
    signatureR: toBytes(one.r, curve.size),
    signatureS: toBytes(one.s, curve.size),
  });
  return scheme === TPM_ALG.ECDSA
    ? written(TPM_ALG.ECDSA, ecdsaSign(curve, privateKey, digest, random))
    : written(
        TPM_ALG.ECSCHNORR,
        ecSchnorrSign(curve, privateKey, hashAlgorithm(hashAlg)!, digest, random),
      );
}
