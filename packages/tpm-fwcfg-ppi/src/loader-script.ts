/**
 * The table-loader script of `etc/table-loader`: 128-byte entries, all numbers little-endian,
 * file names of at most 55 characters in fields of 56 bytes.
 */

/** Length of one entry in bytes. */
export const LOADER_ENTRY_SIZE = 128;

/** Length of a file name field in bytes, terminating NUL included. */
export const LOADER_NAME_SIZE = 56;

/** Command numbers. Any other number is skipped; 0 is padding. */
export const LOADER_COMMAND = {
  allocate: 1,
  addPointer: 2,
  addChecksum: 3,
  writePointer: 4,
} as const;

/** Where ALLOCATE puts a file. */
export const LOADER_ZONE = {
  /** Anywhere below 4 GiB. */
  high: 1,
  /** 0xf0000 to 0xfffff of a PC, where the RSDP is searched. */
  fSegment: 2,
} as const;

/** Byte offsets in an entry. */
const ENTRY = {
  command: 0,
  file: 4,
  secondFile: 60,
  allocate: { alignment: 60, zone: 64 },
  addPointer: { offset: 116, size: 120 },
  addChecksum: { result: 60, start: 64, length: 68 },
  writePointer: { offset: 116, sourceOffset: 120, size: 124 },
} as const;

/** Reserve memory for a file and copy it there. */
export interface AllocateEntry {
  readonly command: 'ALLOCATE';
  readonly file: string;
  /** Bytes, a power of two. */
  readonly alignment: number;
  /** {@link LOADER_ZONE}. */
  readonly zone: number;
}

/** Add the address of the source's copy to a number in the destination's copy. */
export interface AddPointerEntry {
  readonly command: 'ADD_POINTER';
  readonly destination: string;
  readonly source: string;
  /** Byte offset of the number in the destination. */
  readonly offset: number;
  /** Length of the number: 1, 2, 4 or 8 bytes. */
  readonly size: number;
}

/** Make the byte sum of a range zero. */
export interface AddChecksumEntry {
  readonly command: 'ADD_CHECKSUM';
  readonly file: string;
  /** Byte offset of the byte that is set. */
  readonly result: number;
  /** Byte offset of the range. */
  readonly start: number;
  /** Bytes in the range. */
  readonly length: number;
}

/** Store an address in the source's copy into a writable fw_cfg file. */
export interface WritePointerEntry {
  readonly command: 'WRITE_POINTER';
  readonly destination: string;
  readonly source: string;
  /** Byte offset in the destination. */
  readonly offset: number;
  /** Byte offset in the source. */
  readonly sourceOffset: number;
  /** Length of the stored address: 1, 2, 4 or 8 bytes. */
  readonly size: number;
}

/** An entry of the script. */
export type LoaderEntry = AllocateEntry | AddPointerEntry | AddChecksumEntry | WritePointerEntry;

function writeName(bytes: Uint8Array, at: number, name: string): void {
  for (let index = 0; index < name.length; index++) bytes[at + index] = name.charCodeAt(index);
}

/** @returns the name, or `undefined` when the field has no terminating NUL or begins with it */
function readName(bytes: Uint8Array, at: number): string | undefined {
  const field = bytes.subarray(at, at + LOADER_NAME_SIZE);
  const length = field.indexOf(0);
  return length <= 0 ? undefined : String.fromCharCode(...field.subarray(0, length));
}

/**
 * Writes an entry whose numbers and names are in range.
 *
 * @param bytes 128 bytes, all zero
 */
export function encodeLoaderEntry(entry: LoaderEntry, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const set = (at: number, value: number) => view.setUint32(at, value, true);
  writeName(bytes, ENTRY.file, 'file' in entry ? entry.file : entry.destination);
  if ('source' in entry) writeName(bytes, ENTRY.secondFile, entry.source);
  switch (entry.command) {
    case 'ALLOCATE':
      set(ENTRY.command, LOADER_COMMAND.allocate);
      set(ENTRY.allocate.alignment, entry.alignment);
      bytes[ENTRY.allocate.zone] = entry.zone;
      break;
    case 'ADD_POINTER':
      set(ENTRY.command, LOADER_COMMAND.addPointer);
      set(ENTRY.addPointer.offset, entry.offset);
      bytes[ENTRY.addPointer.size] = entry.size;
      break;
    case 'ADD_CHECKSUM':
      set(ENTRY.command, LOADER_COMMAND.addChecksum);
      set(ENTRY.addChecksum.result, entry.result);
      set(ENTRY.addChecksum.start, entry.start);
      set(ENTRY.addChecksum.length, entry.length);
      break;
    case 'WRITE_POINTER':
      set(ENTRY.command, LOADER_COMMAND.writePointer);
      set(ENTRY.writePointer.offset, entry.offset);
      set(ENTRY.writePointer.sourceOffset, entry.sourceOffset);
      bytes[ENTRY.writePointer.size] = entry.size;
      break;
  }
}

/**
 * Reads an entry; nothing but the names is checked.
 *
 * @param bytes 128 bytes
 * @returns the entry; `undefined` for padding and commands that are not known; `'bad-name'` for a
 * name that is empty or not terminated
 */
export function decodeLoaderEntry(bytes: Uint8Array): LoaderEntry | 'bad-name' | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const get = (at: number) => view.getUint32(at, true);
  const command = get(ENTRY.command);
  if (command < LOADER_COMMAND.allocate || command > LOADER_COMMAND.writePointer) return undefined;
  const file = readName(bytes, ENTRY.file);
  if (file === undefined) return 'bad-name';
  if (command === LOADER_COMMAND.allocate) {
    const { alignment, zone } = ENTRY.allocate;
    return { command: 'ALLOCATE', file, alignment: get(alignment), zone: bytes[zone]! };
  }
  if (command === LOADER_COMMAND.addChecksum) {
    const { result, start, length } = ENTRY.addChecksum;
    return {
      command: 'ADD_CHECKSUM',
      file,
      result: get(result),
      start: get(start),
      length: get(length),
    };
  }
  const source = readName(bytes, ENTRY.secondFile);
  if (source === undefined) return 'bad-name';
  if (command === LOADER_COMMAND.addPointer) {
    const { offset, size } = ENTRY.addPointer;
    return {
      command: 'ADD_POINTER',
      destination: file,
      source,
      offset: get(offset),
      size: bytes[size]!,
    };
  }
  const { offset, sourceOffset, size } = ENTRY.writePointer;
  return {
    command: 'WRITE_POINTER',
    destination: file,
    source,
    offset: get(offset),
    sourceOffset: get(sourceOffset),
    size: bytes[size]!,
  };
}
