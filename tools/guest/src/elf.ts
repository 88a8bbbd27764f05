// Which shared libraries an i386 program names, from its dynamic section (System V ABI, chapter 5).

const PROGRAM_HEADER = { load: 1, dynamic: 2 } as const;
const DYNAMIC_TAG = { end: 0, needed: 1, stringTable: 5 } as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/**
 * @param file a 32-bit little-endian ELF program or library
 * @returns the names of the libraries that it needs; none for a static program
 * @throws RangeError when the file isn't one
 */
export function neededLibraries(file: Uint8Array): string[] {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 52 || bytes.toString('latin1', 0, 6) !== '\x7fELF\x01\x01') {
    throw new RangeError('Not a 32-bit little-endian ELF file');
  }
  const segments = readSegments(bytes);
  const dynamic = segments.find(({ type }) => type === PROGRAM_HEADER.dynamic);
  if (dynamic === undefined) return [];
  const entries = readDynamic(bytes, dynamic);
  const table = entries.find(([tag]) => tag === DYNAMIC_TAG.stringTable)?.[1] ?? 0;
  const load = segments.find(
    ({ type, address, size }) =>
      type === PROGRAM_HEADER.load && table >= address && table < address + size,
  );
  if (load === undefined) throw new RangeError('The dynamic section names no string table');
  const strings = load.offset + table - load.address;
  return entries
    .filter(([tag]) => tag === DYNAMIC_TAG.needed)
    .map(([, value]) => {
      const end = bytes.indexOf(0, strings + value);
      return bytes.toString('latin1', strings + value, end);
    });
}

function readSegments(bytes: Buffer): Segment[] {
  const start = bytes.readUInt32LE(28);
  const size = bytes.readUInt16LE(42);
  return Array.from({ length: bytes.readUInt16LE(44) }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at),
      offset: bytes.readUInt32LE(at + 4),
      address: bytes.readUInt32LE(at + 8),
      size: bytes.readUInt32LE(at + 16),
    };
  });
}

function readDynamic(bytes: Buffer, { offset, size }: Segment): [tag: number, value: number][] {
  const entries: [number, number][] = [];
  for (let at = offset; at < offset + size; at += 8) {
    const tag = bytes.readUInt32LE(at);
    if (tag === DYNAMIC_TAG.end) break;
    entries.push([tag, bytes.readUInt32LE(at + 4)]);
  }
  return entries;
}
