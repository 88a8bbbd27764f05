/** Value of a character that is no digit. Its low bits are what QEMU combines into the byte. */
const NO_DIGIT = -1;

function hexDigit(character: number): number {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : NO_DIGIT;
}

/** Characters before the digits: `0x`, which QEMU skips without looking at them. */
const PREFIX_LENGTH = 2;

/**
 * Decodes the data of `write`: `0x` and two digits per byte. Missing bytes are zero, further ones
 * are ignored. QEMU: a character that is no digit sets all bits of its half and of the upper one.
 *
 * @param source where the data stand
 * @param start offset of the `0x`
 * @param end offset behind the last digit
 * @param target receives the bytes, filled whole
 */
export function decodeHex(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): void {
  let at = start + PREFIX_LENGTH;
  for (let index = 0; index < target.length; index++, at += 2) {
    if (at + 1 >= end) {
      target.fill(0, index);
      return;
    }
    target[index] = (hexDigit(source[at]!) << 4) | hexDigit(source[at + 1]!);
  }
}

function base64Value(character: number): number {
  if (character >= 0x41 && character <= 0x5a) return character - 0x41;
  if (character >= 0x61 && character <= 0x7a) return character - 0x61 + 26;
  if (character >= 0x30 && character <= 0x39) return character - 0x30 + 52;
  if (character === 0x2b) return 62;
  return character === 0x2f ? 63 : NO_DIGIT;
}

/**
 * Decodes base64 (RFC 4648, section 4); characters outside the alphabet are skipped.
 *
 * @param source where the data stand
 * @param start offset of the first character
 * @param end offset behind the last one
 * @param target receives at most its length
 * @returns number of bytes decoded into `target`
 */
export function decodeBase64(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): number {
  let bits = 0;
  let count = 0;
  let length = 0;
  for (let at = start; at < end && length < target.length; at++) {
    const value = base64Value(source[at]!);
    if (value === NO_DIGIT) continue;
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    target[length++] = bits >>> count;
  }
  return length;
}

const BASE64_ALPHABET: Uint8Array = new TextEncoder().encode(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
);
const PADDING = 0x3d;

/** @returns `source` in base64 (RFC 4648, section 4) as ASCII bytes, with padding */
export function encodeBase64(source: Uint8Array): Uint8Array {
  const target = new Uint8Array(4 * Math.ceil(source.length / 3));
  let length = 0;
  for (let at = 0; at < source.length; at += 3) {
    const left = source.length - at;
    const bits = (source[at]! << 16) | ((source[at + 1] ?? 0) << 8) | (source[at + 2] ?? 0);
    target[length++] = BASE64_ALPHABET[bits >>> 18]!;
    target[length++] = BASE64_ALPHABET[(bits >>> 12) & 0x3f]!;
    target[length++] = left > 1 ? BASE64_ALPHABET[(bits >>> 6) & 0x3f]! : PADDING;
    target[length++] = left > 2 ? BASE64_ALPHABET[bits & 0x3f]! : PADDING;
  }
  return target;
}
