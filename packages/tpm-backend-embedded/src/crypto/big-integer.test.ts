import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bitLength, modularInverse, modularPower, toBytes, toInteger } from './big-integer.js';

const number = fc.bigInt({ min: 0n, max: 1n << 300n });
const modulus = fc.bigInt({ min: 2n, max: 1n << 300n });

function squareAndMultiply(base: bigint, exponent: bigint, divisor: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % divisor;
    if (bit === '1') result = (result * base) % divisor;
  }
  return result % divisor;
}

describe('bitLength()', () => {
  test('counts the binary digits, none for zero', () => {
    expect(bitLength(0n)).toBe(0);
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 1n << 300n }), (value) => {
        expect(bitLength(value)).toBe(value.toString(2).length);
      }),
    );
  });
});

describe('toInteger(), toBytes()', () => {
  test('undo each other', () => {
    expect(toInteger(new Uint8Array(0))).toBe(0n);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
        expect(toBytes(toInteger(bytes), bytes.length)).toEqual(bytes);
      }),
    );
  });
});

describe('modularPower()', () => {
  test('is what squaring and multiplying bit by bit gives', () => {
    fc.assert(
      fc.property(number, number, modulus, (base, exponent, divisor) => {
        expect(modularPower(base, exponent, divisor)).toBe(
          squareAndMultiply(base, exponent, divisor),
        );
      }),
    );
  });

  test.each([
    [0n, 0n, 7n, 1n],
    [0n, 5n, 7n, 0n],
    [3n, 1n, 7n, 3n],
    [2n, 31n, 1_000n, 648n],
    [2n, 32n, 1_000n, 296n],
  ])('%i to the %i modulo %i is %i', (base, exponent, divisor, expected) => {
    expect(modularPower(base, exponent, divisor)).toBe(expected);
  });
});

describe('modularInverse()', () => {
  test('gives 1 when multiplied, or there is a common divisor', () => {
    fc.assert(
      fc.property(number, modulus, (value, divisor) => {
        const inverse = modularInverse(value, divisor);
        if (inverse !== undefined) {
          expect(inverse >= 0n && inverse < divisor).toBe(true);
          expect((value * inverse) % divisor).toBe(1n);
          return;
        }
        let [larger, smaller] = [divisor, value % divisor];
        while (smaller !== 0n) [larger, smaller] = [smaller, larger % smaller];
        expect(larger > 1n).toBe(true);
      }),
    );
  });
});
