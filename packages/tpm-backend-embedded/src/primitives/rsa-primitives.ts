import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { rsaPrivateBytes, rsaPublicBytes } from '../crypto/rsa.js';
import { oaepDecrypt, oaepEncrypt, rsaesDecrypt, rsaesEncrypt } from '../crypto/rsa-schemes.js';
import { findObject } from '../entity.js';
import { hasAttribute } from '../objects/object-attributes.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { rsaPrivateKeyOf, rsaPublicKeyOf } from '../signing/object-keys.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Scheme } from '../structures/algorithms.js';
import type { RsaPublicArea } from '../structures/public-area.js';
import type { Tpm } from '../tpm.js';

interface RsaInput {
  readonly keyHandle: number;
  readonly inScheme: Scheme;
  readonly label: Uint8Array;
}

/** An RSA key that may decrypt. */
interface RsaKey {
  readonly area: RsaPublicArea;
  readonly object: ObjectState;
  readonly scheme: Scheme;
}

/** TPM2_RSA_Encrypt (Part 3, section 14.2). */
export function rsaEncrypt(
  tpm: Tpm,
  input: RsaInput & { readonly message: Uint8Array },
): { readonly outData: Uint8Array } | ResponseCode {
  const found = findRsaKey(tpm, input, true);
  if (isRefusal(found)) return found;
  const key = rsaPublicKeyOf(found.area);
  const { scheme, hashAlg } = found.scheme;
  let outData: Uint8Array | undefined;
  if (scheme === TPM_ALG.OAEP) {
    const hash = hashAlgorithm(hashAlg)!;
    outData = oaepEncrypt(key, hash, input.label, input.message, tpm.random);
  } else if (scheme === TPM_ALG.RSAES) {
    outData = rsaesEncrypt(key, input.message, tpm.random);
  } else {
    outData = rsaPublicBytes(key, input.message);
  }
  // The number is above the modulus, or the message too long for the padding.
  return outData === undefined ? TPM_RC_FORMAT_ONE.VALUE : { outData };
}

/** TPM2_RSA_Decrypt (Part 3, section 14.3). */
export function rsaDecrypt(
  tpm: Tpm,
  input: RsaInput & { readonly cipherText: Uint8Array },
): { readonly message: Uint8Array } | ResponseCode {
  const found = findRsaKey(tpm, input, false);
  if (isRefusal(found)) return found;
  const key = rsaPrivateKeyOf(found.area, found.object.sensitive!);
  if (input.cipherText.length !== key.size) return TPM_RC_FORMAT_ONE.SIZE;
  const { scheme, hashAlg } = found.scheme;
  let message: Uint8Array | undefined;
  if (scheme === TPM_ALG.OAEP) {
    message = oaepDecrypt(key, hashAlgorithm(hashAlg)!, input.label, input.cipherText);
  } else if (scheme === TPM_ALG.RSAES) {
    message = rsaesDecrypt(key, input.cipherText);
  } else {
    message = rsaPrivateBytes(key, input.cipherText);
  }
  // The number is above the modulus, or the padding isn't right.
  return message === undefined ? TPM_RC_FORMAT_ONE.VALUE : { message };
}

/** Checks key, label and scheme, in that order. */
function findRsaKey(
  tpm: Tpm,
  { keyHandle, inScheme, label }: RsaInput,
  mayBeRestricted: boolean,
): RsaKey | ResponseCode {
  const object = findObject(tpm, keyHandle);
  const area = object?.publicArea;
  if (area?.type !== TPM_ALG.RSA) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  if (!hasAttribute(area, 'decrypt') || (hasAttribute(area, 'restricted') && !mayBeRestricted)) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  if (label.length > 0 && label.at(-1) !== 0) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 3);
  const scheme = decryptionScheme(area.parameters.scheme, inScheme);
  return scheme === undefined
    ? atParameter(TPM_RC_FORMAT_ONE.SCHEME, 2)
    : { area, object: object!, scheme };
}

/** The key's scheme, which the caller may repeat, or the caller's where the key has none. */
function decryptionScheme(own: Scheme, given: Scheme): Scheme | undefined {
  if (own.scheme === TPM_ALG.NULL) return given;
  const isSame = own.scheme === given.scheme && own.hashAlg === given.hashAlg;
  return isSame || given.scheme === TPM_ALG.NULL ? own : undefined;
}
