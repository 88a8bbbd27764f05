const SPACE_LIKE = { first: 0x09, last: 0x0d } as const;
const TWO_32 = 0x1_0000_0000;

/** A number of a qtest line: 64 bits in two halves, reused from line to line. */
export interface ParsedNumber {
  /** Bits 63 to 32, unsigned. */
  high: number;
  /** Bits 31 to 0, unsigned. */
  low: number;
}

function digitValue(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

/**
 * Parses a number as C programs do: white space, a sign, `0x` for base 16, `0` for base 8, else
 * base 10. A minus sign gives the two's complement. Nothing may follow.
 *
 * @param bytes where the number stands
 * @param start offset of its first byte
 * @param end offset behind its last byte
 * @param number receives the value; undefined contents when the result is `false`
 * @returns whether it is a number that fits 64 bits
 */
export function parseNumber(
  bytes: Uint8Array,
  start: number,
  end: number,
  number: ParsedNumber,
): boolean {
  let at = start;
  while (at < end && bytes[at]! >= SPACE_LIKE.first && bytes[at]! <= SPACE_LIKE.last) at++;
  const sign = bytes[at];
  const negative = at < end && sign === 0x2d;
  if (negative || (at < end && sign === 0x2b)) at++;
  let base = 10;
  if (at + 1 < end && bytes[at] === 0x30) {
    base = 8;
    if ((bytes[at + 1]! | 0x20) === 0x78) {
      base = 16;
      at += 2;
    }
  }
  if (at >= end) return false;
  let high = 0;
  let low = 0;
  for (; at < end; at++) {
    const digit = digitValue(bytes[at]!);
    if (digit >= base) return false;
    low = low * base + digit;
    const carry = Math.floor(low / TWO_32);
    low -= carry * TWO_32;
    high = high * base + carry;
    if (high >= TWO_32) return false;
  }
  if (negative) {
    high = (~high + (low === 0 ? 1 : 0)) >>> 0;
    low = -low >>> 0;
  }
  number.high = high;
  number.low = low;
  return true;
}

/** @returns the value as a signed number; exact between -2^53 and 2^53 */
export function toSigned(number: ParsedNumber): number {
  return (number.high | 0) * TWO_32 + number.low;
}

/** @returns the value as an unsigned number; exact below 2^53 */
export function toUnsigned(number: ParsedNumber): number {
  return number.high * TWO_32 + number.low;
}
