import { equalBytes } from '@noble/curves/utils.js';
import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { toInteger } from '../crypto/big-integer.js';
import { ecdsaVerify, ecSchnorrVerify } from '../crypto/ecc-schemes.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { rsapssVerify, rsassaVerify } from '../crypto/rsa-schemes.js';
import type { ResponseCode } from '../response-code.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { EccPublicArea, RsaPublicArea } from '../structures/public-area.js';
import type { Signature } from '../structures/signatures.js';
import { curveOf, publicPointOf, rsaPublicKeyOf } from './object-keys.js';

/**
 * Checks a signature of a digest. The signature's own scheme counts; a scheme that the key's
 * public area names is not asked for, as libtpms does it.
 *
 * @returns `TPM_RC.SUCCESS`; TPM_RC_SIGNATURE when it is not a signature of the digest by the key;
 *   TPM_RC_SCHEME when such a key makes no such signature, or one that can't be checked (ECDAA);
 *   TPM_RC_HANDLE of an HMAC key without its secret. Codes carry no number.
 */
export function verifyDigest(
  object: ObjectState,
  digest: Uint8Array,
  signature: Signature,
): ResponseCode {
  const { publicArea, sensitive } = object;
  if (publicArea.type === TPM_ALG.KEYEDHASH && sensitive === undefined) {
    return TPM_RC_FORMAT_ONE.HANDLE;
  }
  const isRight = isSignature(object, digest, signature);
  if (isRight === undefined) return TPM_RC_FORMAT_ONE.SCHEME;
  return isRight ? TPM_RC.SUCCESS : TPM_RC_FORMAT_ONE.SIGNATURE;
}

/** @returns undefined where key and kind of signature don't go together */
function isSignature(
  { publicArea, sensitive }: ObjectState,
  digest: Uint8Array,
  signature: Signature,
): boolean | undefined {
  switch (publicArea.type) {
    case TPM_ALG.RSA:
      return isRsaSignature(publicArea, digest, signature);
    case TPM_ALG.ECC:
      return isEccSignature(publicArea, digest, signature);
    case TPM_ALG.KEYEDHASH: {
      if (signature.sigAlg !== TPM_ALG.HMAC) return undefined;
      const { hashAlg, digest: found } = signature.hmac;
      return equalBytes(hashAlgorithm(hashAlg)!.hmac(sensitive!.sensitive, digest), found);
    }
    default:
      return undefined;
  }
}

function isRsaSignature(
  area: RsaPublicArea,
  digest: Uint8Array,
  signature: Signature,
): boolean | undefined {
  const { sigAlg } = signature;
  if (sigAlg !== TPM_ALG.RSASSA && sigAlg !== TPM_ALG.RSAPSS) return undefined;
  const hash = hashAlgorithm(signature.hash)!;
  if (digest.length !== hash.digestSize) return false;
  const verify = sigAlg === TPM_ALG.RSASSA ? rsassaVerify : rsapssVerify;
  return verify(rsaPublicKeyOf(area), hash, digest, signature.sig);
}

function isEccSignature(
  area: EccPublicArea,
  digest: Uint8Array,
  signature: Signature,
): boolean | undefined {
  const { sigAlg } = signature;
  if (sigAlg !== TPM_ALG.ECDSA && sigAlg !== TPM_ALG.ECSCHNORR) return undefined;
  const numbers = { r: toInteger(signature.signatureR), s: toInteger(signature.signatureS) };
  const [curve, point] = [curveOf(area), publicPointOf(area)];
  if (point === undefined) return false;
  return sigAlg === TPM_ALG.ECDSA
    ? ecdsaVerify(curve, point, digest, numbers)
    : ecSchnorrVerify(curve, point, hashAlgorithm(signature.hash)!, digest, numbers);
}
