// The header that ACPI tables share (ACPI Specification, section "System Description Table
// Header") and tables as a whole.

import { AcpiError } from './error.js';
import { ascii, concatenate, littleEndian } from './little-endian.js';

/** Offsets of the header's fields in bytes. */
export const TABLE_HEADER = {
  signature: 0x00,
  length: 0x04,
  revision: 0x08,
  checksum: 0x09,
  oemId: 0x0a,
  oemTableId: 0x10,
  oemRevision: 0x18,
  creatorId: 0x1c,
  creatorRevision: 0x20,
} as const;

/** Length of the header in bytes. */
export const TABLE_HEADER_SIZE = 0x24;

const OEM_ID_LENGTH = 6;
const OEM_TABLE_ID_LENGTH = 8;
const OEM_REVISION = 1;
const CREATOR_ID = 'BXPC';
const CREATOR_REVISION = 1;

/** Who a table says it is from. A value that is too short is padded with zero bytes. */
export interface OemOptions {
  /** At most 6 ASCII characters; default `'BOCHS '` (QEMU: machine option `x-oem-id`). */
  readonly oemId?: string;
  /** At most 8 ASCII characters; default `'BXPC    '` (QEMU: `x-oem-table-id`). */
  readonly oemTableId?: string;
}

/** What an ACPI table consists of. */
export interface TableOptions extends OemOptions {
  /** Four ASCII characters. */
  readonly signature: string;
  /** 0 to 255. */
  readonly revision: number;
  /** Everything behind the header. */
  readonly body: Uint8Array;
  /**
   * Whether the checksum is set. Leave it out for a table whose checksum the guest's firmware
   * computes: the loader wants the byte to be zero. Default `true`.
   */
  readonly checksum?: boolean;
}

/** The header of a table that was read. */
export interface TableHeader {
  readonly signature: string;
  /** Length of the whole table in bytes. */
  readonly length: number;
  readonly revision: number;
  /** As in the table, with whatever pads it. */
  readonly oemId: string;
  /** As in the table, with whatever pads it. */
  readonly oemTableId: string;
  readonly oemRevision: number;
  readonly creatorId: string;
  readonly creatorRevision: number;
  /** Whether the sum of all bytes is zero; never so before the loader ran. */
  readonly checksumValid: boolean;
}

/** A table that was read: its header, and its bytes without any that follow it. */
export interface ReadTable {
  readonly header: TableHeader;
  /** The whole table; shares the memory of what was read. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** @returns the byte that makes the sum of all bytes zero where a zero byte is now */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}

function identifier(what: string, text: string, length: number): Uint8Array {
  if (text.length > length) {
    throw new AcpiError(
      'ERR_ACPI_VALUE',
      `${what} "${text}" has ${text.length} characters; use at most ${length}`,
    );
  }
  return concatenate(ascii(what, text, 0x20), new Uint8Array(length - text.length));
}

/**
 * @returns the 6 bytes of an OEM ID
 * @throws AcpiError `ERR_ACPI_VALUE` when it is too long or not printable ASCII
 */
export function oemIdBytes(oem: OemOptions): Uint8Array {
  return identifier('OEM ID', oem.oemId ?? 'BOCHS ', OEM_ID_LENGTH);
}

/**
 * A table with the common header, as QEMU fills it in.
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when a field doesn't fit
 */
export function acpiTable(options: TableOptions): Uint8Array {
  const { signature, revision, body, checksum = true } = options;
  if (!/^[\x20-\x7e]{4}$/.test(signature)) {
    throw new AcpiError(
      'ERR_ACPI_VALUE',
      `"${signature}" is no table signature; use four ASCII characters`,
    );
  }
  const table = concatenate(
    ascii('Signature', signature, 0x20),
    littleEndian('Length of a table', TABLE_HEADER_SIZE + body.length, 4),
    littleEndian('Revision of a table', revision, 1),
    0,
    oemIdBytes(options),
    identifier('OEM table ID', options.oemTableId ?? 'BXPC    ', OEM_TABLE_ID_LENGTH),
    littleEndian('OEM revision', OEM_REVISION, 4),
    ascii('Creator ID', CREATOR_ID, 0x20),
    littleEndian('Creator revision', CREATOR_REVISION, 4),
    body,
  );
  if (checksum) table[TABLE_HEADER.checksum] = checksumOf(table);
  return table;
}

/** @returns one character per byte, which may be any */
export function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

/**
 * Reads a table's header. Nothing but lengths is checked, and bytes behind the table are ignored.
 *
 * @param bytes untrusted
 * @param signatures what the table may be; any if left out
 * @throws AcpiError `ERR_ACPI_TABLE` when the table is cut off, too short or another one
 */
export function readTable(bytes: Uint8Array, signatures?: readonly string[]): ReadTable {
  if (bytes.length < TABLE_HEADER_SIZE) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `${bytes.length} bytes are no ACPI table; its header alone has ${TABLE_HEADER_SIZE}`,
    );
  }
  const signature = latin1(bytes, TABLE_HEADER.signature, 4);
  if (signatures !== undefined && !signatures.includes(signature)) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `The table is ${JSON.stringify(signature)}; expected ${signatures.join(' or ')}`,
    );
  }
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = whole.getUint32(TABLE_HEADER.length, true);
  if (length < TABLE_HEADER_SIZE || length > bytes.length) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `Table ${JSON.stringify(signature)} claims ${length} bytes; there are ${bytes.length}, and its header has ${TABLE_HEADER_SIZE}`,
    );
  }
  const table = bytes.subarray(0, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const header: TableHeader = {
    signature,
    length,
    revision: view.getUint8(TABLE_HEADER.revision),
    oemId: latin1(table, TABLE_HEADER.oemId, OEM_ID_LENGTH),
    oemTableId: latin1(table, TABLE_HEADER.oemTableId, OEM_TABLE_ID_LENGTH),
    oemRevision: view.getUint32(TABLE_HEADER.oemRevision, true),
    creatorId: latin1(table, TABLE_HEADER.creatorId, 4),
    creatorRevision: view.getUint32(TABLE_HEADER.creatorRevision, true),
    checksumValid: checksumOf(table) === 0,
  };
  return { header, bytes: table, view };
}
