import { cfb } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

/** Symmetric algorithm of a session, as the caller writes it: `mode` 0 is not on the wire. */
export interface ClientSymmetric {
  readonly algorithm: number;
  /** Key size in bits; the hash of XOR. */
  readonly keyBits: number;
  readonly mode: number;
}

/** No encryption. */
export const NO_SYMMETRIC: ClientSymmetric = { algorithm: 0x0010, keyBits: 0, mode: 0 };

/** @returns AES in CFB mode */
export function aesCfb(keyBits: number): ClientSymmetric {
  return { algorithm: 0x0006, keyBits, mode: 0x0043 };
}

/** @returns XOR obfuscation with a hash */
export function xorWith(hashAlg: number): ClientSymmetric {
  return { algorithm: 0x000a, keyBits: hashAlg, mode: 0 };
}

type Hash = typeof sha1 | typeof sha256 | typeof sha384 | typeof sha512;

const hashes: Readonly<Record<number, Hash>> = {
  4: sha1,
  11: sha256,
  12: sha384,
  13: sha512,
};

/** @returns the hash with a TPM_ALG identifier */
export function clientHash(hashAlg: number): Hash {
  const hash = hashes[hashAlg];
  if (hash === undefined) throw new Error(`Hash 0x${hashAlg.toString(16)} is not known`);
  return hash;
}

/** @returns HMAC over the parts one after the other */
export function clientHmac(hashAlg: number, key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return hmac(clientHash(hashAlg), key, concatBytes(...parts));
}

function bigEndian32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** @returns whole bytes of KDFa */
export function clientKdfa(
  hashAlg: number,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array {
  const blocks: Uint8Array[] = [];
  const count = Math.ceil(bits / 8 / clientHash(hashAlg).outputLen);
  for (let counter = 1; counter <= count; counter++) {
    const head = concatBytes(bigEndian32(counter), utf8ToBytes(label), Uint8Array.of(0));
    blocks.push(clientHmac(hashAlg, key, head, contextU, contextV, bigEndian32(bits)));
  }
  return concatBytes(...blocks).slice(0, bits / 8);
}

/** The two directions of parameter encryption. */
export interface ParameterCipher {
  encrypt(data: Uint8Array): Uint8Array;
  decrypt(data: Uint8Array): Uint8Array;
}

/** @returns the cipher for one message, keyed by the nonces */
export function parameterCipher(
  session: { readonly hashAlg: number; readonly symmetric: ClientSymmetric },
  key: Uint8Array,
  nonceNewer: Uint8Array,
  nonceOlder: Uint8Array,
): ParameterCipher {
  const { symmetric, hashAlg } = session;
  if (symmetric.mode === 0) {
    const cover = (data: Uint8Array): Uint8Array => {
      // The mask is made with the hash of the XOR scheme, not with that of the session.
      const bits = 8 * data.length;
      const mask = clientKdfa(symmetric.keyBits, key, 'XOR', nonceNewer, nonceOlder, bits);
      return data.map((byte, index) => byte ^ mask[index]!);
    };
    return { encrypt: cover, decrypt: cover };
  }
  const bits = symmetric.keyBits + 128;
  const material = clientKdfa(hashAlg, key, 'CFB', nonceNewer, nonceOlder, bits);
  const size = symmetric.keyBits / 8;
  const start = () => cfb(material.slice(0, size), material.slice(size));
  return { encrypt: (data) => start().encrypt(data), decrypt: (data) => start().decrypt(data) };
}

/** @returns the bytes of a TPM2B */
export function sized(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(bytes.length >>> 8, bytes.length & 0xff), bytes);
}
