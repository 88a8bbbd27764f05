// The archive format of an initramfs: cpio in its "new ASCII" variant without checksums, as
// described in Linux, Documentation/driver-api/early-userspace/buffer-format.rst.

/** One entry of an archive. Paths are relative, without a leading slash. */
export type ArchiveEntry =
  | { readonly type: 'directory'; readonly path: string; readonly mode?: number }
  | {
      readonly type: 'file';
      readonly path: string;
      /** Permission bits, 0o644 unless told otherwise. */
      readonly mode?: number;
      readonly data: Uint8Array;
    }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | {
      readonly type: 'character-device';
      readonly path: string;
      readonly mode?: number;
      readonly major: number;
      readonly minor: number;
    };

/** File types in the upper bits of a mode, as in inode(7). */
const FILE_TYPE = {
  directory: 0o040000,
  file: 0o100000,
  link: 0o120000,
  'character-device': 0o020000,
} as const;

const DEFAULT_MODE = {
  directory: 0o755,
  file: 0o644,
  link: 0o777,
  'character-device': 0o600,
} as const;

const MAGIC = '070701';
const HEADER_FIELDS = 13;
const HEADER_SIZE = MAGIC.length + HEADER_FIELDS * 8;
/** Name of the entry that ends an archive. */
const TRAILER = 'TRAILER!!!';
/** The kernel reads an initramfs in blocks of 512 bytes; cpio(1) fills up to that as well. */
const BLOCK_SIZE = 512;

const padding = (length: number, unit: number): number => (unit - (length % unit)) % unit;

/**
 * Writes an archive. Owners are root and times zero, so that equal entries give equal bytes.
 *
 * @throws RangeError for an absolute or empty path, or one with `..` or a NUL in it
 */
export function writeNewc(entries: readonly ArchiveEntry[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const append = (chunk: Uint8Array, unit: number): void => {
    const filler = padding(length + chunk.length, unit);
    chunks.push(chunk, new Uint8Array(filler));
    length += chunk.length + filler;
  };
  for (const [index, entry] of entries.entries()) {
    checkPath(entry.path);
    const data = contents(entry);
    append(header(entry, index + 1, data.length), 4);
    append(data, 4);
  }
  append(encodeHeader(TRAILER, { links: 1 }), BLOCK_SIZE);
  return Buffer.concat(chunks, length);
}

function checkPath(path: string): void {
  const isUsable = path !== '' && !path.startsWith('/') && !path.includes('\0');
  if (!isUsable || path.split('/').includes('..')) {
    throw new RangeError(`Archive path "${path}" is not a relative path below the root`);
  }
}

function contents(entry: ArchiveEntry): Uint8Array {
  if (entry.type === 'file') return entry.data;
  return entry.type === 'link' ? Buffer.from(entry.target) : new Uint8Array();
}

function header(entry: ArchiveEntry, inode: number, size: number): Uint8Array {
  const mode = ('mode' in entry && entry.mode) || DEFAULT_MODE[entry.type];
  const isDevice = entry.type === 'character-device';
  return encodeHeader(entry.path, {
    inode,
    mode: FILE_TYPE[entry.type] | mode,
    links: entry.type === 'directory' ? 2 : 1,
    size,
    deviceMajor: isDevice ? entry.major : 0,
    deviceMinor: isDevice ? entry.minor : 0,
  });
}

interface HeaderValues {
  readonly inode?: number;
  readonly mode?: number;
  readonly links: number;
  readonly size?: number;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
}

function encodeHeader(path: string, values: HeaderValues): Uint8Array {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    values.inode ?? 0,
    values.mode ?? 0,
    0, // owner
    0, // group
    values.links,
    0, // time of modification
    values.size ?? 0,
    0, // major number of the file system's device
    0, // minor number of the file system's device
    values.deviceMajor ?? 0,
    values.deviceMinor ?? 0,
    name.length,
    0, // checksum, unused in this variant
  ];
  const text = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('');
  return Buffer.concat([Buffer.from(MAGIC + text), name]);
}

/** What an archive says about one entry. */
export interface ArchiveListing {
  readonly path: string;
  /** File type and permission bits, as in inode(7). */
  readonly mode: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly data: Uint8Array;
}

/**
 * Reads an archive up to its trailer.
 *
 * @throws RangeError when the bytes are no whole archive
 */
export function readNewc(archive: Uint8Array): ArchiveListing[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const entries: ArchiveListing[] = [];
  for (let offset = 0; ; ) {
    if (bytes.toString('latin1', offset, offset + MAGIC.length) !== MAGIC) {
      throw new RangeError(`No cpio header at offset ${offset}`);
    }
    const field = (index: number): number => {
      const start = offset + MAGIC.length + index * 8;
      return Number.parseInt(bytes.toString('latin1', start, start + 8), 16);
    };
    const nameStart = offset + HEADER_SIZE;
    const nameEnd = nameStart + field(11);
    const path = bytes.toString('utf8', nameStart, nameEnd - 1);
    if (path === TRAILER) return entries;
    const dataStart = nameEnd + padding(nameEnd, 4);
    const dataEnd = dataStart + field(6);
    if (!(dataEnd <= bytes.length)) throw new RangeError(`Entry "${path}" is cut off`);
    entries.push({
      path,
      mode: field(1),
      deviceMajor: field(9),
      deviceMinor: field(10),
      data: bytes.subarray(dataStart, dataEnd),
    });
    offset = dataEnd + padding(dataEnd, 4);
  }
}
