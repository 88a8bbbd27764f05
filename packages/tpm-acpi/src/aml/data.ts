import { AcpiError } from '../error.js';
import { ascii, concatenate, littleEndian } from '../little-endian.js';
import { integerBytes, withPkgLength } from './encoding.js';
import { type AmlData, type Operand, operandBytes } from './kinds.js';

const STRING_PREFIX = 0x0d;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;
const VAR_PACKAGE_OP = 0x13;
const DWORD_PREFIX = 0x0c;

/**
 * An integer in its shortest encoding. Elsewhere a bare number does the same.
 *
 * @param value 0 to 2^64 - 1; a number only up to 2^53 - 1
 * @throws AcpiError `ERR_ACPI_VALUE` when it is something else
 */
export function integer(value: number | bigint): AmlData {
  return integerBytes(value) as AmlData;
}

/** @throws AcpiError `ERR_ACPI_VALUE` when a character is NUL or no ASCII */
export function string(text: string): AmlData {
  return concatenate(STRING_PREFIX, ascii('AML string', text, 1), 0) as AmlData;
}

/** A buffer with the given content. */
export function buffer(content: ArrayLike<number>): AmlData {
  const bytes = Uint8Array.from(content);
  return withPkgLength([BUFFER_OP], integerBytes(bytes.length), bytes) as AmlData;
}

/**
 * A package of constants and of names (strings).
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when there are more than 255 elements; use {@link varPackageOf}
 */
export function packageOf(elements: readonly Operand[]): AmlData {
  const count = littleEndian('Number of package elements', elements.length, 1);
  return withPkgLength([PACKAGE_OP], count, ...elements.map(operandBytes)) as AmlData;
}

/** A package whose number of elements is an encoded integer. */
export function varPackageOf(elements: readonly Operand[]): AmlData {
  const count = integerBytes(elements.length);
  return withPkgLength([VAR_PACKAGE_OP], count, ...elements.map(operandBytes)) as AmlData;
}

/**
 * A compressed EISA identifier, for example of `PNP0C31`.
 *
 * @param id three letters `A`-`Z` and four hexadecimal digits
 * @throws AcpiError `ERR_ACPI_VALUE` when it is something else
 */
export function eisaId(id: string): AmlData {
  if (!/^[A-Z]{3}[0-9A-F]{4}$/.test(id)) {
    throw new AcpiError(
      'ERR_ACPI_VALUE',
      `"${id}" is no EISA identifier; use three of A-Z and four of 0-9 and A-F`,
    );
  }
  const [first, second, third] = ascii('EISA identifier', id, 0x20).map((code) => code - 0x40);
  const letters = (first! << 10) | (second! << 5) | third!;
  const product = Number.parseInt(id.slice(3), 16);
  return Uint8Array.of(
    DWORD_PREFIX,
    letters >> 8,
    letters,
    product >> 8,
    product,
  ) as Uint8Array as AmlData;
}

/**
 * A UUID as ToUUID of ASL encodes it: the first three groups byte-swapped.
 *
 * @param text 8-4-4-4-12 hexadecimal digits, either case
 * @throws AcpiError `ERR_ACPI_VALUE` when it is something else
 */
export function uuid(text: string): AmlData {
  const groups = /^([\da-f]{8})-([\da-f]{4})-([\da-f]{4})-([\da-f]{4})-([\da-f]{12})$/i.exec(text);
  if (groups === null) {
    throw new AcpiError(
      'ERR_ACPI_VALUE',
      `"${text}" is no UUID; use 8-4-4-4-12 hexadecimal digits`,
    );
  }
  return buffer(
    groups.slice(1).flatMap((group, index) => {
      const bytes = group.match(/../g)!.map((digits) => Number.parseInt(digits, 16));
      return index < 3 ? bytes.reverse() : bytes;
    }),
  );
}
