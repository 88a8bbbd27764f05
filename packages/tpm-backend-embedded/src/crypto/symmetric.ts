import { cbc, cfb, ctr, ecb } from '@noble/ciphers/aes.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { HashAlgorithm } from './hash.js';
import { kdfa } from './kdf.js';

/** Block size of AES and size of its IV in bytes. */
export const AES_BLOCK_SIZE = 16;

/** Result of {@link aesEncrypt} and {@link aesDecrypt}. */
export interface AesResult {
  /** As long as the input. */
  readonly data: Uint8Array;
  /** IV with which the next call goes on (TPM2_EncryptDecrypt's ivOut); empty for ECB. */
  readonly iv: Uint8Array;
}

type Direction = 'encrypt' | 'decrypt';
type Mode = (key: Uint8Array, iv: Uint8Array, data: Uint8Array, direction: Direction) => AesResult;

const noPadding = { disablePadding: true };

function wholeBlocks(length: number): number {
  return Math.ceil(length / AES_BLOCK_SIZE) * AES_BLOCK_SIZE;
}

function lastBlock(bytes: Uint8Array): Uint8Array {
  return bytes.slice(bytes.length - AES_BLOCK_SIZE);
}

/**
 * The IV after a partial block is that block's cipher text, followed by the key stream that was not
 * used: so the data is filled up with zeros, and in the text the key stream stands behind it.
 */
function cfbMode(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  direction: Direction,
): AesResult {
  const input = new Uint8Array(wholeBlocks(data.length));
  input.set(data);
  const output = cfb(key, iv)[direction](input);
  const next = lastBlock(output);
  if (direction === 'decrypt') {
    const start = output.length - AES_BLOCK_SIZE;
    next.set(data.subarray(start));
  }
  return { data: output.slice(0, data.length), iv: next };
}

function ctrMode(key: Uint8Array, iv: Uint8Array, data: Uint8Array): AesResult {
  const next = iv.slice();
  let carry = wholeBlocks(data.length) / AES_BLOCK_SIZE;
  for (let index = AES_BLOCK_SIZE - 1; index >= 0 && carry > 0; index--) {
    carry += next[index]!;
    next[index] = carry;
    carry = Math.floor(carry / 256);
  }
  return { data: ctr(key, iv).encrypt(data), iv: next };
}

/** The key stream of OFB is the CBC encryption of zeros. */
function ofbMode(key: Uint8Array, iv: Uint8Array, data: Uint8Array): AesResult {
  const stream = cbc(key, iv, noPadding).encrypt(new Uint8Array(wholeBlocks(data.length)));
  return { data: exclusiveOr(data, stream), iv: lastBlock(stream) };
}

function cbcMode(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  direction: Direction,
): AesResult {
  const output = cbc(key, iv, noPadding)[direction](data);
  return { data: output, iv: lastBlock(direction === 'encrypt' ? output : data) };
}

function ecbMode(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  direction: Direction,
): AesResult {
  return { data: ecb(key, noPadding)[direction](data), iv };
}

const modes: ReadonlyMap<number, Mode> = new Map<number, Mode>([
  [TPM_ALG.CTR, ctrMode],
  [TPM_ALG.OFB, ofbMode],
  [TPM_ALG.CBC, cbcMode],
  [TPM_ALG.CFB, cfbMode],
  [TPM_ALG.ECB, ecbMode],
]);

/** @returns whether `mode` is an implemented block cipher mode (TPM_ALG_ID) */
export function isCipherMode(mode: number): boolean {
  return modes.has(mode);
}

/**
 * @param mode TPM_ALG_ID of an implemented mode
 * @returns whether data of this many bytes suits the mode: whole blocks for CBC and ECB
 */
export function isCipherDataSize(mode: number, size: number): boolean {
  return (mode !== TPM_ALG.CBC && mode !== TPM_ALG.ECB) || size % AES_BLOCK_SIZE === 0;
}

function run(
  mode: number,
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  direction: Direction,
): AesResult {
  const cipher = modes.get(mode);
  if (cipher === undefined) {
    throw new RangeError(`Mode 0x${mode.toString(16)} is not a cipher mode; check it before`);
  }
  if (data.length === 0) return { data: new Uint8Array(0), iv };
  return cipher(key, iv, data, direction);
}

/**
 * Encrypts with AES-128, AES-192 or AES-256 (SP 800-38A).
 *
 * @param mode TPM_ALG_ID for which {@link isCipherMode} holds
 * @param key 16, 24 or 32 bytes
 * @param iv 16 bytes; empty for ECB
 * @param data for CBC and ECB a multiple of 16 bytes, see {@link isCipherDataSize}
 * @throws RangeError for another mode; Error of the library for other sizes
 */
export function aesEncrypt(
  mode: number,
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): AesResult {
  return run(mode, key, iv, data, 'encrypt');
}

/** The reverse of {@link aesEncrypt}; same parameters. */
export function aesDecrypt(
  mode: number,
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
): AesResult {
  return run(mode, key, iv, data, 'decrypt');
}

/** @returns the bytes of `data`, each combined with the byte of `mask` at its place */
export function exclusiveOr(data: Uint8Array, mask: Uint8Array): Uint8Array {
  return data.map((byte, index) => byte ^ mask[index]!);
}

/**
 * XOR obfuscation of a parameter (Part 1, 11.4.7.3); its own reverse.
 *
 * @param key sessionKey ‖ authValue
 * @param contextU the newer nonce
 * @param contextV the older nonce
 */
export function xorObfuscate(
  hash: HashAlgorithm,
  key: Uint8Array,
  contextU: Uint8Array,
  contextV: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  return exclusiveOr(data, kdfa(hash, key, 'XOR', contextU, contextV, 8 * data.length));
}

/**
 * The key material of session encryption in CFB mode (Part 1, 21.3).
 *
 * @param key sessionKey ‖ authValue
 * @param keySize size of the AES key in bytes
 */
export function sessionCipherKey(
  hash: HashAlgorithm,
  key: Uint8Array,
  nonceNewer: Uint8Array,
  nonceOlder: Uint8Array,
  keySize: number,
): { readonly key: Uint8Array; readonly iv: Uint8Array } {
  const material = kdfa(hash, key, 'CFB', nonceNewer, nonceOlder, 8 * (keySize + AES_BLOCK_SIZE));
  return { key: material.slice(0, keySize), iv: material.slice(keySize) };
}
