import { AcpiError } from './error.js';

/** Width in bytes of a little-endian field. */
export type FieldWidth = 1 | 2 | 4 | 8;

/** @returns the parts back to back; a number is one byte */
export function concatenate(...parts: readonly (number | Uint8Array)[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += typeof part === 'number' ? 1 : part.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    if (typeof part === 'number') {
      bytes[offset++] = part;
    } else {
      bytes.set(part, offset);
      offset += part.length;
    }
  }
  return bytes;
}

/**
 * @param what name of the value, for the message
 * @returns the value as a bigint
 * @throws AcpiError `ERR_ACPI_VALUE` unless it is a whole number that `width` bytes hold
 */
export function checkUnsigned(what: string, value: number | bigint, width: FieldWidth): bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    const wide = BigInt(value);
    if (wide >= 0n && wide >> BigInt(8 * width) === 0n) return wide;
  }
  throw new AcpiError(
    'ERR_ACPI_VALUE',
    `${what} is ${value}, which is not a whole number of ${width} unsigned byte${width === 1 ? '' : 's'}; use 0 to 0x${'ff'.repeat(width)}`,
  );
}

/**
 * @param what name of the value, for the message
 * @returns the bytes of an unsigned number, least significant first
 * @throws AcpiError `ERR_ACPI_VALUE` unless it is a whole number that `width` bytes hold
 */
export function littleEndian(what: string, value: number | bigint, width: FieldWidth): Uint8Array {
  const wide = checkUnsigned(what, value, width);
  return Uint8Array.from({ length: width }, (_, lane) =>
    Number((wide >> BigInt(8 * lane)) & 0xffn),
  );
}

/**
 * @param what name of the text, for the message
 * @returns one byte per character
 * @throws AcpiError `ERR_ACPI_VALUE` when a character is outside of `lowest` to 0x7F
 */
export function ascii(what: string, text: string, lowest: number): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    if (code >= lowest && code < 0x80) return code;
    throw new AcpiError(
      'ERR_ACPI_VALUE',
      `${what} "${text}" has the character U+${code.toString(16).padStart(4, '0')}; use ASCII`,
    );
  });
}
