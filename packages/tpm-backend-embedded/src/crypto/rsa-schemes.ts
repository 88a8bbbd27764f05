import { concatBytes, equalBytes, hexToBytes } from '@noble/curves/utils.js';
import type { RandomSource } from 'tpm-core';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { bitLength } from './big-integer.js';
import type { HashAlgorithm } from './hash.js';
import { mgf1 } from './kdf.js';
import { type RsaPrivateKey, type RsaPublicKey, rsaPrivateBytes, rsaPublicBytes } from './rsa.js';
import { exclusiveOr } from './symmetric.js';

const ZERO: Uint8Array = Uint8Array.of(0);
const PSS_TRAILER = 0xbc;
const MIN_PADDING = 8;

/** Head of the DER value DigestInfo: everything but the digest (RFC 8017, 9.2, note 1). */
const DIGEST_INFO: ReadonlyMap<number, Uint8Array> = new Map([
  [TPM_ALG.SHA1, hexToBytes('3021300906052b0e03021a05000414')],
  [TPM_ALG.SHA256, hexToBytes('3031300d060960864801650304020105000420')],
  [TPM_ALG.SHA384, hexToBytes('3041300d060960864801650304020205000430')],
  [TPM_ALG.SHA512, hexToBytes('3051300d060960864801650304020305000440')],
] as [number, Uint8Array][]);

/** The message of type 1 or 2: 00 ‖ type ‖ padding without zeros ‖ 00 ‖ data. */
function paddedBlock(type: number, padding: Uint8Array, data: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0, type), padding, ZERO, data);
}

function rsassaEncoding(
  size: number,
  hash: HashAlgorithm,
  digest: Uint8Array,
): Uint8Array | undefined {
  const info = concatBytes(DIGEST_INFO.get(hash.id)!, digest);
  const padding = size - info.length - 3;
  return padding < MIN_PADDING
    ? undefined
    : paddedBlock(1, new Uint8Array(padding).fill(0xff), info);
}

/**
 * RSASSA-PKCS1-v1_5 (RFC 8017, 8.2.1).
 *
 * @param digest of `hash`'s size
 * @returns the signature, as long as the modulus; `undefined` when the key is too short for the hash
 */
export function rsassaSign(
  key: RsaPrivateKey,
  hash: HashAlgorithm,
  digest: Uint8Array,
): Uint8Array | undefined {
  const encoded = rsassaEncoding(key.size, hash, digest);
  return encoded && rsaPrivateBytes(key, encoded);
}

/** @returns whether {@link rsassaSign} with the private half made `signature` */
export function rsassaVerify(
  key: RsaPublicKey,
  hash: HashAlgorithm,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== key.size) return false;
  const expected = rsassaEncoding(key.size, hash, digest);
  const found = rsaPublicBytes(key, signature);
  return expected !== undefined && found !== undefined && equalBytes(found, expected);
}

/** Sizes of the encoded message of PSS: one bit less than the modulus (RFC 8017, 8.1.1). */
function pssSizes(key: RsaPublicKey): { readonly size: number; readonly topMask: number } {
  const bits = bitLength(key.modulus) - 1;
  const size = Math.ceil(bits / 8);
  return { size, topMask: 0xff >>> (8 * size - bits) };
}

function pssHash(hash: HashAlgorithm, digest: Uint8Array, salt: Uint8Array): Uint8Array {
  return hash.digest(new Uint8Array(8), digest, salt);
}

/**
 * RSASSA-PSS with MGF1 over the same hash (RFC 8017, 8.1.1). The salt is as long as the digest, or
 * as much of that as the key has room for.
 *
 * @param digest of `hash`'s size
 * @param random where the salt comes from
 * @returns the signature, as long as the modulus; `undefined` when the key is too short for the hash
 */
export function rsapssSign(
  key: RsaPrivateKey,
  hash: HashAlgorithm,
  digest: Uint8Array,
  random: RandomSource,
): Uint8Array | undefined {
  const { size, topMask } = pssSizes(key);
  const room = size - hash.digestSize - 2;
  if (room < 0) return undefined;
  const salt = new Uint8Array(Math.min(room, hash.digestSize));
  random.fill(salt);
  const block = new Uint8Array(size - hash.digestSize - 1);
  block[block.length - salt.length - 1] = 1;
  block.set(salt, block.length - salt.length);
  const seed = pssHash(hash, digest, salt);
  const masked = exclusiveOr(block, mgf1(hash, seed, block.length));
  masked[0]! &= topMask;
  return rsaPrivateBytes(key, concatBytes(masked, seed, Uint8Array.of(PSS_TRAILER)));
}

/** @returns whether it is a PSS signature of `digest` by the key; the salt may have any length */
export function rsapssVerify(
  key: RsaPublicKey,
  hash: HashAlgorithm,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== key.size) return false;
  const { size, topMask } = pssSizes(key);
  const message = rsaPublicBytes(key, signature);
  const blockSize = size - hash.digestSize - 1;
  if (message === undefined || blockSize < 1) return false;
  if (message.length > size && message[0] !== 0) return false;
  const encoded = message.subarray(message.length - size);
  const masked = encoded.subarray(0, blockSize);
  const seed = encoded.subarray(blockSize, -1);
  if (encoded.at(-1) !== PSS_TRAILER || (masked[0]! & ~topMask) !== 0) return false;
  const block = exclusiveOr(masked, mgf1(hash, seed, blockSize));
  block[0]! &= topMask;
  const separator = block.findIndex((byte) => byte !== 0);
  if (block[separator] !== 1) return false;
  return equalBytes(pssHash(hash, digest, block.subarray(separator + 1)), seed);
}

/**
 * RSAES-OAEP with MGF1 over the same hash (RFC 8017, 7.1.1).
 *
 * @param label with the zero byte that ends it (Part 1, B.4); may be empty
 * @param random where the seed comes from
 * @returns the cipher text, as long as the modulus; `undefined` when the message is too long
 */
export function oaepEncrypt(
  key: RsaPublicKey,
  hash: HashAlgorithm,
  label: Uint8Array,
  message: Uint8Array,
  random: RandomSource,
): Uint8Array | undefined {
  const block = new Uint8Array(Math.max(0, key.size - hash.digestSize - 1));
  const start = block.length - message.length;
  if (start < hash.digestSize + 1) return undefined;
  block.set(hash.digest(label));
  block[start - 1] = 1;
  block.set(message, start);
  const seed = new Uint8Array(hash.digestSize);
  random.fill(seed);
  const masked = exclusiveOr(block, mgf1(hash, seed, block.length));
  const maskedSeed = exclusiveOr(seed, mgf1(hash, masked, seed.length));
  return rsaPublicBytes(key, concatBytes(ZERO, maskedSeed, masked));
}

/**
 * The reverse of {@link oaepEncrypt}.
 *
 * @returns `undefined` for anything that it did not make with that key, hash and label
 */
export function oaepDecrypt(
  key: RsaPrivateKey,
  hash: HashAlgorithm,
  label: Uint8Array,
  cipherText: Uint8Array,
): Uint8Array | undefined {
  const { digestSize } = hash;
  if (cipherText.length !== key.size || key.size < 2 * digestSize + 2) return undefined;
  const encoded = rsaPrivateBytes(key, cipherText);
  if (encoded === undefined) return undefined;
  const masked = encoded.subarray(digestSize + 1);
  const seed = exclusiveOr(encoded.subarray(1, digestSize + 1), mgf1(hash, masked, digestSize));
  const block = exclusiveOr(masked, mgf1(hash, seed, masked.length));
  const rest = block.subarray(digestSize);
  const separator = rest.findIndex((byte) => byte !== 0);
  const labelMatches = equalBytes(block.subarray(0, digestSize), hash.digest(label));
  if (encoded[0] !== 0 || rest[separator] !== 1 || !labelMatches) return undefined;
  return rest.slice(separator + 1);
}

/**
 * RSAES-PKCS1-v1_5 (RFC 8017, 7.2.1).
 *
 * @param random where the padding comes from
 * @returns the cipher text, as long as the modulus; `undefined` when the message is too long
 */
export function rsaesEncrypt(
  key: RsaPublicKey,
  message: Uint8Array,
  random: RandomSource,
): Uint8Array | undefined {
  const size = key.size - message.length - 3;
  if (size < MIN_PADDING) return undefined;
  const padding = new Uint8Array(size);
  random.fill(padding);
  const other = new Uint8Array(1);
  for (let index = 0; index < size; index++) {
    while (padding[index] === 0) {
      random.fill(other);
      padding[index] = other[0]!;
    }
  }
  return rsaPublicBytes(key, paddedBlock(2, padding, message));
}

/** The reverse of {@link rsaesEncrypt}. @returns `undefined` when the padding is not of that kind */
export function rsaesDecrypt(key: RsaPrivateKey, cipherText: Uint8Array): Uint8Array | undefined {
  if (cipherText.length !== key.size) return undefined;
  const encoded = rsaPrivateBytes(key, cipherText);
  if (encoded === undefined) return undefined;
  const separator = encoded.indexOf(0, 2);
  if (encoded[0] !== 0 || encoded[1] !== 2 || separator < 2 + MIN_PADDING) return undefined;
  return encoded.slice(separator + 1);
}
