import { TPM_EO } from '../structures/constants.js';

/**
 * Compares two operands of the same size as a policy asks for (Part 2, section 6.8): big-endian
 * numbers, two's complement where signed. Operands of no bytes are equal.
 *
 * @param operandA what the TPM has
 * @param operandB what the policy says
 * @param operation a {@link TPM_EO} value
 * @returns whether the comparison holds
 */
export function comparisonHolds(
  operandA: Uint8Array,
  operandB: Uint8Array,
  operation: number,
): boolean {
  switch (operation) {
    case TPM_EO.EQ:
      return compareUnsigned(operandA, operandB) === 0;
    case TPM_EO.NEQ:
      return compareUnsigned(operandA, operandB) !== 0;
    case TPM_EO.SIGNED_GT:
      return compareSigned(operandA, operandB) > 0;
    case TPM_EO.UNSIGNED_GT:
      return compareUnsigned(operandA, operandB) > 0;
    case TPM_EO.SIGNED_LT:
      return compareSigned(operandA, operandB) < 0;
    case TPM_EO.UNSIGNED_LT:
      return compareUnsigned(operandA, operandB) < 0;
    case TPM_EO.SIGNED_GE:
      return compareSigned(operandA, operandB) >= 0;
    case TPM_EO.UNSIGNED_GE:
      return compareUnsigned(operandA, operandB) >= 0;
    case TPM_EO.SIGNED_LE:
      return compareSigned(operandA, operandB) <= 0;
    case TPM_EO.UNSIGNED_LE:
      return compareUnsigned(operandA, operandB) <= 0;
    case TPM_EO.BITSET:
      return operandB.every((bits, at) => (operandA[at]! & bits) === bits);
    case TPM_EO.BITCLEAR:
      return operandB.every((bits, at) => (operandA[at]! & bits) === 0);
    default:
      throw new Error(`Operation 0x${operation.toString(16)} got past the check of its type`);
  }
}

function compareUnsigned(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? 0 : one[at]! - other[at]!;
}

function compareSigned(one: Uint8Array, other: Uint8Array): number {
  const signs = ((other[0] ?? 0) >> 7) - ((one[0] ?? 0) >> 7);
  return signs === 0 ? compareUnsigned(one, other) : signs;
}
