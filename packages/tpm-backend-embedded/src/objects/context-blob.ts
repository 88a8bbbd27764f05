import { equalBytes } from '@noble/curves/utils.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_RC, TPM_RC_FORMAT_ONE, WireWriter } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { kdfa } from '../crypto/kdf.js';
import { AES_BLOCK_SIZE, aesDecrypt, aesEncrypt } from '../crypto/symmetric.js';
import { hierarchyProof } from '../entity.js';
import type { ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Context } from '../structures/contexts.js';
import { LIMIT } from '../structures/limits.js';
import { marshalled, sizedBytes, Unmarshaller, type WireType } from '../structures/wire-type.js';
import { CONTEXT_HASH } from '../tickets.js';
import type { Tpm } from '../tpm.js';

/** What kind of object a context holds (Part 2, section 14.2, TPMI_DH_SAVED). */
export const SAVED_HANDLE = {
  ORDINARY: 0x8000_0000,
  SEQUENCE: 0x8000_0001,
  ST_CLEAR: 0x8000_0002,
} as const;

const INTEGRITY: WireType<Uint8Array> = sizedBytes(LIMIT.DIGEST);
const KEY_SIZE = LIMIT.SYMMETRIC_KEY;

type ContextHead = Omit<Context, 'contextBlob'>;

/**
 * Protects a saved state (Part 1, section 30.3): AES-256-CFB and then HMAC-SHA-512, both keyed from
 * the proof of the hierarchy, so that the context lives as long as the proof does. The number of TPM
 * Resets goes into both, which ends every context at the next one, and keeps a key from being used
 * for two states; that of Startup(CLEAR) into those of stClear objects.
 *
 * @param type describes the state
 */
export function protectContext<T>(
  tpm: Tpm,
  head: ContextHead,
  type: WireType<T>,
  state: T,
): Context {
  const { key, iv } = cipherKey(tpm, head);
  const encrypted = aesEncrypt(TPM_ALG.CFB, key, iv, marshalled(type, state)).data;
  const integrity = marshalled(INTEGRITY, contextIntegrity(tpm, head, encrypted));
  return { ...head, contextBlob: concatBytes(integrity, encrypted) };
}

/**
 * Takes a context apart that {@link protectContext} made.
 *
 * @param type describes the state
 * @returns the state, or a code without a number: TPM_RC_INTEGRITY when this TPM didn't make the
 *   context, when anything in it was changed or when its time is over
 */
export function unprotectContext<T extends object>(
  tpm: Tpm,
  context: Context,
  type: WireType<T>,
): T | ResponseCode {
  const reader = new Unmarshaller(context.contextBlob);
  const integrity = INTEGRITY.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
  const encrypted = context.contextBlob.subarray(reader.offset);
  if (encrypted.length === 0) return TPM_RC_FORMAT_ONE.SIZE;
  if (!equalBytes(integrity, contextIntegrity(tpm, context, encrypted))) {
    return TPM_RC_FORMAT_ONE.INTEGRITY;
  }
  const { key, iv } = cipherKey(tpm, context);
  const state = new Unmarshaller(aesDecrypt(TPM_ALG.CFB, key, iv, encrypted).data);
  const value = type.unmarshal(state);
  return state.failure === TPM_RC.SUCCESS && state.remaining === 0
    ? value
    : TPM_RC_FORMAT_ONE.INTEGRITY;
}

function contextIntegrity(tpm: Tpm, head: ContextHead, encrypted: Uint8Array): Uint8Array {
  const writer = new WireWriter(28).bytes(headBytes(tpm, head));
  if (head.savedHandle === SAVED_HANDLE.ST_CLEAR) writer.uint32(tpm.state.reset.clearCount);
  const proof = hierarchyProof(tpm, head.hierarchy);
  return hashAlgorithm(CONTEXT_HASH)!.hmac(proof, writer.finish(), encrypted);
}

function cipherKey(tpm: Tpm, head: ContextHead): { key: Uint8Array; iv: Uint8Array } {
  const material = kdfa(
    hashAlgorithm(CONTEXT_HASH)!,
    hierarchyProof(tpm, head.hierarchy),
    'CONTEXT',
    headBytes(tpm, head),
    new Uint8Array(0),
    8 * (KEY_SIZE + AES_BLOCK_SIZE),
  );
  return { key: material.slice(0, KEY_SIZE), iv: material.slice(KEY_SIZE) };
}

function headBytes(tpm: Tpm, { sequence, savedHandle, hierarchy }: ContextHead): Uint8Array {
  return new WireWriter(24)
    .uint64(tpm.state.permanent.totalResetCount)
    .uint64(sequence)
    .uint32(savedHandle)
    .uint32(hierarchy)
    .finish();
}
