// The tables through which an operating system finds all others (ACPI Specification, sections
// "Root System Description Pointer (RSDP)", "Root System Description Table (RSDT)" and "Extended
// System Description Table (XSDT)").

import { AcpiError } from './error.js';
import { concatenate, littleEndian } from './little-endian.js';
import {
  acpiTable,
  checksumOf,
  latin1,
  type OemOptions,
  oemIdBytes,
  readTable,
  TABLE_HEADER_SIZE,
  type TableHeader,
} from './table.js';

const SIGNATURE = 'RSD PTR ';
const ROOT_TABLE_REVISION = 1;

/** Width in bytes of the entries of a root table. */
export const ROOT_TABLE_ENTRY = { RSDT: 4, XSDT: 8 } as const;

/** Offsets of the RSDP's fields in bytes; the last three are of revision 2. */
export const RSDP = {
  signature: 0,
  checksum: 8,
  oemId: 9,
  revision: 15,
  rsdtAddress: 16,
  length: 20,
  xsdtAddress: 24,
  extendedChecksum: 32,
} as const;

/** Lengths of an RSDP in bytes; the first part has a checksum of its own. */
export const RSDP_SIZE = { revision0: 20, revision2: 36 } as const;

/** The tables that a root table lists. */
export type RootTableOptions = OemOptions & {
  readonly signature: 'RSDT' | 'XSDT';
} & (
    | {
        /** Offsets of the tables in the loader's file, in bytes; the checksum stays zero. */
        readonly entryOffsets: readonly (number | bigint)[];
      }
    | {
        /** Guest-physical addresses of the tables; the checksum is set. */
        readonly entryAddresses: readonly (number | bigint)[];
      }
  );

/** Which table an RSDP points to. */
export type RsdpOptions = Pick<OemOptions, 'oemId'> & {
  /** The root table it points to: an RSDP of revision 0 to an RSDT, of revision 2 to an XSDT. */
  readonly to: 'RSDT' | 'XSDT';
} & (
    | {
        /** Offset of the root table in the loader's file, in bytes; the checksums stay zero. */
        readonly offset: number;
      }
    | {
        /** Guest-physical address of the root table; the checksums are set. */
        readonly address: number | bigint;
      }
  );

/** A root table that was read. */
export interface RootTable {
  readonly header: TableHeader;
  /** What the entries are: addresses, or offsets before the loader ran. */
  readonly entries: readonly bigint[];
}

/** An RSDP that was read. */
export interface Rsdp {
  readonly revision: number;
  readonly oemId: string;
  readonly rsdtAddress: number;
  /** `undefined` before revision 2. */
  readonly xsdtAddress: bigint | undefined;
  /** Whether all checksums that the revision has are right. */
  readonly checksumValid: boolean;
}

/**
 * An RSDT or XSDT.
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when an address doesn't fit into an entry
 */
export function rootTable(options: RootTableOptions): Uint8Array {
  const { signature } = options;
  const entries = 'entryOffsets' in options ? options.entryOffsets : options.entryAddresses;
  const width = ROOT_TABLE_ENTRY[signature];
  return acpiTable({
    ...options,
    signature,
    revision: ROOT_TABLE_REVISION,
    checksum: !('entryOffsets' in options),
    body: concatenate(...entries.map((entry) => littleEndian(`${signature} entry`, entry, width))),
  });
}

/**
 * The pointer to the root table: 20 bytes of revision 0, or 36 of revision 2.
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when the address or the OEM ID doesn't fit
 */
export function rsdp(options: RsdpOptions): Uint8Array {
  const isExtended = options.to === 'XSDT';
  const pointer = 'offset' in options ? options.offset : options.address;
  const bytes = concatenate(
    ...Uint8Array.from(SIGNATURE, (character) => character.charCodeAt(0)),
    0,
    oemIdBytes(options),
    isExtended ? 2 : 0,
    littleEndian('RSDT address', isExtended ? 0 : pointer, 4),
    ...(isExtended
      ? [
          littleEndian('RSDP length', RSDP_SIZE.revision2, 4),
          littleEndian('XSDT address', pointer, 8),
          new Uint8Array(4),
        ]
      : []),
  );
  if ('offset' in options) return bytes;
  bytes[RSDP.checksum] = checksumOf(bytes.subarray(0, RSDP_SIZE.revision0));
  if (isExtended) bytes[RSDP.extendedChecksum] = checksumOf(bytes);
  return bytes;
}

/**
 * Reads an RSDT or XSDT. An incomplete entry at the end is ignored.
 *
 * @param bytes untrusted; bytes behind the table are ignored
 * @throws AcpiError `ERR_ACPI_TABLE` when it is cut off or another table
 */
export function readRootTable(bytes: Uint8Array): RootTable {
  const { header, view } = readTable(bytes, ['RSDT', 'XSDT']);
  const width = ROOT_TABLE_ENTRY[header.signature as 'RSDT' | 'XSDT'];
  const count = Math.floor((header.length - TABLE_HEADER_SIZE) / width);
  const entries = Array.from({ length: count }, (_, index) => {
    const offset = TABLE_HEADER_SIZE + index * width;
    return width === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  });
  return { header, entries };
}

/**
 * Reads an RSDP of any revision.
 *
 * @param bytes untrusted; bytes behind it are ignored
 * @throws AcpiError `ERR_ACPI_TABLE` when it is cut off or has another signature
 */
export function readRsdp(bytes: Uint8Array): Rsdp {
  const revision = bytes[RSDP.revision] ?? 0;
  const size = revision < 2 ? RSDP_SIZE.revision0 : RSDP_SIZE.revision2;
  if (bytes.length < size) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `${bytes.length} bytes are no RSDP of revision ${revision}; it has ${size}`,
    );
  }
  const signature = latin1(bytes, RSDP.signature, SIGNATURE.length);
  if (signature !== SIGNATURE) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `An RSDP starts with "${SIGNATURE}", not ${JSON.stringify(signature)}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  return {
    revision,
    oemId: latin1(bytes, RSDP.oemId, 6),
    rsdtAddress: view.getUint32(RSDP.rsdtAddress, true),
    xsdtAddress: revision < 2 ? undefined : view.getBigUint64(RSDP.xsdtAddress, true),
    checksumValid:
      checksumOf(bytes.subarray(0, RSDP_SIZE.revision0)) === 0 &&
      checksumOf(bytes.subarray(0, size)) === 0,
  };
}
