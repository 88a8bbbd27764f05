import { hexToBytes } from '@noble/curves/utils.js';
import { describe, expect, test } from 'vitest';
import recording from '../../fixtures/cryptography-libtpms092.json' with { type: 'json' };
import { toBytes, toInteger } from './big-integer.js';
import { CtrDrbg } from './drbg.js';
import {
  isRsaExponent,
  rsaPrivateBytes,
  rsaPrivateKeyFromPrime,
  rsaPublicBytes,
  rsaPublicKey,
} from './rsa.js';
import { generateRsaKey } from './rsa-key-generation.js';

const EXPONENT = 65_537n;
const modulus = toInteger(hexToBytes(recording.rsa.modulus));
const prime = toInteger(hexToBytes(recording.rsa.prime));
const key = rsaPrivateKeyFromPrime(modulus, EXPONENT, prime)!;

describe('rsaPrivateKeyFromPrime()', () => {
  test('takes either prime', () => {
    expect(key.q * key.p).toBe(modulus);
    const other = rsaPrivateKeyFromPrime(modulus, EXPONENT, key.q)!;
    expect(other.p).toBe(key.q);
    const message = new Uint8Array(256).fill(7);
    expect(rsaPrivateBytes(other, message)).toEqual(rsaPrivateBytes(key, message));
  });

  test.each([
    ['zero', modulus, EXPONENT, 0n],
    ['one', modulus, EXPONENT, 1n],
    ['the modulus', modulus, EXPONENT, modulus],
    ['another number of that size', modulus, EXPONENT, prime + 2n],
    ['the prime of another modulus', modulus + 2n, EXPONENT, prime],
    ['an even prime', 1n << 2_047n, EXPONENT, 1n << 1_023n],
    ['a square', prime * prime, EXPONENT, prime],
    ['an even exponent', modulus, 2n, prime],
    ['exponent zero', modulus, 0n, prime],
  ])('refuses %s', (_name, n, exponent, p) => {
    expect(rsaPrivateKeyFromPrime(n, exponent, p)).toBeUndefined();
  });

  test('refuses a factor of the right size that is no prime', () => {
    const steps = generateRsaKey(new CtrDrbg(), 1_024, EXPONENT);
    let step = steps.next();
    while (!step.done) step = steps.next();
    const { modulus: composite } = step.value;
    expect(rsaPrivateKeyFromPrime(composite * key.q, EXPONENT, composite)).toBeUndefined();
  });
});

describe('rsaPublicBytes(), rsaPrivateBytes()', () => {
  test('give the raw result of libtpms 0.9.2', () => {
    const { message, result } = recording.rsa.raw;
    expect(rsaPublicBytes(key, hexToBytes(message))).toEqual(hexToBytes(result));
    expect(rsaPrivateBytes(key, hexToBytes(result))).toEqual(hexToBytes(message));
  });

  test('refuse a number that is not below the modulus', () => {
    expect(rsaPublicBytes(key, toBytes(modulus, 256))).toBeUndefined();
    expect(rsaPrivateBytes(key, toBytes(modulus, 256))).toBeUndefined();
    expect(rsaPublicBytes(key, toBytes(modulus - 1n, 256))).toHaveLength(256);
  });

  test('keep the length of the modulus, whatever comes out', () => {
    expect(rsaPublicBytes(rsaPublicKey(modulus, EXPONENT), Uint8Array.of(0))).toEqual(
      new Uint8Array(256),
    );
    expect(rsaPrivateBytes(key, Uint8Array.of(1))).toEqual(toBytes(1n, 256));
  });
});

describe('isRsaExponent()', () => {
  test.each([65_537, 65_539, 65_543, 65_551, 4_294_967_291])('takes %i', (exponent) => {
    expect(isRsaExponent(exponent)).toBe(true);
  });

  test.each([0, 1, 2, 3, 17, 257, 65_535, 65_536, 65_538, 65_541, 4_294_967_295])(
    'refuses %i, as libtpms does',
    (exponent) => {
      expect(isRsaExponent(exponent)).toBe(false);
    },
  );
});

describe('generateRsaKey()', () => {
  const generate = (random: CtrDrbg, bits: number, exponent: bigint) => {
    const steps = generateRsaKey(random, bits, exponent);
    for (let count = 0; ; count++) {
      const step = steps.next();
      if (step.done) return { generated: step.value, count };
    }
  };

  test.each([
    [512, EXPONENT],
    [1_024, EXPONENT],
    [1_024, 4_294_967_291n],
    [2_048, EXPONENT],
  ])('%i bits, exponent %i: a whole modulus, and operations undo each other', (bits, exponent) => {
    const { generated, count } = generate(new CtrDrbg(), bits, exponent);
    expect(generated.modulus.toString(2).length).toBe(bits);
    expect(generated.size).toBe(bits / 8);
    expect(count).toBeGreaterThan(1);
    expect(rsaPrivateKeyFromPrime(generated.modulus, exponent, generated.p)).toEqual(generated);
  });

  test('gives the same key from the same generator, another from the next state', () => {
    const random = new CtrDrbg();
    const first = generate(random, 512, EXPONENT).generated;
    expect(generate(new CtrDrbg(), 512, EXPONENT).generated).toEqual(first);
    expect(generate(random, 512, EXPONENT).generated.modulus).not.toBe(first.modulus);
  });
});
