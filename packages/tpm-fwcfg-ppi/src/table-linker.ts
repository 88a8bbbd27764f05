import type { GuestMemory, TpmdevErrorOptions } from 'tpm-core';
import { FirmwareInterfaceError } from './error.js';
import {
  type AddChecksumEntry,
  type AddPointerEntry,
  type AllocateEntry,
  decodeLoaderEntry,
  LOADER_ENTRY_SIZE,
  LOADER_ZONE,
  type LoaderEntry,
  type WritePointerEntry,
} from './loader-script.js';

/**
 * Why a script can't be executed:
 *
 * - `'script-size'`: its length is not a multiple of 128
 * - `'name'`: a file name is empty or not terminated
 * - `'missing-file'`: there is no such file, or it is empty
 * - `'not-writable'`: WRITE_POINTER goes to a file that is not writable
 * - `'allocated-twice'`, `'not-allocated'`: a file is not allocated exactly once before its use
 * - `'alignment'`, `'zone'`, `'pointer-size'`: a field has a value that is not allowed
 * - `'outside-file'`: an offset, range or initial pointer value is outside of its file
 * - `'pointer-overflow'`: an address doesn't fit the pointer
 * - `'placement'`: the host's allocator has no memory, or gave memory that can't be used
 * - `'memory'`: guest memory at a placement can't be read or written
 */
export type LoaderErrorReason =
  | 'script-size'
  | 'name'
  | 'missing-file'
  | 'not-writable'
  | 'allocated-twice'
  | 'not-allocated'
  | 'alignment'
  | 'zone'
  | 'pointer-size'
  | 'outside-file'
  | 'pointer-overflow'
  | 'placement'
  | 'memory';

/** A table-loader script that can't be executed. Nothing was written. Code `ERR_LOADER_SCRIPT`. */
export class LoaderError extends FirmwareInterfaceError {
  /** Index of the entry, 0 for the first; `undefined` when the script as a whole is bad. */
  readonly entry: number | undefined;
  readonly reason: LoaderErrorReason;

  constructor(
    reason: LoaderErrorReason,
    entry: number | undefined,
    message: string,
    options: TpmdevErrorOptions = {},
  ) {
    const where = entry === undefined ? 'Table-loader script' : `Table-loader entry ${entry}`;
    super('ERR_LOADER_SCRIPT', `${where}: ${message}`, options);
    this.entry = entry;
    this.reason = reason;
  }
}

/** What the linker asks a {@link LoaderHost} for. */
export interface AllocationRequest {
  /** File that will be copied there. */
  readonly file: string;
  /** Bytes, at least 1. */
  readonly size: number;
  /** Bytes, a power of two, 16 to 4096. SeaBIOS: never less than 16. */
  readonly alignment: number;
  /** `high`: anywhere. `f-segment`: 0xf0000 to 0xfffff where the machine has it; advice. */
  readonly zone: 'high' | 'f-segment';
  /** The last byte must lie below: 2^32 when a pointer to the file is narrower than 8 bytes. */
  readonly limit: number;
}

/** The machine into whose memory files are linked. */
export interface LoaderHost {
  readonly memory: GuestMemory;
  /** @returns the address of free memory, or `undefined` when there is none */
  allocate(request: AllocationRequest): number | undefined;
  /** Takes back an allocation, after an error. */
  release?(address: number, request: AllocationRequest): void;
  /** @returns the bytes of a writable fw_cfg file, to be written; for WRITE_POINTER */
  writableFile?(name: string): Uint8Array | undefined;
}

/** Where a file was put. */
export interface LoaderPlacement {
  /** Guest-physical byte address. */
  readonly address: number;
  /** Bytes. */
  readonly size: number;
}

/** Files by name; a `Map` will do. */
export interface LoaderFiles {
  get(name: string): Uint8Array | undefined;
}

interface NumberedEntry<Entry extends LoaderEntry = LoaderEntry> {
  readonly index: number;
  readonly entry: Entry;
}

interface Placed {
  readonly request: AllocationRequest;
  readonly address: number;
  /** The file with what is linked so far. */
  readonly copy: Uint8Array;
}

const MAXIMUM_ALIGNMENT = 4096;
const MINIMUM_ALIGNMENT = 16;
const FOUR_GIBIBYTES = 2 ** 32;

function decodeScript(script: Uint8Array): NumberedEntry[] {
  if (script.length % LOADER_ENTRY_SIZE !== 0) {
    throw new LoaderError(
      'script-size',
      undefined,
      `${script.length} bytes are no multiple of ${LOADER_ENTRY_SIZE}; the file is cut off or not a script`,
    );
  }
  const entries: NumberedEntry[] = [];
  for (let index = 0; index * LOADER_ENTRY_SIZE < script.length; index++) {
    const start = index * LOADER_ENTRY_SIZE;
    const entry = decodeLoaderEntry(script.subarray(start, start + LOADER_ENTRY_SIZE));
    if (entry === 'bad-name') {
      throw new LoaderError('name', index, 'a file name is empty or has no terminating NUL');
    }
    if (entry !== undefined) entries.push({ index, entry });
  }
  return entries;
}

/** Files that a pointer of less than 8 bytes points to. */
function narrowTargets(entries: readonly NumberedEntry[]): Set<string> {
  const names = new Set<string>();
  for (const { entry } of entries) if ('source' in entry && entry.size < 8) names.add(entry.source);
  return names;
}

function checkPointerSize(index: number, size: number): void {
  if (![1, 2, 4, 8].includes(size)) {
    throw new LoaderError('pointer-size', index, `a pointer of ${size} bytes is not 1, 2, 4 or 8`);
  }
}

function checkRange(
  index: number,
  file: string,
  fileSize: number,
  offset: number,
  length: number,
): void {
  if (offset + length <= fileSize) return;
  throw new LoaderError(
    'outside-file',
    index,
    `bytes ${offset} to ${offset + length} are outside "${file}" of ${fileSize} bytes`,
  );
}

function checkFit(index: number, value: number, size: number): void {
  if (size < 8 && value >= 2 ** (8 * size)) {
    throw new LoaderError(
      'pointer-overflow',
      index,
      `address 0x${value.toString(16)} does not fit a pointer of ${size} bytes`,
    );
  }
}

/** Little-endian; a number of 2^53 or more is not exact, and is outside of any file. */
function readNumber(bytes: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let at = size - 1; at >= 0; at--) value = value * 256 + bytes[offset + at]!;
  return value;
}

function writeNumber(bytes: Uint8Array, offset: number, size: number, value: number): void {
  let rest = value;
  for (let at = 0; at < size; at++) {
    bytes[offset + at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Executes a script on copies of the files, then writes them all or none. */
class Linker {
  readonly placed = new Map<string, Placed>();
  readonly #files: LoaderFiles;
  readonly #host: LoaderHost;
  readonly #narrow: ReadonlySet<string>;
  /** Changed files behind WRITE_POINTER: the file, and what it will hold. */
  readonly #written = new Map<string, { target: Uint8Array; copy: Uint8Array }>();

  constructor(files: LoaderFiles, host: LoaderHost, entries: readonly NumberedEntry[]) {
    this.#files = files;
    this.#host = host;
    this.#narrow = narrowTargets(entries);
  }

  execute({ index, entry }: NumberedEntry): void {
    switch (entry.command) {
      case 'ALLOCATE':
        this.#allocate(index, entry);
        break;
      case 'ADD_POINTER':
        this.#addPointer(index, entry);
        break;
      case 'ADD_CHECKSUM':
        this.#addChecksum(index, entry);
        break;
      case 'WRITE_POINTER':
        this.#writePointer(index, entry);
        break;
    }
  }

  #find(index: number, file: string): Placed {
    const placed = this.placed.get(file);
    if (placed !== undefined) return placed;
    throw new LoaderError('not-allocated', index, `"${file}" is used but not allocated before`);
  }

  #allocate(index: number, { file, alignment, zone }: AllocateEntry): void {
    if (this.placed.has(file)) {
      throw new LoaderError('allocated-twice', index, `"${file}" is allocated a second time`);
    }
    const isPower = alignment !== 0 && (alignment & (alignment - 1)) === 0;
    if (!isPower || alignment > MAXIMUM_ALIGNMENT) {
      throw new LoaderError(
        'alignment',
        index,
        `alignment ${alignment} is no power of two of at most ${MAXIMUM_ALIGNMENT}`,
      );
    }
    if (zone !== LOADER_ZONE.high && zone !== LOADER_ZONE.fSegment) {
      throw new LoaderError('zone', index, `zone ${zone} is not 1 (high) or 2 (F segment)`);
    }
    const bytes = this.#files.get(file);
    if (bytes === undefined || bytes.length === 0) {
      const state = bytes === undefined ? 'does not exist' : 'is empty';
      throw new LoaderError('missing-file', index, `"${file}" ${state}; add it to fw_cfg`);
    }
    const request: AllocationRequest = {
      file,
      size: bytes.length,
      alignment: Math.max(alignment, MINIMUM_ALIGNMENT),
      zone: zone === LOADER_ZONE.high ? 'high' : 'f-segment',
      limit: this.#narrow.has(file) ? FOUR_GIBIBYTES : Number.MAX_SAFE_INTEGER,
    };
    const address = this.#host.allocate(request);
    if (address === undefined) {
      throw new LoaderError('placement', index, `no memory for "${file}" of ${bytes.length} bytes`);
    }
    this.#checkPlacement(index, address, request);
    this.placed.set(file, { request, address, copy: bytes.slice() });
  }

  /** The allocator is the host's; a mistake there must not damage the guest. */
  #checkPlacement(index: number, address: number, request: AllocationRequest): void {
    const { file, size, alignment, limit } = request;
    const end = address + size;
    let problem: string | undefined;
    if (!(Number.isInteger(address) && address >= 0 && end <= limit)) {
      problem = `is not below 0x${limit.toString(16)}`;
    } else if (address % alignment !== 0) problem = `is not aligned to ${alignment}`;
    for (const other of this.placed.values()) {
      if (address < other.address + other.request.size && other.address < end) {
        problem ??= `overlaps "${other.request.file}"`;
      }
    }
    if (problem === undefined) return;
    // The memory of the other file stays; this one was never its own.
    throw new LoaderError(
      'placement',
      index,
      `"${file}" at ${address} ${problem}; mend allocate()`,
    );
  }

  #addPointer(index: number, { destination, source, offset, size }: AddPointerEntry): void {
    const target = this.#find(index, destination);
    const pointee = this.#find(index, source);
    checkPointerSize(index, size);
    checkRange(index, destination, target.copy.length, offset, size);
    const initial = readNumber(target.copy, offset, size);
    if (initial >= pointee.copy.length) {
      throw new LoaderError(
        'outside-file',
        index,
        `pointer value ${initial} is outside "${source}" of ${pointee.copy.length} bytes`,
      );
    }
    const value = pointee.address + initial;
    checkFit(index, value, size);
    writeNumber(target.copy, offset, size, value);
  }

  #addChecksum(index: number, { file, result, start, length }: AddChecksumEntry): void {
    const { copy } = this.#find(index, file);
    checkRange(index, file, copy.length, result, 1);
    checkRange(index, file, copy.length, start, length);
    copy[result] = 0;
    let sum = 0;
    for (let at = start; at < start + length; at++) sum += copy[at]!;
    copy[result] = -sum;
  }

  #writePointer(index: number, entry: WritePointerEntry): void {
    const { destination, source, offset, sourceOffset, size } = entry;
    const pointee = this.#find(index, source);
    checkPointerSize(index, size);
    checkRange(index, source, pointee.copy.length, sourceOffset, 1);
    const target = this.#host.writableFile?.(destination);
    if (target === undefined) {
      throw new LoaderError('not-writable', index, `"${destination}" is no writable fw_cfg file`);
    }
    checkRange(index, destination, target.length, offset, size);
    const value = pointee.address + sourceOffset;
    checkFit(index, value, size);
    const written = this.#written.get(destination) ?? { target, copy: target.slice() };
    writeNumber(written.copy, offset, size, value);
    this.#written.set(destination, written);
  }

  /** Writes all copies. When one can't be written, those before it get their old bytes back. */
  commit(): void {
    const { memory } = this.#host;
    const undo: { address: number; bytes: Uint8Array }[] = [];
    for (const { address, copy, request } of this.placed.values()) {
      const bytes = memory.read(address, copy.length);
      if (bytes !== undefined && memory.write(address, copy)) {
        undo.push({ address, bytes });
        continue;
      }
      for (const old of undo.reverse()) memory.write(old.address, old.bytes);
      throw new LoaderError(
        'memory',
        undefined,
        `"${request.file}" can't be written to 0x${address.toString(16)}; let allocate() give writable memory`,
      );
    }
    for (const { target, copy } of this.#written.values()) target.set(copy);
  }

  /** Gives all memory back. */
  release(): void {
    for (const { address, request } of this.placed.values()) this.#host.release?.(address, request);
  }
}

/**
 * Executes a table-loader script, for machines whose firmware doesn't. All checks of edk2, the
 * stricter of the known firmwares, are made, and the script is applied whole or not at all:
 * nothing is written before everything is checked.
 *
 * Entries with an unknown command are skipped, as firmware does.
 *
 * @param script contents of `etc/table-loader`
 * @param files the files that the script names
 * @param host allocates guest memory and is written to
 * @returns where each file is, in the order of allocation
 * @throws LoaderError that names the entry and the reason; the host's memory is released then
 */
export function runTableLoader(
  script: Uint8Array,
  files: LoaderFiles,
  host: LoaderHost,
): ReadonlyMap<string, LoaderPlacement> {
  const entries = decodeScript(script);
  const linker = new Linker(files, host, entries);
  try {
    for (const entry of entries) linker.execute(entry);
    linker.commit();
  } catch (error) {
    linker.release();
    throw error;
  }
  const placements = new Map<string, LoaderPlacement>();
  for (const [file, { address, request }] of linker.placed) {
    placements.set(file, { address, size: request.size });
  }
  return placements;
}
