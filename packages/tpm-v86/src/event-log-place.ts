import {
  type GuestMemory,
  readRootTable,
  readRsdp,
  readTcpaTable,
  readTpm2Table,
  TpmdevError,
} from 'tpm-integration/assembly';

/** Where firmware puts the RSDP on a PC, and how (ACPI Specification, section 5.2.5.1). */
const RSDP_AREA = { start: 0xe_0000, end: 0x10_0000, step: 16, size: 20 } as const;

/** How an RSDP begins: "RSD ", little endian. */
const RSDP_BEGINNING = 0x2044_5352;

const HEADER_SIZE = 36;

/** Longest table that is read, and longest log, in bytes: all of it is the guest's to write. */
const LARGEST_TABLE = 0x1_0000;
const LARGEST_LOG = 0x10_0000;

function readTable(memory: GuestMemory, address: number): Uint8Array | undefined {
  const header = memory.read(address, HEADER_SIZE);
  if (header === undefined) return undefined;
  const length = new DataView(header.buffer, header.byteOffset).getUint32(4, true);
  return length > LARGEST_TABLE ? undefined : memory.read(address, length);
}

/** @returns what `read` makes of bytes that a guest may have made up; `undefined` for nothing */
function attempt<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (TpmdevError.isInstance(error)) return undefined;
    throw error;
  }
}

function rootTableAddress(memory: GuestMemory): number | undefined {
  const { start, end, step, size } = RSDP_AREA;
  const area = memory.read(start, end - start);
  if (area === undefined) return undefined;
  const view = new DataView(area.buffer, area.byteOffset, area.length);
  for (let at = 0; at + size <= area.length; at += step) {
    if (view.getUint32(at, true) !== RSDP_BEGINNING) continue;
    const found = attempt(() => readRsdp(area.subarray(at)));
    if (found?.checksumValid === true) return found.rsdtAddress;
  }
  return undefined;
}

function logOf(table: Uint8Array): { address: bigint; minimumLength: number | bigint } | undefined {
  return attempt(() => readTpm2Table(table))?.log ?? attempt(() => readTcpaTable(table))?.log;
}

/**
 * Looks for the event log as an operating system does: through the root table and the TPM's table.
 *
 * @returns a copy of the log area; `undefined` when there is none, or not yet
 */
export function findEventLog(memory: GuestMemory): Uint8Array | undefined {
  const address = rootTableAddress(memory);
  const root = address === undefined ? undefined : readTable(memory, address);
  if (root === undefined) return undefined;
  for (const entry of attempt(() => readRootTable(root))?.entries ?? []) {
    const table = readTable(memory, Number(entry));
    const log = table === undefined ? undefined : logOf(table);
    if (log === undefined || log.minimumLength > LARGEST_LOG) continue;
    return memory.read(Number(log.address), Number(log.minimumLength));
  }
  return undefined;
}
