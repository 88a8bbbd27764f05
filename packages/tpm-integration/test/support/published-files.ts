import { TABLE_HEADER_SIZE } from 'tpm-acpi';
import { decodeLoaderEntry, LOADER_ENTRY_SIZE, type LoaderEntry } from 'tpm-fwcfg-ppi';

/** Names of the files that firmware finds the TPM by. */
export const FIRMWARE_FILES = [
  'etc/acpi/rsdp',
  'etc/acpi/tables',
  'etc/table-loader',
  'etc/tpm/config',
  'etc/tpm/log',
] as const;

/** What the files of a machine say about its TPM, freed of what other devices have part in. */
export interface PublishedTpm {
  /** Names and sizes in the order of the directory; the script's size follows from all tables. */
  readonly files: readonly string[];
  readonly config: string | undefined;
  /** The TPM's table, found by the script. */
  readonly table: string | undefined;
  /** Number of entries of the root table that point to it. */
  readonly listed: number;
  /** AML of the TPM device, found by its name. */
  readonly device: string | undefined;
  /** Number of descriptors of the TIS registers in the whole DSDT: the device's, the bridge's. */
  readonly tisRanges: number;
  /** Loader commands that concern it; offsets in its table count from the table. */
  readonly script: readonly string[];
  /** RSDP without its pointer. */
  readonly rsdp: string | undefined;
  /** Headers of DSDT, FACP and root table, without their lengths. */
  readonly headers: readonly string[];
}

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex');

/** Entries of a script. */
export function loaderEntries(script: Uint8Array): LoaderEntry[] {
  const entries: LoaderEntry[] = [];
  for (let at = 0; at < script.length; at += LOADER_ENTRY_SIZE) {
    const entry = decodeLoaderEntry(script.subarray(at, at + LOADER_ENTRY_SIZE));
    if (entry === 'bad-name') throw new Error(`Entry at ${at} has a bad name`);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** @returns where the table is that points to the log: the range of the checksum that follows */
function findTpmTable(entries: readonly LoaderEntry[]) {
  const pointer = entries.findIndex(
    (entry) => entry.command === 'ADD_POINTER' && entry.source === 'etc/tpm/log',
  );
  const checksum = entries[pointer + 1];
  return pointer < 0 || checksum?.command !== 'ADD_CHECKSUM' ? undefined : checksum;
}

/** The commands about the TPM; offsets count from the TPM's table. */
function tpmCommands(entries: readonly LoaderEntry[]): string[] {
  const table = findTpmTable(entries);
  const start = table?.start ?? 0;
  const commands: LoaderEntry[] = [];
  for (const entry of entries) {
    if (entry.command === 'ALLOCATE') commands.push(entry);
    else if (entry.command === 'ADD_POINTER' && entry.source === 'etc/tpm/log') {
      commands.push({ ...entry, offset: entry.offset - start });
    } else if (entry === table) {
      commands.push({ ...table, start: 0, result: table.result - start });
    } else if (entry.command === 'ADD_POINTER' && entry.destination === 'etc/acpi/rsdp') {
      commands.push(entry);
    } else if (entry.command === 'ADD_CHECKSUM' && entry.file === 'etc/acpi/rsdp') {
      commands.push(entry);
    }
  }
  return commands.map((entry) => JSON.stringify(entry));
}

const DEVICE_OP = Buffer.from('5b82', 'hex');

/** @returns the device object of a name, with its opcode */
function findDevice(tables: Buffer, name: string): Uint8Array | undefined {
  for (let at = tables.indexOf(DEVICE_OP); at >= 0; at = tables.indexOf(DEVICE_OP, at + 1)) {
    const lead = tables[at + 2]!;
    const more = lead >> 6;
    let length = more === 0 ? lead & 0x3f : lead & 0x0f;
    for (let index = 1; index <= more; index++)
      length |= tables[at + 2 + index]! << (8 * index - 4);
    const nameAt = at + 3 + more;
    if (tables.toString('latin1', nameAt, nameAt + 4) === name) {
      return tables.subarray(at, at + 2 + length);
    }
  }
  return undefined;
}

const TIS_RANGE = Buffer.from('86090001' + '0000d4fe' + '00500000', 'hex');

function count(tables: Buffer, bytes: Buffer): number {
  let found = 0;
  for (let at = tables.indexOf(bytes); at >= 0; at = tables.indexOf(bytes, at + 1)) found++;
  return found;
}

/** Tables by signature; those that the script has a checksum for. */
function tableStarts(tables: Buffer, entries: readonly LoaderEntry[]): Map<string, number> {
  const starts = new Map<string, number>();
  for (const entry of entries) {
    if (entry.command !== 'ADD_CHECKSUM' || entry.file !== 'etc/acpi/tables') continue;
    starts.set(tables.toString('latin1', entry.start, entry.start + 4), entry.start);
  }
  return starts;
}

function headersOf(tables: Buffer, starts: ReadonlyMap<string, number>): string[] {
  const headers: string[] = [];
  for (const signature of ['DSDT', 'FACP', 'RSDT', 'XSDT']) {
    const start = starts.get(signature);
    if (start === undefined) continue;
    const header = Buffer.from(tables.subarray(start, start + TABLE_HEADER_SIZE));
    header.writeUInt32LE(0, 4);
    headers.push(header.toString('hex'));
  }
  return headers;
}

/** Entries of the root table that hold the TPM table's offset. */
function countListed(
  tables: Buffer,
  starts: ReadonlyMap<string, number>,
  table: number | undefined,
): number {
  const width = starts.has('RSDT') ? 4 : 8;
  const root = starts.get('RSDT') ?? starts.get('XSDT');
  if (root === undefined || table === undefined) return 0;
  let listed = 0;
  const end = root + tables.readUInt32LE(root + 4);
  for (let at = root + TABLE_HEADER_SIZE; at < end; at += width) {
    if (tables.readUInt32LE(at) === table) listed++;
  }
  return listed;
}

/** @param files the files of a machine, in the order of the directory */
export function publishedTpm(files: ReadonlyMap<string, Uint8Array>): PublishedTpm {
  const tables = Buffer.from(files.get('etc/acpi/tables') ?? []);
  const entries = loaderEntries(files.get('etc/table-loader') ?? new Uint8Array(0));
  const starts = tableStarts(tables, entries);
  const table = findTpmTable(entries);
  const rsdp = files.get('etc/acpi/rsdp')?.slice();
  rsdp?.fill(0, 16, 20);
  rsdp?.fill(0, 24, 32);
  return {
    files: [...files].map(([name, { length }]) =>
      name === 'etc/table-loader' ? name : `${name} ${length}`,
    ),
    config: hex(files.get('etc/tpm/config')),
    table: table && hex(tables.subarray(table.start, table.start + table.length)),
    listed: countListed(tables, starts, table?.start),
    device: hex(findDevice(tables, 'TPM_') ?? findDevice(tables, 'TPM0')),
    tisRanges: count(tables, TIS_RANGE),
    script: tpmCommands(entries),
    rsdp: hex(rsdp),
    headers: headersOf(tables, starts),
  };
}
