import type { RandomSource } from 'tpm-core';
import { bitLength, modularPower, toInteger } from './big-integer.js';
import { type RsaPrivateKey, rsaPrivateKey } from './rsa.js';

/** Odd numbers that one sieve covers. */
const FIELD_SIZE = 16_384;
/** Primes up to which the sieve divides, for primes up to so many bits. */
const SIEVE_LIMITS = [
  { bits: 512, limit: 8_167 },
  { bits: 1_024, limit: 38_891 },
  { bits: Number.POSITIVE_INFINITY, limit: 65_535 },
] as const;
/** Fields start at an odd multiple of the first three odd primes. */
const FIELD_STEP = 3n * 5n * 7n;
/** Least difference of the two primes, in bits. */
const MIN_DIFFERENCE_BITS = 100;

/** 1/√2 as a 32-bit fraction, and what is left above it as a 16-bit one. */
const TOP_BASE = 0xb505_0000n;
const TOP_SCALE = 0x4afbn;

function millerRabinRounds(bits: number): number {
  if (bits < 511) return 8;
  return bits < 1_536 ? 5 : 4;
}

function oddPrimesUpTo(limit: number): number[] {
  const composite = new Uint8Array(limit + 1);
  const primes: number[] = [];
  for (let value = 3; value <= limit; value += 2) {
    if (composite[value] === 1) continue;
    primes.push(value);
    for (let multiple = value * value; multiple <= limit; multiple += 2 * value) {
      composite[multiple] = 1;
    }
  }
  return primes;
}

/** A random odd number of that size, its top 32 bits scaled so that two make a full modulus. */
function candidate(random: RandomSource, bytes: number): bigint {
  const buffer = new Uint8Array(bytes);
  random.fill(buffer);
  const value = toInteger(buffer);
  const shift = BigInt(8 * bytes - 32);
  const top = value >> shift;
  const scaled = ((top * TOP_SCALE) >> 16n) + TOP_BASE;
  return (scaled << shift) | (value & ((1n << shift) - 1n)) | 1n;
}

/** @returns offsets, in steps of two from `start`, of the numbers that no small prime divides */
function sieve(start: bigint, primes: readonly number[]): number[] {
  const composite = new Uint8Array(FIELD_SIZE);
  for (const prime of primes) {
    const remainder = Number(start % BigInt(prime));
    const distance = remainder === 0 ? 0 : prime - remainder;
    const first = distance % 2 === 0 ? distance / 2 : (distance + prime) / 2;
    for (let offset = first; offset < FIELD_SIZE; offset += prime) composite[offset] = 1;
  }
  const survivors: number[] = [];
  for (let offset = 0; offset < FIELD_SIZE; offset++) {
    if (composite[offset] === 0) survivors.push(offset);
  }
  return survivors;
}

/** Miller-Rabin (FIPS 186-4, C.3.1) with bases from the generator, one request each. */
function* isProbablePrime(value: bigint, random: RandomSource): Generator<void, boolean> {
  const bits = bitLength(value);
  const bytes = new Uint8Array(Math.ceil(bits / 8));
  const last = value - 1n;
  let odd = last >> 1n;
  let twos = 1;
  for (; (odd & 1n) === 0n; odd >>= 1n) twos++;
  for (let round = millerRabinRounds(bits); round > 0; round--) {
    yield;
    let base = 0n;
    do {
      random.fill(bytes);
      base = toInteger(bytes);
    } while (base <= 1n || base >= last);
    if (!passesRound(modularPower(base, odd, value), value, twos)) return false;
  }
  return true;
}

function passesRound(power: bigint, value: bigint, twos: number): boolean {
  const last = value - 1n;
  if (power === 1n || power === last) return true;
  let square = power;
  for (let index = 1; index < twos; index++) {
    square = (square * square) % value;
    if (square === last) return true;
  }
  return false;
}

function suitsExponent(value: bigint, exponent: bigint): boolean {
  return value % exponent > 1n;
}

function* generatePrime(
  random: RandomSource,
  bytes: number,
  exponent: bigint,
): Generator<void, bigint> {
  const { limit } = SIEVE_LIMITS.find(({ bits }) => 8 * bytes <= bits)!;
  const primes = oddPrimesUpTo(limit);
  for (;;) {
    const drawn = candidate(random, bytes);
    const choice = Number(drawn & 0x7fff_ffffn) + 0x8000_0000;
    const excess = drawn % (2n * FIELD_STEP);
    const start = drawn - ((excess + FIELD_STEP) % (2n * FIELD_STEP));
    const survivors = sieve(start, primes);
    while (survivors.length > 0) {
      const [offset] = survivors.splice(choice % survivors.length, 1);
      const value = start + BigInt(2 * offset!);
      if (suitsExponent(value, exponent) && (yield* isProbablePrime(value, random))) return value;
    }
  }
}

/**
 * Generates an RSA key exactly as libtpms does, so that a seeded generator gives the primaries of
 * libtpms. Yields before each round of a primality test, about every 10 ms for the largest key: a
 * caller that wants to stay responsive or to cancel stops there.
 *
 * @param bits size of the modulus: a multiple of 16, at least 512
 * @param exponent odd prime: with another number this may never end
 * @param random the TPM's generator, or the seeded one of a primary
 * @returns through the generator's result, the key
 */
export function* generateRsaKey(
  random: RandomSource,
  bits: number,
  exponent: bigint,
): Generator<void, RsaPrivateKey> {
  const bytes = bits / 16;
  for (;;) {
    const q = yield* generatePrime(random, bytes, exponent);
    const p = yield* generatePrime(random, bytes, exponent);
    if (bitLength(p > q ? p - q : q - p) < MIN_DIFFERENCE_BITS) continue;
    const key = rsaPrivateKey(p, q, exponent);
    if (key !== undefined) return key;
  }
}
