import type { AccessWidth } from 'tpm-core';

/** One field of a register as it is shown. */
export interface FieldView {
  /** Name of the TCG document. */
  readonly name: string;
  /** `flag` of a single bit, `number` of several. */
  readonly kind: 'flag' | 'number';
  /** Value of the field, shifted down. */
  readonly value: number;
  /** The value in words, where the number alone says nothing. */
  readonly text: string;
}

/** One register as it is shown. */
export interface RegisterView {
  readonly name: string;
  /** Offset in the device, in bytes. */
  readonly offset: number;
  /** Value, unsigned. */
  readonly value: number;
  /** Width in bytes. */
  readonly width: AccessWidth;
  /** What the register is for, in one sentence. */
  readonly meaning: string;
  /** Reads as all ones: there is nothing behind it at the moment, and its fields say nothing. */
  readonly isAbsent: boolean;
  readonly fields: readonly FieldView[];
}

/** What is known of one field. */
export interface FieldDefinition {
  readonly name: string;
  /** Bits of the field in the register. */
  readonly mask: number;
  /** Words for a value. */
  readonly words?: (value: number) => string;
}

/** What is known of one register. */
export interface RegisterDefinition {
  readonly name: string;
  readonly offset: number;
  readonly width: AccessWidth;
  readonly meaning: string;
  readonly fields: readonly FieldDefinition[];
}

/** Reads a register of the device. */
export type ReadRegister = (offset: number, width: AccessWidth) => number;

const ALL_ONES = 0xffff_ffff;

/** @returns the field's bits, shifted down so that the lowest one is bit 0 */
export function extractField(value: number, mask: number): number {
  const unsigned = mask >>> 0;
  if (unsigned === 0) return 0;
  const shift = 31 - Math.clz32(unsigned & -unsigned);
  return ((value & unsigned) >>> shift) >>> 0;
}

function isSingleBit(mask: number): boolean {
  return (mask & (mask - 1)) === 0;
}

function viewField(value: number, { name, mask, words }: FieldDefinition): FieldView {
  const field = extractField(value, mask);
  const kind = isSingleBit(mask) ? 'flag' : 'number';
  const text = words?.(field) ?? (kind === 'flag' ? (field === 1 ? 'set' : 'clear') : `${field}`);
  return { name, kind, value: field, text };
}

/**
 * Reads registers and takes them apart.
 *
 * @param base offset that is added to each register's own: a locality's page
 */
export function viewRegisters(
  definitions: readonly RegisterDefinition[],
  read: ReadRegister,
  base = 0,
): RegisterView[] {
  return definitions.map(({ name, offset, width, meaning, fields }) => {
    const value = read(base + offset, width) >>> 0;
    return {
      name,
      offset: base + offset,
      value,
      width,
      meaning,
      isAbsent: value === ALL_ONES,
      fields: fields.map((field) => viewField(value, field)),
    };
  });
}
