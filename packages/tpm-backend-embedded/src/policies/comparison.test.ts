import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TPM_EO } from '../structures/constants.js';
import { comparisonHolds } from './comparison.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);

/** The operations on numbers of eight bytes. */
function expected(one: bigint, other: bigint, operation: number): boolean {
  const [signed, otherSigned] = [BigInt.asIntN(64, one), BigInt.asIntN(64, other)];
  switch (operation) {
    case TPM_EO.EQ:
      return one === other;
    case TPM_EO.NEQ:
      return one !== other;
    case TPM_EO.SIGNED_GT:
      return signed > otherSigned;
    case TPM_EO.UNSIGNED_GT:
      return one > other;
    case TPM_EO.SIGNED_LT:
      return signed < otherSigned;
    case TPM_EO.UNSIGNED_LT:
      return one < other;
    case TPM_EO.SIGNED_GE:
      return signed >= otherSigned;
    case TPM_EO.UNSIGNED_GE:
      return one >= other;
    case TPM_EO.SIGNED_LE:
      return signed <= otherSigned;
    case TPM_EO.UNSIGNED_LE:
      return one <= other;
    case TPM_EO.BITSET:
      return (one & other) === other;
    default:
      return (one & other) === 0n;
  }
}

function bytes(value: bigint): Uint8Array {
  const result = new Uint8Array(8);
  new DataView(result.buffer).setBigUint64(0, value);
  return result;
}

describe('comparisonHolds()', () => {
  it('comparisonHolds() agrees with arithmetic on numbers of eight bytes', () => {
    const number = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 5n, 2n ** 63n));
    const operation = fc.constantFrom(...Object.values(TPM_EO));
    console.info(`comparison.test.ts: TPMDEV_SEED=${SEED}`);
    fc.assert(
      fc.property(number, number, fc.boolean(), operation, (one, drawn, isSame, code) => {
        const other = isSame ? one : drawn;
        expect(comparisonHolds(bytes(one), bytes(other), code)).toBe(expected(one, other, code));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('comparisonHolds() takes operands of no bytes for equal', () => {
    const empty = new Uint8Array(0);
    const holding = Object.values(TPM_EO).filter((code) => comparisonHolds(empty, empty, code));
    expect(holding).toEqual([
      TPM_EO.EQ,
      TPM_EO.SIGNED_GE,
      TPM_EO.UNSIGNED_GE,
      TPM_EO.SIGNED_LE,
      TPM_EO.UNSIGNED_LE,
      TPM_EO.BITSET,
      TPM_EO.BITCLEAR,
    ]);
  });

  it('comparisonHolds() throws for an operation that is none, so that no policy passes by it', () => {
    expect(() => comparisonHolds(bytes(1n), bytes(1n), 12)).toThrow('0xc');
  });
});
