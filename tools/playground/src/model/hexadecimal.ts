/** One line of a hex dump. */
export interface HexLine {
  /** Offset of the first byte, four digits. */
  readonly offset: string;
  /** Up to 16 bytes, two digits each, with spaces between. */
  readonly bytes: string;
  /** The same bytes as ASCII; a dot for what can't be printed. */
  readonly text: string;
}

const BYTES_PER_LINE = 16;
const PRINTABLE = { first: 0x20, last: 0x7e } as const;

/** @returns the bytes as hexadecimal digits without separators, lower case */
export function hexadecimal(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0');
  return digits;
}

/** @returns a register value as `0x0123_4567`, grouped as in the documents' tables */
export function hexadecimalWord(value: number, digits = 8): string {
  const text = (value >>> 0).toString(16).padStart(digits, '0');
  return `0x${text.replace(/(?<=.)(?=(.{4})+$)/g, '_')}`;
}

/** @returns whether a byte is printable ASCII */
export function isPrintable(byte: number): boolean {
  return byte >= PRINTABLE.first && byte <= PRINTABLE.last;
}

/** @returns the dump of at most `limit` bytes */
export function hexDump(bytes: Uint8Array, limit = 4096): HexLine[] {
  const lines: HexLine[] = [];
  const end = Math.min(bytes.length, limit);
  for (let start = 0; start < end; start += BYTES_PER_LINE) {
    const row = bytes.subarray(start, Math.min(start + BYTES_PER_LINE, end));
    lines.push({
      offset: start.toString(16).padStart(4, '0'),
      bytes: Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
      text: Array.from(row, (byte) => (isPrintable(byte) ? String.fromCharCode(byte) : '.')).join(
        '',
      ),
    });
  }
  return lines;
}
