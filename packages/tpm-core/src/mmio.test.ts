import { describe, expect, it } from 'vitest';
import { type AccessWidth, type MmioRegion, readUnaligned, writeUnaligned } from './mmio.js';

/** A region that records its accesses and whose bytes equal their offsets. */
function recordingRegion(size: number): MmioRegion & { accesses: string[] } {
  const accesses: string[] = [];
  return {
    size,
    accesses,
    read(offset: number, width: AccessWidth) {
      accesses.push(`r${offset}.${width}`);
      let value = 0;
      for (let lane = width - 1; lane >= 0; lane--) value = value * 256 + ((offset + lane) & 0xff);
      return value;
    },
    write(offset: number, width: AccessWidth, value: number) {
      accesses.push(`w${offset}.${width}=${value.toString(16)}`);
    },
  };
}

describe('readUnaligned', () => {
  it.each([
    [5, 4, ['r5.1', 'r6.2', 'r8.1']],
    [0, 8, ['r0.4', 'r4.4']],
    [6, 4, ['r6.2', 'r8.2']],
    [1, 2, ['r1.1', 'r2.1']],
    [3, 1, ['r3.1']],
    [5, 8, ['r5.1', 'r6.2', 'r8.4', 'r12.1']],
  ])(
    'readUnaligned() cuts an access at %i of %i bytes into aligned pieces',
    (offset, length, pieces) => {
      const region = recordingRegion(64);
      const bytes = new Uint8Array(length);
      readUnaligned(region, offset, bytes);
      expect(region.accesses).toEqual(pieces);
      expect([...bytes]).toEqual(Array.from({ length }, (_, index) => offset + index));
    },
  );

  it('readUnaligned() reads zeros beyond the region', () => {
    const bytes = new Uint8Array(6).fill(9);
    readUnaligned(recordingRegion(8), 6, bytes);
    expect([...bytes]).toEqual([6, 7, 0, 0, 0, 0]);
  });
});

describe('writeUnaligned', () => {
  it('writeUnaligned() cuts an access into aligned pieces, ascending', () => {
    const region = recordingRegion(64);
    writeUnaligned(region, 5, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0xff));
    expect(region.accesses).toEqual(['w5.1=1', 'w6.2=302', 'w8.4=7060504', 'w12.1=ff']);
  });

  it('writeUnaligned() drops bytes beyond the region', () => {
    const region = recordingRegion(4);
    writeUnaligned(region, 3, Uint8Array.of(1, 2, 3));
    expect(region.accesses).toEqual(['w3.1=1']);
  });
});
