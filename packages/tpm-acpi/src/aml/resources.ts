// Resource descriptors (ACPI Specification, section "Resource Data Types for ACPI").

import { AcpiError } from '../error.js';
import { concatenate, littleEndian } from '../little-endian.js';
import { buffer } from './data.js';
import type { AmlData, AmlResource } from './kinds.js';

const MEMORY32_FIXED = [0x86, 0x09, 0x00] as const;
const IO_PORT = 0x47;
const IRQ_NO_FLAGS = 0x22;
const IRQ = 0x23;
const EXTENDED_INTERRUPT = 0x89;
/** A checksum of zero means that there is none. */
const END_TAG = [0x79, 0x00] as const;

const MEMORY_READ_WRITE = 0x01;
const IO_DECODE_16 = 0x01;
const LARGEST_IRQ = 15;

/** How an interrupt is signalled. */
export interface InterruptFlags {
  /** Edge-triggered; default level-triggered. */
  readonly edge?: boolean;
  /** Active low; default active high. */
  readonly activeLow?: boolean;
  /** Shared with other devices; default exclusive. */
  readonly shared?: boolean;
}

/** The value of a `_CRS`: the descriptors and the end tag. */
export function resourceTemplate(resources: readonly AmlResource[]): AmlData {
  return buffer(concatenate(...resources, ...END_TAG));
}

/**
 * `Memory32Fixed (ReadWrite, base, length)`
 *
 * @param base address below 4 GiB
 * @param length in bytes
 * @param readOnly `ReadOnly` instead; default `false`
 */
export function memory32Fixed(base: number, length: number, readOnly = false): AmlResource {
  return concatenate(
    ...MEMORY32_FIXED,
    readOnly ? 0 : MEMORY_READ_WRITE,
    littleEndian('Base address of a 32-bit memory range', base, 4),
    littleEndian('Length of a 32-bit memory range', length, 4),
  ) as AmlResource;
}

/** `IO (Decode16, minimum, maximum, alignment, length)` */
export function io(
  minimum: number,
  maximum: number,
  alignment: number,
  length: number,
): AmlResource {
  return concatenate(
    IO_PORT,
    IO_DECODE_16,
    littleEndian('Lowest I/O port', minimum, 2),
    littleEndian('Highest I/O port', maximum, 2),
    littleEndian('Alignment of I/O ports', alignment, 1),
    littleEndian('Number of I/O ports', length, 1),
  ) as AmlResource;
}

/**
 * `IRQ (…) {irq}` or, without flags, `IRQNoFlags () {irq}`
 *
 * @param line ISA interrupt, 0 to 15
 */
export function irq(line: number, flags?: InterruptFlags): AmlResource {
  if (!Number.isInteger(line) || line < 0 || line > LARGEST_IRQ) {
    throw new AcpiError('ERR_ACPI_VALUE', `IRQ ${line} is no ISA interrupt; use 0 to 15`);
  }
  const mask = littleEndian('IRQ mask', 2 ** line, 2);
  if (flags === undefined) return concatenate(IRQ_NO_FLAGS, mask) as AmlResource;
  const bits = (flags.edge ? 1 : 0) | (flags.activeLow ? 1 << 3 : 0) | (flags.shared ? 1 << 4 : 0);
  return concatenate(IRQ, mask, bits) as AmlResource;
}

/**
 * `Interrupt (ResourceConsumer, …) {…}`
 *
 * @param lines global system interrupts, 1 to 255 of them
 */
export function interrupt(lines: readonly number[], flags: InterruptFlags = {}): AmlResource {
  if (lines.length === 0) {
    throw new AcpiError('ERR_ACPI_VALUE', 'An interrupt descriptor is empty; name an interrupt');
  }
  const bits =
    1 | (flags.edge ? 1 << 1 : 0) | (flags.activeLow ? 1 << 2 : 0) | (flags.shared ? 1 << 3 : 0);
  return concatenate(
    EXTENDED_INTERRUPT,
    littleEndian('Length of an interrupt descriptor', 2 + 4 * lines.length, 2),
    bits,
    littleEndian('Number of interrupts', lines.length, 1),
    ...lines.map((line) => littleEndian('Interrupt', line, 4)),
  ) as AmlResource;
}
