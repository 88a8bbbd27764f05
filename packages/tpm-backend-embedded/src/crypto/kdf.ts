import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { HashAlgorithm } from './hash.js';

function bigEndian32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A label ends in exactly one zero byte that counts: it is added unless it is there already. */
function terminated(label: string | Uint8Array): Uint8Array {
  const bytes = typeof label === 'string' ? utf8ToBytes(label) : label;
  return bytes.at(-1) === 0 ? bytes : concatBytes(bytes, Uint8Array.of(0));
}

function fill(bytes: number, block: (counter: number) => Uint8Array, first = 1): Uint8Array {
  const result = new Uint8Array(bytes);
  for (let counter = first, offset = 0; offset < bytes; counter++) {
    const part = block(counter).subarray(0, bytes - offset);
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** Cuts to `bits`, a number that need not be a multiple of eight: excess high bits become zero. */
function masked(result: Uint8Array, bits: number): Uint8Array {
  if (bits % 8 !== 0) result[0] = result[0]! & ((1 << (bits % 8)) - 1);
  return result;
}

/**
 * The blocks that {@link kdfa} puts together; same parameters.
 *
 * @returns the function from counter (1 and up) to a block of the hash's size
 */
export function kdfaBlock(
  hash: HashAlgorithm,
  key: Uint8Array,
  label: string | Uint8Array,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): (counter: number) => Uint8Array {
  const fixed = concatBytes(terminated(label), contextU, contextV, bigEndian32(bits));
  return (counter) => hash.hmac(key, bigEndian32(counter), fixed);
}

/**
 * KDFa: the counter-mode key derivation of SP 800-108 with HMAC (Part 1, 11.4.10.2).
 *
 * @param label ASCII; ends in a zero byte, which is added where it is missing
 * @param bits number of bits wanted
 * @returns ⌈bits / 8⌉ bytes
 */
export function kdfa(
  hash: HashAlgorithm,
  key: Uint8Array,
  label: string | Uint8Array,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array {
  const block = kdfaBlock(hash, key, label, contextU, contextV, bits);
  return masked(fill(Math.ceil(bits / 8), block), bits);
}

/**
 * KDFe: the one-step key derivation of SP 800-56A from an ECDH result (Part 1, 11.4.10.3).
 *
 * @param z x coordinate of the shared point, full width
 * @param label ASCII; ends in a zero byte, which is added where it is missing
 * @param partyU x coordinate of the ephemeral public key
 * @param partyV x coordinate of the static public key
 * @param bits number of bits wanted
 * @returns ⌈bits / 8⌉ bytes
 */
export function kdfe(
  hash: HashAlgorithm,
  z: Uint8Array,
  label: string | Uint8Array,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bits: number,
): Uint8Array {
  const fixed = concatBytes(z, terminated(label), partyU, partyV);
  return masked(
    fill(Math.ceil(bits / 8), (counter) => hash.digest(bigEndian32(counter), fixed)),
    bits,
  );
}

/** Mask generation function of PKCS #1 (RFC 8017, B.2.1). @returns `length` bytes */
export function mgf1(hash: HashAlgorithm, seed: Uint8Array, length: number): Uint8Array {
  return fill(length, (counter) => hash.digest(seed, bigEndian32(counter)), 0);
}
