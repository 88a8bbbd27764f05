import { equalBytes } from '@noble/curves/utils.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { type RandomSource, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { kdfa } from '../crypto/kdf.js';
import { AES_BLOCK_SIZE, aesDecrypt, aesEncrypt } from '../crypto/symmetric.js';
import type { ResponseCode } from '../response-code.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { SymmetricDefinition } from '../structures/algorithms.js';
import { DIGEST_SIZE, TPM2B_DIGEST, TPM2B_IV } from '../structures/buffers.js';
import { type SensitiveArea, TPMT_SENSITIVE } from '../structures/public-area.js';
import {
  marshalled,
  sizedStructure,
  Unmarshaller,
  type WireType,
} from '../structures/wire-type.js';
import { symmetricOf } from './object-attributes.js';

const EMPTY: Uint8Array = new Uint8Array(0);
/** IV where each key encrypts once only. */
const ZERO_IV: Uint8Array = new Uint8Array(AES_BLOCK_SIZE);
const TPM2B_SENSITIVE: WireType<SensitiveArea> = sizedStructure(TPMT_SENSITIVE);

/** What an outer wrapper is made with. */
export interface Wrapping {
  /** nameAlg of the key that protects. */
  readonly nameAlg: number;
  /** Symmetric algorithm of that key; its mode is always CFB. */
  readonly symmetric: SymmetricDefinition;
  /** What the keys are derived from: seedValue of a parent, or a seed that was exchanged. */
  readonly seed: Uint8Array;
  /** Name of what is protected, which goes into keys and HMAC. */
  readonly name: Uint8Array;
}

/** @returns the wrapping with a storage key and its own seed, or with another seed in its place */
export function wrappingOf(
  key: Pick<ObjectState, 'publicArea' | 'sensitive'>,
  name: Uint8Array,
  seed: Uint8Array = key.sensitive!.seedValue,
): Wrapping {
  const { publicArea } = key;
  return { nameAlg: publicArea.nameAlg, symmetric: symmetricOf(publicArea)!, seed, name };
}

/**
 * Outer wrapper of private areas, duplicates and credentials (Part 1, sections 22.4, 23.3, 24.5):
 * the data in CFB mode and an HMAC, with keys "STORAGE" and "INTEGRITY" from the seed.
 *
 * @param iv random IV that goes in front; zeros, and nothing in front, when left out
 * @returns integrity ‖ IV ‖ cipher text
 */
export function wrap(wrapping: Wrapping, data: Uint8Array, iv?: Uint8Array): Uint8Array {
  const encrypted = aesEncrypt(TPM_ALG.CFB, storageKey(wrapping), iv ?? ZERO_IV, data).data;
  const head = iv === undefined ? EMPTY : marshalled(TPM2B_IV, iv);
  const protectedPart = concatBytes(head, encrypted);
  return concatBytes(marshalled(TPM2B_DIGEST, integrity(wrapping, protectedPart)), protectedPart);
}

/**
 * Takes an outer wrapper off.
 *
 * @param hasIv whether {@link wrap} had an IV
 * @returns the data, or a code without a number
 */
export function unwrap(
  wrapping: Wrapping,
  blob: Uint8Array,
  hasIv: boolean,
): Uint8Array | ResponseCode {
  const reader = new Unmarshaller(blob);
  const found = TPM2B_DIGEST.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
  const protectedPart = blob.subarray(reader.offset);
  if (!equalBytes(found, integrity(wrapping, protectedPart))) return TPM_RC_FORMAT_ONE.INTEGRITY;
  const iv = hasIv ? TPM2B_IV.unmarshal(reader) : ZERO_IV;
  if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
  if (iv.length !== AES_BLOCK_SIZE) return TPM_RC_FORMAT_ONE.SIZE;
  const encrypted = blob.subarray(reader.offset);
  return aesDecrypt(TPM_ALG.CFB, storageKey(wrapping), iv, encrypted).data;
}

function storageKey({ nameAlg, symmetric, seed, name }: Wrapping): Uint8Array {
  return kdfa(hashAlgorithm(nameAlg)!, seed, 'STORAGE', name, EMPTY, symmetric.keyBits);
}

function integrity({ nameAlg, seed, name }: Wrapping, protectedPart: Uint8Array): Uint8Array {
  const hash = hashAlgorithm(nameAlg)!;
  const key = kdfa(hash, seed, 'INTEGRITY', EMPTY, EMPTY, 8 * hash.digestSize);
  return hash.hmac(key, protectedPart, name);
}

/** @returns the sensitive area with its size; the authValue fills a digest, to hide its length */
export function sensitiveBytes(nameAlg: number, sensitive: SensitiveArea): Uint8Array {
  const authValue = new Uint8Array(DIGEST_SIZE[nameAlg]!);
  authValue.set(sensitive.authValue);
  return marshalled(TPM2B_SENSITIVE, { ...sensitive, authValue });
}

/**
 * Reads a sensitive area with its size, which has to be all there is.
 *
 * @returns the area, or a code without a number
 */
export function readSensitive(bytes: Uint8Array): SensitiveArea | ResponseCode {
  const reader = new Unmarshaller(bytes);
  if (reader.uint16() !== bytes.length - 2 && bytes.length >= 2) return TPM_RC_FORMAT_ONE.SIZE;
  const sensitive = TPMT_SENSITIVE.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
  return reader.remaining > 0 ? TPM_RC_FORMAT_ONE.SIZE : sensitive;
}

/** @returns the private area of an object beneath a storage key (Part 1, section 22) */
export function protectSensitive(
  parent: Pick<ObjectState, 'publicArea' | 'sensitive'>,
  object: Pick<ObjectState, 'publicArea' | 'name'>,
  sensitive: SensitiveArea,
  random: RandomSource,
): Uint8Array {
  const iv = new Uint8Array(AES_BLOCK_SIZE);
  random.fill(iv);
  const bytes = sensitiveBytes(object.publicArea.nameAlg, sensitive);
  return wrap(wrappingOf(parent, object.name), bytes, iv);
}

/**
 * The reverse of {@link protectSensitive}.
 *
 * @returns the sensitive area, or a code without a number
 */
export function unprotectSensitive(
  parent: Pick<ObjectState, 'publicArea' | 'sensitive'>,
  object: Pick<ObjectState, 'publicArea' | 'name'>,
  blob: Uint8Array,
): SensitiveArea | ResponseCode {
  const bytes = unwrap(wrappingOf(parent, object.name), blob, true);
  return typeof bytes === 'number' ? bytes : readSensitive(bytes);
}

/** How a duplicate's inner wrapper is made (Part 1, section 23.3.1). */
export interface InnerWrapping {
  /** nameAlg of the object. */
  readonly nameAlg: number;
  readonly name: Uint8Array;
  readonly key: Uint8Array;
}

/** @returns digest and sensitive area in CFB mode with an IV of zeros */
export function innerWrap({ nameAlg, name, key }: InnerWrapping, data: Uint8Array): Uint8Array {
  const digest = marshalled(TPM2B_DIGEST, hashAlgorithm(nameAlg)!.digest(data, name));
  return aesEncrypt(TPM_ALG.CFB, key, ZERO_IV, concatBytes(digest, data)).data;
}

/** The reverse of {@link innerWrap}. @returns the data, or a code without a number */
export function innerUnwrap(
  { nameAlg, name, key }: InnerWrapping,
  blob: Uint8Array,
): Uint8Array | ResponseCode {
  const bytes = aesDecrypt(TPM_ALG.CFB, key, ZERO_IV, blob).data;
  const reader = new Unmarshaller(bytes);
  const found = TPM2B_DIGEST.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
  const data = bytes.subarray(reader.offset);
  const expected = hashAlgorithm(nameAlg)!.digest(data, name);
  return equalBytes(found, expected) ? data : TPM_RC_FORMAT_ONE.INTEGRITY;
}
