// The `TPM2` table (TCG ACPI Specification, revisions 3 to 5 of the table).

import { AcpiError } from './error.js';
import { concatenate, littleEndian } from './little-endian.js';
import { LOG_AREA, type LogAreaOptions } from './log-area.js';
import {
  acpiTable,
  type OemOptions,
  type ReadTable,
  readTable,
  TABLE_HEADER_SIZE,
  type TableHeader,
} from './table.js';
import { REGISTERS } from './tpm-device.js';

/** How the guest starts a command; the numbers that are missing are reserved or not allowed. */
export const START_METHOD = {
  acpi: 2,
  /** The registers of TIS (FIFO). */
  memoryMapped: 6,
  /** The registers of CRB. */
  commandResponseBuffer: 7,
  commandResponseBufferWithAcpi: 8,
  commandResponseBufferWithArmSmc: 11,
  commandResponseBufferWithPluton: 13,
  commandResponseBufferWithArmFfa: 15,
} as const;

/** Platform classes of the tables `TPM2` and `TCPA`. */
export const PLATFORM_CLASS = { client: 0, server: 1 } as const;

/** Offset of the CRB control area (TPM_CRB_CTRL_REQ_0) from the base of the registers, in bytes. */
const CONTROL_AREA_OFFSET = 0x40;

/** Offsets of the fields of a `TPM2` table of revision 4 in bytes. */
export const TPM2_TABLE = {
  platformClass: 0x24,
  controlArea: 0x28,
  startMethod: 0x30,
  parameters: 0x34,
  logLength: 0x40,
  /** 8 bytes that the table loader patches. */
  logAddress: 0x44,
} as const;

/** Length of a `TPM2` table of revision 4 with log fields, in bytes. */
export const TPM2_TABLE_SIZE = 0x4c;

const REVISION = 4;
const PARAMETERS_LENGTH = 12;

/** What differs between the revisions that can be read: offsets and lengths in bytes. */
const LAYOUT: ReadonlyMap<number, { hasPlatformClass: boolean; parameters: number; log: boolean }> =
  new Map([
    [3, { hasPlatformClass: false, parameters: Number.POSITIVE_INFINITY, log: false }],
    [4, { hasPlatformClass: true, parameters: PARAMETERS_LENGTH, log: true }],
    [5, { hasPlatformClass: true, parameters: 16, log: true }],
  ]);

/** What a `TPM2` table says. */
export interface Tpm2TableOptions extends OemOptions, LogAreaOptions {
  readonly model: 'tpm-tis' | 'tpm-crb' | 'tpm-tis-device';
  /** Guest-physical address of the registers; only a CRB's is in the table. */
  readonly address?: number;
}

/** A `TPM2` table that was read. */
export interface Tpm2Table {
  readonly header: TableHeader;
  /** {@link PLATFORM_CLASS}, or another number; `undefined` in revision 3. */
  readonly platformClass: number | undefined;
  /** Guest-physical address of the CRB control area; 0 for TIS. */
  readonly controlAreaAddress: bigint;
  /** {@link START_METHOD}, or another number. */
  readonly startMethod: number;
  /** Parameters of the start method; may be empty. */
  readonly parameters: Uint8Array;
  /** The log area, when the table is long enough to have its fields. */
  readonly log: { readonly minimumLength: number; readonly address: bigint } | undefined;
}

/**
 * A `TPM2` table of revision 4: 76 bytes.
 *
 * @throws AcpiError `ERR_ACPI_VALUE` when an address or an OEM field doesn't fit
 * @example
 * tpm2Table({ model: 'tpm-tis' }); // for the table loader
 * tpm2Table({ model: 'tpm-crb', logAddress: 0x0fff_0000 }); // finished
 */
export function tpm2Table(options: Tpm2TableOptions): Uint8Array {
  const { model, address, logAddress, logLength = LOG_AREA.size } = options;
  const isCrb = model === 'tpm-crb';
  const controlArea = isCrb ? (address ?? REGISTERS[model].address) + CONTROL_AREA_OFFSET : 0;
  const method = isCrb ? START_METHOD.commandResponseBuffer : START_METHOD.memoryMapped;
  return acpiTable({
    ...options,
    signature: 'TPM2',
    revision: REVISION,
    checksum: logAddress !== undefined,
    body: concatenate(
      littleEndian('Platform class', PLATFORM_CLASS.client, 2),
      littleEndian('Reserved field', 0, 2),
      littleEndian('Address of the control area', controlArea, 8),
      littleEndian('Start method', method, 4),
      new Uint8Array(PARAMETERS_LENGTH),
      littleEndian('Length of the log area', logLength, 4),
      littleEndian('Address of the log area', logAddress ?? 0, 8),
    ),
  });
}

function readLog({ bytes, view }: ReadTable, offset: number): Tpm2Table['log'] {
  if (bytes.length < offset + 12) return undefined;
  return {
    minimumLength: view.getUint32(offset, true),
    address: view.getBigUint64(offset + 4, true),
  };
}

/**
 * Reads a `TPM2` table of revision 3, 4 or 5. Values are returned as they are, right or wrong.
 *
 * @param bytes untrusted; bytes behind the table are ignored
 * @throws AcpiError `ERR_ACPI_TABLE` when it is cut off, too short, or of another revision
 */
export function readTpm2Table(bytes: Uint8Array): Tpm2Table {
  const table = readTable(bytes, ['TPM2']);
  const { header, view } = table;
  const layout = LAYOUT.get(header.revision);
  if (layout === undefined) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `Table TPM2 has revision ${header.revision}; only 3, 4 and 5 are known`,
    );
  }
  if (header.length < TPM2_TABLE.parameters) {
    throw new AcpiError(
      'ERR_ACPI_TABLE',
      `Table TPM2 has ${header.length} bytes; it needs ${TPM2_TABLE.parameters}`,
    );
  }
  const parametersEnd = TPM2_TABLE.parameters + layout.parameters;
  return {
    header,
    platformClass: layout.hasPlatformClass ? view.getUint16(TABLE_HEADER_SIZE, true) : undefined,
    controlAreaAddress: view.getBigUint64(TPM2_TABLE.controlArea, true),
    startMethod: view.getUint32(TPM2_TABLE.startMethod, true),
    parameters: table.bytes.slice(TPM2_TABLE.parameters, parametersEnd),
    log: layout.log ? readLog(table, parametersEnd) : undefined,
  };
}
