import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';

const WINDOW_BITS = 5;

/** @returns the big-endian bytes as a number; zero for no bytes */
export function toInteger(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : bytesToNumberBE(bytes);
}

/**
 * @param value at least zero and below 2^(8·length)
 * @returns `length` big-endian bytes
 */
export function toBytes(value: bigint, length: number): Uint8Array {
  return numberToBytesBE(value, length);
}

/** @returns number of bits without leading zeros; 0 for zero */
export function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return 4 * hex.length - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28;
}

/** The exponent in digits of five bits, the highest first. */
function windows(exponent: bigint): number[] {
  const digits: number[] = [];
  const bits = exponent.toString(2);
  for (let end = bits.length % WINDOW_BITS || WINDOW_BITS; end <= bits.length; end += WINDOW_BITS) {
    digits.push(Number.parseInt(bits.slice(Math.max(0, end - WINDOW_BITS), end), 2));
  }
  return digits;
}

/**
 * Modular exponentiation with fixed windows of five bits. Not constant in time.
 *
 * @param exponent at least zero
 * @param modulus above 1
 */
export function modularPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const reduced = base % modulus;
  const powers = [1n, reduced];
  const digits = windows(exponent);
  const most = Math.max(...digits);
  for (let index = 2; index <= most; index++) powers.push((powers[index - 1]! * reduced) % modulus);
  let result = 1n;
  for (const digit of digits) {
    if (result !== 1n) {
      for (let bit = 0; bit < WINDOW_BITS; bit++) result = (result * result) % modulus;
    }
    if (digit !== 0) result = (result * powers[digit]!) % modulus;
  }
  return result;
}

/** @returns `value`^-1 modulo `modulus`, or `undefined` when they have a common divisor */
export function modularInverse(value: bigint, modulus: bigint): bigint | undefined {
  let [previous, current] = [modulus, value % modulus];
  let [previousFactor, factor] = [0n, 1n];
  while (current !== 0n) {
    const quotient = previous / current;
    [previous, current] = [current, previous - quotient * current];
    [previousFactor, factor] = [factor, previousFactor - quotient * factor];
  }
  if (previous !== 1n) return undefined;
  return previousFactor < 0n ? previousFactor + modulus : previousFactor;
}
