import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { AES_BLOCK_SIZE, aesDecrypt, aesEncrypt, isCipherDataSize } from '../crypto/symmetric.js';
import { findObject } from '../entity.js';
import { hasAttribute } from '../objects/object-attributes.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { startHmacSequence } from '../sequences.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Tpm } from '../tpm.js';

/** Parameters of TPM2_EncryptDecrypt and TPM2_EncryptDecrypt2. */
export interface CipherInput {
  readonly keyHandle: number;
  readonly decrypt: number;
  readonly mode: number;
  readonly ivIn: Uint8Array;
  readonly inData: Uint8Array;
}

/** Numbers of parameters in the command. */
export interface CipherNumbers {
  readonly mode: number;
  readonly ivIn: number;
  readonly inData: number;
}

/**
 * TPM2_EncryptDecrypt and TPM2_EncryptDecrypt2 (Part 3, sections 15.2 and 15.3): AES in the key's
 * mode, or in the caller's where the key has none.
 */
export function encryptDecrypt(
  tpm: Tpm,
  { keyHandle, decrypt, mode, ivIn, inData }: CipherInput,
  numbers: CipherNumbers,
): { readonly outData: Uint8Array; readonly ivOut: Uint8Array } | ResponseCode {
  const key = findObject(tpm, keyHandle);
  const area = key?.publicArea;
  if (area?.type !== TPM_ALG.SYMCIPHER) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  const isAllowed = hasAttribute(area, decrypt === 1 ? 'decrypt' : 'sign');
  if (hasAttribute(area, 'restricted') || !isAllowed) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  const own = area.parameters.symmetric.mode;
  const chosen = own === TPM_ALG.NULL ? mode : own;
  if (chosen === TPM_ALG.NULL || (mode !== TPM_ALG.NULL && mode !== chosen)) {
    return atParameter(TPM_RC_FORMAT_ONE.MODE, numbers.mode);
  }
  if (ivIn.length !== (chosen === TPM_ALG.ECB ? 0 : AES_BLOCK_SIZE)) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, numbers.ivIn);
  }
  if (!isCipherDataSize(chosen, inData.length)) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, numbers.inData);
  }
  const run = decrypt === 1 ? aesDecrypt : aesEncrypt;
  const { data, iv } = run(chosen, key!.sensitive!.sensitive, ivIn, inData);
  return { outData: data, ivOut: iv };
}

/** TPM2_HMAC (Part 3, section 15.5). */
export function hmac(
  tpm: Tpm,
  handle: number,
  hashAlg: number,
  buffer: Uint8Array,
): { readonly outHMAC: Uint8Array } | ResponseCode {
  const found = findHmacKey(tpm, handle, hashAlg);
  if (isRefusal(found)) return found;
  const key = found.object.sensitive!.sensitive;
  return { outHMAC: hashAlgorithm(found.hashAlg)!.hmac(key, buffer) };
}

/** TPM2_HMAC_Start (Part 3, section 17.2). */
export function hmacStart(
  tpm: Tpm,
  handle: number,
  auth: Uint8Array,
  hashAlg: number,
): { readonly responseHandle: number } | ResponseCode {
  const found = findHmacKey(tpm, handle, hashAlg);
  if (isRefusal(found)) return found;
  return startHmacSequence(tpm, auth, found.hashAlg, found.object.sensitive!.sensitive);
}

/** Finds key and hash, in whose commands the hash is the second parameter. */
function findHmacKey(
  tpm: Tpm,
  handle: number,
  given: number,
): { readonly object: ObjectState; readonly hashAlg: number } | ResponseCode {
  const object = findObject(tpm, handle);
  const area = object?.publicArea;
  if (area?.type === TPM_ALG.SYMCIPHER)
    return refuseCipherKey(area.parameters.symmetric.mode, given);
  if (area?.type !== TPM_ALG.KEYEDHASH) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  const own = area.parameters.scheme.hashAlg;
  const hashAlg = own === TPM_ALG.NULL ? given : own;
  if (hashAlg === TPM_ALG.NULL || (given !== TPM_ALG.NULL && given !== hashAlg)) {
    return atParameter(TPM_RC_FORMAT_ONE.VALUE, 2);
  }
  if (hasAttribute(area, 'restricted')) return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  if (!hasAttribute(area, 'sign')) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  return { object: object!, hashAlg };
}

/** A cipher key could only make a CMAC, which isn't there: no mode or hash is the right one. */
function refuseCipherKey(own: number, given: number): ResponseCode {
  const chosen = own === TPM_ALG.NULL ? given : own;
  return chosen === TPM_ALG.NULL || (given !== TPM_ALG.NULL && given !== chosen)
    ? atParameter(TPM_RC_FORMAT_ONE.VALUE, 2)
    : atParameter(TPM_RC_FORMAT_ONE.SCHEME, 2);
}
