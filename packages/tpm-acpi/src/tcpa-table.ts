// The `TCPA` table of a TPM 1.2 (TCG ACPI Specification).

import { AcpiError } from './error.js';
import { concatenate, littleEndian } from './little-endian.js';
import { LOG_AREA, type LogAreaOptions } from './log-area.js';
import { acpiTable, type OemOptions, readTable, type TableHeader } from './table.js';
import { PLATFORM_CLASS } from './tpm2-table.js';

/** Offsets of the fields of a client's `TCPA` table in bytes; two of them are not aligned. */
export const TCPA_TABLE = {
  platformClass: 0x24,
  logLength: 0x26,
  /** 8 bytes that the table loader patches. */
  logAddress: 0x2a,
} as const;

/** Length of a client's `TCPA` table in bytes. */
export const TCPA_TABLE_SIZE = 0x32;

/** Offsets of the fields of a server's `TCPA` table, as far as they are read, in bytes. */
const SERVER_TABLE = { logLength: 0x28, logAddress: 0x30, end: 0x38 } as const;

const REVISION = 2;

/** What a `TCPA` table says. */
export interface TcpaTableOptions extends OemOptions, LogAreaOptions {}

/** A `TCPA` table that was read. */
export interface TcpaTable {
  readonly header: TableHeader;
  readonly platformClass: keyof typeof PLATFORM_CLASS;
  /** The log area; a server's length has 64 bits. */
  readonly log: { readonly minimumLength: bigint; readonly address: bigint };
}

/**
 * A `TCPA` table of revision 2 in the client form: 50 bytes.
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when an address or an OEM field doesn't fit
 */
export function tcpaTable(options: TcpaTableOptions = {}): Uint8Array {
  const { logAddress, logLength = LOG_AREA.size } = options;
  return acpiTable({
    ...options,
    signature: 'TCPA',
    revision: REVISION,
    checksum: logAddress !== undefined,
    body: concatenate(
      littleEndian('Platform class', PLATFORM_CLASS.client, 2),
      littleEndian('Length of the log area', logLength, 4),
      littleEndian('Address of the log area', logAddress ?? 0, 8),
    ),
  });
}

/**
 * Reads a `TCPA` table, client or server.
 *
 * @param bytes untrusted; bytes behind the table are ignored
 * @throws AcpiError `ERR_ACPI_TABLE` when it is cut off, too short, or of another platform class
 */
export function readTcpaTable(bytes: Uint8Array): TcpaTable {
  const { header, view } = readTable(bytes, ['TCPA']);
  const isTooShort = (needed: number): never => {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `Table TCPA has ${header.length} bytes; it needs ${needed}`,
    );
  };
  if (header.length < TCPA_TABLE.logLength) return isTooShort(TCPA_TABLE_SIZE);
  const platformClass = view.getUint16(TCPA_TABLE.platformClass, true);
  switch (platformClass) {
    case PLATFORM_CLASS.client:
      if (header.length < TCPA_TABLE_SIZE) return isTooShort(TCPA_TABLE_SIZE);
      return {
        header,
        platformClass: 'client',
        log: {
          minimumLength: BigInt(view.getUint32(TCPA_TABLE.logLength, true)),
          address: view.getBigUint64(TCPA_TABLE.logAddress, true),
        },
      };
    case PLATFORM_CLASS.server:
      if (header.length < SERVER_TABLE.end) return isTooShort(SERVER_TABLE.end);
      return {
        header,
        platformClass: 'server',
        log: {
          minimumLength: view.getBigUint64(SERVER_TABLE.logLength, true),
          address: view.getBigUint64(SERVER_TABLE.logAddress, true),
        },
      };
  }
  throw new AcpiError(
    'ERR_ACPI_TABLE',
    `Table TCPA has platform class ${platformClass}; only 0 (client) and 1 (server) are known`,
  );
}
