import { AcpiError } from '../error.js';
import { concatenate } from '../little-endian.js';
import { fieldWidth, nameSeg, nameString, withPkgLength } from './encoding.js';
import {
  type AmlFieldElement,
  type AmlStatement,
  type Constant,
  type Operand,
  operandBytes,
} from './kinds.js';

const NAME_OP = 0x08;
const SCOPE_OP = 0x10;
const METHOD_OP = 0x14;
const EXT_OP_PREFIX = 0x5b;
const OP_REGION_OP = [EXT_OP_PREFIX, 0x80] as const;
const FIELD_OP = [EXT_OP_PREFIX, 0x81] as const;
const DEVICE_OP = [EXT_OP_PREFIX, 0x82] as const;
const CREATE_FIELD_OP = [EXT_OP_PREFIX, 0x13] as const;
const CREATE_FIXED_FIELD_OP = { 1: 0x8d, 8: 0x8c, 16: 0x8b, 32: 0x8a, 64: 0x8f } as const;

const MAXIMUM_ARGUMENTS = 7;

/** Bits of the method flags byte. */
const METHOD_FLAG = { serialized: 1 << 3 } as const;

/** Address spaces of operation regions. */
export const REGION_SPACE = { systemMemory: 0x00, systemIo: 0x01 } as const;

/** Name of an address space of operation regions. */
export type RegionSpace = keyof typeof REGION_SPACE;

/** Access types of fields: the width of one access, or any. */
export const FIELD_ACCESS = { any: 0, byte: 1, word: 2, dword: 3, qword: 4, buffer: 5 } as const;

/** Update rules of fields: what becomes of the bits of an access outside of the field unit. */
export const FIELD_UPDATE = { preserve: 0, writeAsOnes: 1, writeAsZeros: 2 } as const;

/** How the units of a field are accessed. */
export interface FieldFlags {
  /** Default `'any'`. */
  readonly access?: keyof typeof FIELD_ACCESS;
  /** Takes the global lock; default `false`. */
  readonly lock?: boolean;
  /** Default `'preserve'`. */
  readonly update?: keyof typeof FIELD_UPDATE;
}

/** Signature of a method. */
export interface MethodFlags {
  /** Number of arguments, 0 to 7; default 0. */
  readonly arguments?: number;
  /** Only one thread at a time; needed by a method that creates named objects. */
  readonly serialized?: boolean;
}

/** `Name (path, value)` */
export function name(path: string, value: Constant): AmlStatement {
  return concatenate(NAME_OP, nameString(path), operandBytes(value)) as AmlStatement;
}

/** `Scope (path) { … }` */
export function scope(path: string, body: readonly AmlStatement[]): AmlStatement {
  return withPkgLength([SCOPE_OP], nameString(path), ...body) as AmlStatement;
}

/** `Device (path) { … }` */
export function device(path: string, body: readonly AmlStatement[]): AmlStatement {
  return withPkgLength(DEVICE_OP, nameString(path), ...body) as AmlStatement;
}

/**
 * `Method (path, …) { … }`
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when there are more than 7 arguments
 */
export function method(
  path: string,
  flags: MethodFlags,
  body: readonly AmlStatement[],
): AmlStatement {
  const count = flags.arguments ?? 0;
  if (!Number.isInteger(count) || count < 0 || count > MAXIMUM_ARGUMENTS) {
    throw new AcpiError('ERR_ACPI_VALUE', `Method "${path}" has ${count} arguments; use 0 to 7`);
  }
  const bits = count | (flags.serialized ? METHOD_FLAG.serialized : 0);
  return withPkgLength([METHOD_OP], nameString(path), Uint8Array.of(bits), ...body) as AmlStatement;
}

/**
 * `OperationRegion (path, space, offset, length)`
 *
 * @param offset byte address in the space
 * @param length in bytes
 */
export function operationRegion(
  path: string,
  space: RegionSpace,
  offset: Operand,
  length: Operand,
): AmlStatement {
  return concatenate(
    ...OP_REGION_OP,
    nameString(path),
    REGION_SPACE[space],
    operandBytes(offset),
    operandBytes(length),
  ) as AmlStatement;
}

/** `Field (region, …) { … }`: the elements follow one another from bit 0 of the region. */
export function field(
  region: string,
  flags: FieldFlags,
  elements: readonly AmlFieldElement[],
): AmlStatement {
  const { access = 'any', lock = false, update = 'preserve' } = flags;
  const bits = FIELD_ACCESS[access] | (lock ? 1 << 4 : 0) | (FIELD_UPDATE[update] << 5);
  return withPkgLength(
    FIELD_OP,
    nameString(region),
    Uint8Array.of(bits),
    ...elements,
  ) as AmlStatement;
}

/**
 * An element of a field list: a field unit.
 *
 * @param segment its name, one segment
 * @param bits 0 to 0x0FFFFFFF
 */
export function fieldUnit(segment: string, bits: number): AmlFieldElement {
  return concatenate(nameSeg(segment), fieldWidth(bits)) as AmlFieldElement;
}

/** An element of a field list: bits without a name. */
export function reservedBits(bits: number): AmlFieldElement {
  return concatenate(0, fieldWidth(bits)) as AmlFieldElement;
}

/** `CreateField (source, bitIndex, bitCount, path)` */
export function createField(
  source: Operand,
  bitIndex: Operand,
  bitCount: Operand,
  path: string,
): AmlStatement {
  const operands = [source, bitIndex, bitCount, path].map(operandBytes);
  return concatenate(...CREATE_FIELD_OP, ...operands) as AmlStatement;
}

/**
 * `CreateBitField`, `CreateByteField`, `CreateWordField`, `CreateDWordField`, `CreateQWordField`
 *
 * @param index in bytes; in bits for a width of 1
 */
export function createFixedField(
  bits: 1 | 8 | 16 | 32 | 64,
  source: Operand,
  index: Operand,
  path: string,
): AmlStatement {
  const operands = [source, index, path].map(operandBytes);
  return concatenate(CREATE_FIXED_FIELD_OP[bits], ...operands) as AmlStatement;
}
