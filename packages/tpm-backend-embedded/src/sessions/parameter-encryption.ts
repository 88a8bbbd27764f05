import { readUint16, TPM_RC_FORMAT_ONE } from 'tpm-core';
import type { CommandContext } from '../command-context.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { aesDecrypt, aesEncrypt, sessionCipherKey, xorObfuscate } from '../crypto/symmetric.js';
import { entityAuthValue } from '../entity.js';
import { atSession, type ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Tpm } from '../tpm.js';
import { joined, sessionHash } from './session-hmac.js';
import { type SessionUse, sessionWith, TPMA_SESSION } from './session-use.js';

const SIZE_FIELD = 2;

/**
 * Decrypts the first parameter of a command where a session asks for it (Part 1, section 21).
 *
 * @returns the parameter area in clear, or a code with the session's number
 */
export function decryptParameters(tpm: Tpm, context: CommandContext): Uint8Array | ResponseCode {
  const { sessions, parameters, handles } = context;
  const use = sessionWith(sessions, TPMA_SESSION.decrypt);
  if (use === undefined) return parameters;
  if (parameters.length < SIZE_FIELD) {
    return atSession(TPM_RC_FORMAT_ONE.INSUFFICIENT, use.number);
  }
  const end = SIZE_FIELD + readUint16(parameters, 0);
  if (end > parameters.length) return atSession(TPM_RC_FORMAT_ONE.SIZE, use.number);
  const authValue =
    use.authorizes === undefined
      ? new Uint8Array(0)
      : entityAuthValue(tpm, handles[use.authorizes]!);
  const { session, nonceCaller } = use;
  const clear = parameters.slice();
  const data = parameters.subarray(SIZE_FIELD, end);
  clear.set(cipher(use, authValue, nonceCaller, session!.nonceTPM, data, 'decrypt'), SIZE_FIELD);
  return clear;
}

/**
 * Encrypts the first response parameter in place.
 *
 * @param use session with the encrypt attribute, with its new nonceTPM
 * @param authValue of the entity that the session authorizes; empty where there is none
 * @param parameters parameter area of the response; begins with a TPM2B
 */
export function encryptParameters(
  use: SessionUse,
  authValue: Uint8Array,
  parameters: Uint8Array,
): void {
  const data = parameters.subarray(SIZE_FIELD, SIZE_FIELD + readUint16(parameters, 0));
  const { session, nonceCaller } = use;
  data.set(cipher(use, authValue, session!.nonceTPM, nonceCaller, data, 'encrypt'));
}

function cipher(
  { session }: SessionUse,
  authValue: Uint8Array,
  nonceNewer: Uint8Array,
  nonceOlder: Uint8Array,
  data: Uint8Array,
  direction: 'encrypt' | 'decrypt',
): Uint8Array {
  const { symmetric, sessionKey } = session!;
  const key = joined(sessionKey, authValue);
  if (symmetric.algorithm === TPM_ALG.XOR) {
    return xorObfuscate(hashAlgorithm(symmetric.keyBits)!, key, nonceNewer, nonceOlder, data);
  }
  const hash = sessionHash(session!);
  const material = sessionCipherKey(hash, key, nonceNewer, nonceOlder, symmetric.keyBits / 8);
  const run = direction === 'encrypt' ? aesEncrypt : aesDecrypt;
  return run(symmetric.mode, material.key, material.iv, data).data;
}
