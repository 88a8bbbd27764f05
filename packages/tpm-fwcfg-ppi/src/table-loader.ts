import { FirmwareInterfaceError } from './error.js';
import {
  encodeLoaderEntry,
  LOADER_ENTRY_SIZE,
  LOADER_NAME_SIZE,
  LOADER_ZONE,
  type LoaderEntry,
} from './loader-script.js';
import { FW_CFG_FILE } from './tpm-files.js';

/** A table in `etc/acpi/tables`. */
export interface LoaderTable {
  /** 4 characters, for example `'TPM2'`. */
  readonly signature: string;
  /** Byte offset in the file. */
  readonly offset: number;
  /** Length of the table in bytes. */
  readonly length: number;
}

/** The tables that a script has to link. */
export interface TableLoaderDescription {
  /** All tables in the order of the file; the root table (RSDT or XSDT) last. */
  readonly tables: readonly LoaderTable[];
  /** Revision of the RSDP: 0 is 20 bytes and points to an RSDT, 2 is 36 bytes and to an XSDT. */
  readonly rsdpRevision: 0 | 2;
  /**
   * The script is padded with zero entries to a multiple of this many bytes, itself a multiple of
   * 128. QEMU: 4096 on pc and q35, 128 (no padding) on virt. Default 128.
   */
  readonly sizeMultiple?: number;
}

/** Common table header: where the checksum byte is, and its length. */
const HEADER = { checksum: 9, size: 36 } as const;

/** Alignment that ALLOCATE asks for. QEMU: the FACS needs 64 bytes. */
const ALIGNMENT = { rsdp: 16, tpmLog: 1, tables: 64 } as const;

/** FADT: 32-bit pointers to FACS and DSDT, and the 64-bit one to the DSDT (ACPI, section 5.2.9). */
const FADT = { facs: 36, dsdt: 40, extendedDsdt: 140 } as const;

/** RSDP: checksums and pointers (ACPI, section 5.2.5). */
const RSDP = {
  checksum: 8,
  checksumLength: 20,
  rsdt: 16,
  xsdt: 24,
  extendedChecksum: 32,
  extendedLength: 36,
} as const;

/** TPM tables: offset of the log address (LASA) by signature and smallest length of the table. */
const LOG_ADDRESS: readonly { signature: string; length: number; offset: number }[] = [
  { signature: 'TPM2', length: 80, offset: 0x48 },
  { signature: 'TPM2', length: 76, offset: 0x44 },
  { signature: 'TCPA', length: 50, offset: 0x2a },
];

function refuse(what: string, wayOut: string): never {
  throw new FirmwareInterfaceError('ERR_TABLE_LOADER', `${what}; ${wayOut}`);
}

function logAddressOffset({ signature, length }: LoaderTable): number | undefined {
  return LOG_ADDRESS.find((known) => known.signature === signature && length >= known.length)
    ?.offset;
}

/** Names of a file fit its field, numbers their 32 bits. */
function checkEntry(entry: LoaderEntry): void {
  for (const [field, value] of Object.entries(entry)) {
    const fits =
      typeof value === 'string'
        ? /^[ -~]+$/.test(value) && value.length < LOADER_NAME_SIZE
        : value >>> 0 === value;
    if (!fits) {
      refuse(
        `Loader command ${entry.command} can't have ${field} ${JSON.stringify(value)}`,
        `use a name of 1 to ${LOADER_NAME_SIZE - 1} characters and unsigned numbers of 32 bits`,
      );
    }
  }
  const isPower = (value: number) => value !== 0 && (value & (value - 1)) === 0;
  if (entry.command === 'ALLOCATE') {
    if (!isPower(entry.alignment) || entry.zone < 1 || entry.zone > 2) {
      refuse(
        `Loader command ALLOCATE "${entry.file}" can't have alignment ${entry.alignment} in zone ${entry.zone}`,
        'use a power of two and zone 1 or 2',
      );
    }
  } else if ('size' in entry && (!isPower(entry.size) || entry.size > 8)) {
    refuse(`A loader pointer can't have ${entry.size} bytes`, 'use 1, 2, 4 or 8');
  }
}

/**
 * A script under construction. It keeps the producer's rules: a file is allocated once, before it
 * is used.
 *
 * @example
 * const script = new LoaderScript();
 * script.allocate('etc/acpi/tables', 64, LOADER_ZONE.high);
 * script.addChecksum('etc/acpi/tables', { result: 9, start: 0, length: 76 });
 * fwCfg.addFile('etc/table-loader', script.finish());
 */
export class LoaderScript {
  readonly #allocations: LoaderEntry[] = [];
  readonly #commands: LoaderEntry[] = [];
  readonly #allocated = new Set<string>();

  /**
   * Reserves memory for a file. QEMU: a new allocation comes before all others.
   *
   * @throws FirmwareInterfaceError `ERR_TABLE_LOADER`
   */
  allocate(file: string, alignment: number, zone: number): void {
    const entry: LoaderEntry = { command: 'ALLOCATE', file, alignment, zone };
    checkEntry(entry);
    if (this.#allocated.has(file)) refuse(`"${file}" is allocated already`, 'allocate it once');
    this.#allocated.add(file);
    this.#allocations.unshift(entry);
  }

  /** @throws FirmwareInterfaceError `ERR_TABLE_LOADER` */
  addPointer(
    destination: string,
    pointer: { readonly source: string; readonly offset: number; readonly size: number },
  ): void {
    this.#add({ command: 'ADD_POINTER', destination, ...pointer }, destination, pointer.source);
  }

  /**
   * The result byte must be 0 in the file, and every pointer in the range must be added before.
   *
   * @throws FirmwareInterfaceError `ERR_TABLE_LOADER`
   */
  addChecksum(
    file: string,
    checksum: { readonly result: number; readonly start: number; readonly length: number },
  ): void {
    this.#add({ command: 'ADD_CHECKSUM', file, ...checksum }, file);
  }

  /** @throws FirmwareInterfaceError `ERR_TABLE_LOADER` */
  writePointer(
    destination: string,
    pointer: {
      readonly source: string;
      readonly offset: number;
      readonly sourceOffset: number;
      readonly size: number;
    },
  ): void {
    this.#add({ command: 'WRITE_POINTER', destination, ...pointer }, pointer.source);
  }

  #add(entry: LoaderEntry, ...used: readonly string[]): void {
    checkEntry(entry);
    const missing = used.find((file) => !this.#allocated.has(file));
    if (missing !== undefined) {
      refuse(`Loader command ${entry.command} uses "${missing}"`, 'allocate that file first');
    }
    this.#commands.push(entry);
  }

  /**
   * @param sizeMultiple pad with zero entries to a multiple of this many bytes
   * @returns the contents of `etc/table-loader`
   * @throws FirmwareInterfaceError `ERR_TABLE_LOADER` when `sizeMultiple` is no multiple of 128
   */
  finish(sizeMultiple: number = LOADER_ENTRY_SIZE): Uint8Array {
    if (!(sizeMultiple > 0 && sizeMultiple % LOADER_ENTRY_SIZE === 0)) {
      refuse(
        `A script can't be padded to a multiple of ${sizeMultiple} bytes`,
        `use a multiple of ${LOADER_ENTRY_SIZE}`,
      );
    }
    const entries = [...this.#allocations, ...this.#commands];
    const used = entries.length * LOADER_ENTRY_SIZE;
    const bytes = new Uint8Array(Math.ceil(used / sizeMultiple) * sizeMultiple);
    for (const [index, entry] of entries.entries()) {
      const at = index * LOADER_ENTRY_SIZE;
      encodeLoaderEntry(entry, bytes.subarray(at, at + LOADER_ENTRY_SIZE));
    }
    return bytes;
  }
}

/** Pointers inside a table to other tables, in ascending order of their offsets. */
function tablePointers(table: LoaderTable, hasFacs: boolean): { offset: number; size: number }[] {
  const { signature, length } = table;
  if (signature === 'FACP') {
    const pointers = [];
    // QEMU: hardware-reduced machines have no FACS and no 32-bit pointers.
    if (hasFacs) pointers.push({ offset: FADT.facs, size: 4 }, { offset: FADT.dsdt, size: 4 });
    if (length >= FADT.extendedDsdt + 8) pointers.push({ offset: FADT.extendedDsdt, size: 8 });
    return pointers;
  }
  if (signature !== 'RSDT' && signature !== 'XSDT') return [];
  const size = signature === 'RSDT' ? 4 : 8;
  const count = Math.floor((length - HEADER.size) / size);
  return Array.from({ length: count }, (_, index) => ({
    offset: HEADER.size + size * index,
    size,
  }));
}

function addTable(script: LoaderScript, table: LoaderTable, hasFacs: boolean): void {
  const { signature, offset: start, length } = table;
  const file = FW_CFG_FILE.acpiTables;
  if (signature === 'FACS') return;
  for (const { offset, size } of tablePointers(table, hasFacs)) {
    script.addPointer(file, { source: file, offset: start + offset, size });
  }
  const log = logAddressOffset(table);
  if (log !== undefined) {
    script.addPointer(file, { source: FW_CFG_FILE.tpmLog, offset: start + log, size: 8 });
  }
  script.addChecksum(file, { result: start + HEADER.checksum, start, length });
}

function addRsdp(script: LoaderScript, revision: 0 | 2): void {
  const file = FW_CFG_FILE.acpiRsdp;
  const source = FW_CFG_FILE.acpiTables;
  const checksum = { result: RSDP.checksum, start: 0, length: RSDP.checksumLength };
  if (revision === 0) {
    script.addPointer(file, { source, offset: RSDP.rsdt, size: 4 });
    script.addChecksum(file, checksum);
    return;
  }
  script.addChecksum(file, checksum);
  script.addPointer(file, { source, offset: RSDP.xsdt, size: 8 });
  script.addChecksum(file, {
    result: RSDP.extendedChecksum,
    start: 0,
    length: RSDP.extendedLength,
  });
}

function checkTables({ tables, rsdpRevision }: TableLoaderDescription): void {
  const root = rsdpRevision === 0 ? 'RSDT' : 'XSDT';
  let end = 0;
  for (const { signature, offset, length } of tables) {
    const smallest = HEADER.size;
    if (!(offset >= end && length >= smallest && offset + length <= 0xffff_ffff)) {
      refuse(
        `Table "${signature}" at ${offset} with ${length} bytes doesn't follow the one that ends at ${end}`,
        `list the tables in the order of the file, each of at least ${smallest} bytes`,
      );
    }
    end = offset + length;
  }
  if (tables.at(-1)?.signature !== root) {
    refuse(
      `The last table is "${tables.at(-1)?.signature}"`,
      `an RSDP of revision ${rsdpRevision} needs "${root}" there`,
    );
  }
}

/**
 * Makes the script with which firmware links `etc/acpi/tables`, `etc/acpi/rsdp` and, when there is
 * a TPM table with a log address, `etc/tpm/log`. Entry for entry as QEMU does: allocations first
 * (RSDP, log, tables), then table by table its pointers and its checksum, the RSDP last.
 *
 * @returns the contents of `etc/table-loader`
 * @throws FirmwareInterfaceError `ERR_TABLE_LOADER` that names what is wrong in the description
 *
 * @example
 * buildTableLoader({
 *   tables: [
 *     { signature: 'TPM2', offset: 0, length: 76 },
 *     { signature: 'RSDT', offset: 76, length: 40 },
 *   ],
 *   rsdpRevision: 0,
 *   sizeMultiple: 4096,
 * });
 */
export function buildTableLoader(description: TableLoaderDescription): Uint8Array {
  checkTables(description);
  const { tables, rsdpRevision, sizeMultiple } = description;
  const script = new LoaderScript();
  script.allocate(FW_CFG_FILE.acpiTables, ALIGNMENT.tables, LOADER_ZONE.high);
  if (tables.some((table) => logAddressOffset(table) !== undefined)) {
    script.allocate(FW_CFG_FILE.tpmLog, ALIGNMENT.tpmLog, LOADER_ZONE.high);
  }
  script.allocate(FW_CFG_FILE.acpiRsdp, ALIGNMENT.rsdp, LOADER_ZONE.fSegment);
  const hasFacs = tables.some(({ signature }) => signature === 'FACS');
  for (const table of tables) addTable(script, table, hasFacs);
  addRsdp(script, rsdpRevision);
  return script.finish(sizeMultiple);
}
