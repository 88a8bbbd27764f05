// The bytes that all objects of the ACPI Machine Language share: package lengths, names and
// integers (ACPI Specification, chapter "ACPI Machine Language (AML) Specification").

import { AcpiError } from '../error.js';
import { ascii, concatenate, littleEndian } from '../little-endian.js';

/** Bits that a package length of 1 to 4 bytes holds. */
const PKG_LENGTH_BITS = [6, 12, 20, 28] as const;

/** Prefixes of integers by width in bytes. */
const INTEGER_PREFIX = { 1: 0x0a, 2: 0x0b, 4: 0x0c, 8: 0x0e } as const;

/** `\`, the lower one of the two prefix characters; the other is `^`. */
const ROOT_CHAR = 0x5c;
const DUAL_NAME_PREFIX = 0x2e;
const MULTI_NAME_PREFIX = 0x2f;
const NULL_NAME = 0x00;

/** Encodes `value` in `size` bytes: 4 or 6 bits in the lead byte, 8 in each following one. */
function packLength(value: number, size: number): Uint8Array {
  if (size === 1) return Uint8Array.of(value);
  const bytes = Uint8Array.of(((size - 1) << 6) | (value & 0x0f), 0, 0, 0);
  for (let index = 1; index < size; index++) bytes[index] = value >>> (8 * index - 4);
  return bytes.subarray(0, size);
}

function lengthSize(value: number, countsItself: boolean): number {
  const index = PKG_LENGTH_BITS.findIndex(
    (bits, size) => value + (countsItself ? size + 1 : 0) < 2 ** bits,
  );
  if (index >= 0 && Number.isInteger(value) && value >= 0) return index + 1;
  throw new AcpiError(
    'ERR_ACPI_VALUE',
    `A package length can't hold ${value}; keep an object below 0x0fff_fffc bytes, a field below 0x1000_0000 bits`,
  );
}

/**
 * PkgLength of a package whose content, without the length itself, is `contentLength` bytes long.
 *
 * @returns 1 to 4 bytes, as few as possible
 * @throws AcpiError `ERR_ACPI_VALUE` when the content is longer than 0x0FFFFFFB bytes
 */
export function pkgLength(contentLength: number): Uint8Array {
  const size = lengthSize(contentLength, true);
  return packLength(contentLength + size, size);
}

/**
 * Width of a field unit: encoded like a package length, but the value stands alone.
 *
 * @param bits 0 to 0x0FFFFFFF
 * @throws AcpiError `ERR_ACPI_VALUE` when the width is larger
 */
export function fieldWidth(bits: number): Uint8Array {
  return packLength(bits, lengthSize(bits, false));
}

/** @returns opcode, package length, content */
export function withPkgLength(opcode: readonly number[], ...content: Uint8Array[]): Uint8Array {
  const bytes = concatenate(...content);
  return concatenate(...opcode, pkgLength(bytes.length), bytes);
}

/**
 * @param segment 1 to 4 of `A`-`Z`, `0`-`9` and `_`, not beginning with a digit
 * @returns the 4 bytes, padded with `_`
 * @throws AcpiError `ERR_ACPI_NAME` when it is something else
 */
export function nameSeg(segment: string): Uint8Array {
  if (/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment)) {
    return ascii('Name segment', segment.padEnd(4, '_'), 0x20);
  }
  throw new AcpiError(
    'ERR_ACPI_NAME',
    `"${segment}" is no AML name segment; use 1 to 4 of A-Z, 0-9 and _, not beginning with a digit (text is string(…))`,
  );
}

/**
 * A name with optional prefix: `_HID`, `\_SB.PCI0`, `^^ISA`, `\`.
 *
 * @throws AcpiError `ERR_ACPI_NAME` when a segment is malformed or there are more than 255
 */
export function nameString(path: string): Uint8Array {
  // The prefix characters stand for themselves.
  const prefix = /^(?:\\|\^*)/.exec(path)?.[0] ?? '';
  const prefixBytes = ascii('Name prefix', prefix, ROOT_CHAR);
  const rest = path.slice(prefix.length);
  if (rest === '' && prefix !== '') return concatenate(prefixBytes, NULL_NAME);
  const segments = rest.split('.').map(nameSeg);
  if (segments.length > 0xff) {
    throw new AcpiError(
      'ERR_ACPI_NAME',
      `A name path has ${segments.length} segments; use at most 255`,
    );
  }
  if (segments.length === 1) return concatenate(prefixBytes, ...segments);
  if (segments.length === 2) return concatenate(prefixBytes, DUAL_NAME_PREFIX, ...segments);
  return concatenate(prefixBytes, MULTI_NAME_PREFIX, segments.length, ...segments);
}

/**
 * @param value 0 to 2^64 - 1; a number only up to 2^53 - 1
 * @returns the shortest encoding of an integer
 * @throws AcpiError `ERR_ACPI_VALUE` when it is something else
 */
export function integerBytes(value: number | bigint): Uint8Array {
  const bytes = littleEndian('Integer', value, 8);
  const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
  if (used <= 1 && bytes[0]! <= 1) return bytes.slice(0, 1);
  const width = used <= 1 ? 1 : used <= 2 ? 2 : used <= 4 ? 4 : 8;
  return concatenate(INTEGER_PREFIX[width], bytes.subarray(0, width));
}
