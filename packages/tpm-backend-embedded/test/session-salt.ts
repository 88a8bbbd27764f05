import { p256, p384, p521 } from '@noble/curves/nist.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Entity } from './session-client.js';
import { clientHash, sized } from './session-cryptography.js';

/** A key in the TPM to which a salt can be sent. */
export interface SaltKey extends Entity {
  readonly nameAlg: number;
  readonly rsaModulus?: Uint8Array;
  readonly ecc?: { readonly curve: number; readonly x: Uint8Array; readonly y: Uint8Array };
}

/** A salt and the secret that carries it. */
export interface Salt {
  readonly salt: Uint8Array;
  /** Contents of encryptedSalt. */
  readonly secret: Uint8Array;
}

const LABEL = utf8ToBytes('SECRET\0');
const CURVES = { 3: p256, 4: p384, 5: p521 } as const;

/** Makes a salt for a key: by ECDH with a fixed ephemeral key, or by RSA-OAEP with fixed padding. */
export function makeSalt(key: SaltKey): Salt {
  const hash = clientHash(key.nameAlg);
  if (key.ecc !== undefined) {
    const { Point } = CURVES[key.ecc.curve as keyof typeof CURVES];
    const size = Point.Fp.BYTES;
    const coordinate = (value: bigint): Uint8Array => numberToBytesBE(value, size);
    const theirs = Point.fromAffine({
      x: bytesToNumberBE(key.ecc.x),
      y: bytesToNumberBE(key.ecc.y),
    });
    const scalar = 0x1234_5678_9abc_def0_1234n;
    const ephemeral = Point.BASE.multiply(scalar).toAffine();
    const z = theirs.multiply(scalar).toAffine();
    const counter = Uint8Array.of(0, 0, 0, 1);
    const x = coordinate(ephemeral.x);
    const info = concatBytes(LABEL, x, coordinate(bytesToNumberBE(key.ecc.x)));
    return {
      salt: hash(concatBytes(counter, coordinate(z.x), info)),
      secret: concatBytes(sized(x), sized(coordinate(ephemeral.y))),
    };
  }
  const salt = new Uint8Array(hash.outputLen).map((_, index) => index * 11 + 5);
  return { salt, secret: oaep(key, salt) };
}

function oaep(key: SaltKey, message: Uint8Array): Uint8Array {
  const hash = clientHash(key.nameAlg);
  const size = key.rsaModulus!.length;
  const block = new Uint8Array(size - hash.outputLen - 1);
  block.set(hash(LABEL));
  block[block.length - message.length - 1] = 1;
  block.set(message, block.length - message.length);
  const seed = new Uint8Array(hash.outputLen).map((_, index) => index + 1);
  const maskedBlock = mask(key.nameAlg, seed, block);
  const maskedSeed = mask(key.nameAlg, maskedBlock, seed);
  const encoded = concatBytes(Uint8Array.of(0), maskedSeed, maskedBlock);
  const modulus = bytesToNumberBE(key.rsaModulus!);
  const base = bytesToNumberBE(encoded);
  let power = base;
  for (let bit = 0; bit < 16; bit++) power = (power * power) % modulus;
  return numberToBytesBE((power * base) % modulus, size);
}

/** MGF1 laid over data. */
function mask(hashAlg: number, seed: Uint8Array, data: Uint8Array): Uint8Array {
  const hash = clientHash(hashAlg);
  return data.map((byte, index) => {
    const block = Math.floor(index / hash.outputLen);
    return byte ^ hash(concatBytes(seed, Uint8Array.of(0, 0, 0, block)))[index % hash.outputLen]!;
  });
}
