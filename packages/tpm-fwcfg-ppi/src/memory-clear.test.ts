import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FirmwareInterfaceError } from './error.js';
import { type MemoryRange, memoryClearRequest } from './memory-clear.js';
import { PPI_ADDRESS, PPI_SIZE } from './ppi-layout.js';
import { PpiMemory } from './ppi-memory.js';

function withMovv(value: number): PpiMemory {
  const memory = new PpiMemory();
  memory.setByte('movv', value);
  return memory;
}

const ram: MemoryRange = { address: 0, length: 0x1000_0000 };

describe('memoryClearRequest', () => {
  it.each([
    [0x00, false],
    [0x01, true],
    [0x10, false],
    [0x11, true],
    [0xfe, false],
  ])('memoryClearRequest() with movv %i asks for clearing: %s', (movv, clears) => {
    const memory = withMovv(movv);
    const request = memoryClearRequest(memory, [ram]);
    expect(request).toEqual(clears ? { ranges: [ram] } : undefined);
    expect(memory.byte('movv')).toBe(movv);
  });

  it('memoryClearRequest() merges ranges and sorts them', () => {
    const ranges = [
      { address: 0x1_0000_0000, length: 0x1000 },
      { address: 0x9000, length: 0 },
      { address: 0x1000, length: 0x1000 },
      { address: 0, length: 0x1000 },
      { address: 0x1800, length: 0x100 },
    ];
    expect(memoryClearRequest(withMovv(1), ranges)?.ranges).toEqual([
      { address: 0, length: 0x2000 },
      { address: 0x1_0000_0000, length: 0x1000 },
    ]);
  });

  it('memoryClearRequest() clears each byte of the given ranges once, PPI memory never', () => {
    const near = fc.record({
      address: fc.integer({ min: 0, max: 3 * PPI_SIZE }).map((at) => PPI_ADDRESS - PPI_SIZE + at),
      length: fc.integer({ min: 0, max: 2 * PPI_SIZE }),
    });
    fc.assert(
      fc.property(fc.array(near, { maxLength: 5 }), (ranges) => {
        const covers = (list: readonly MemoryRange[], at: number): number =>
          list.filter(({ address, length }) => at >= address && at < address + length).length;
        const cleared = memoryClearRequest(withMovv(1), ranges)!.ranges;
        for (let at = PPI_ADDRESS - 2 * PPI_SIZE; at < PPI_ADDRESS + 6 * PPI_SIZE; at++) {
          const isPpi = at >= PPI_ADDRESS && at < PPI_ADDRESS + PPI_SIZE;
          const wanted = covers(ranges, at) > 0 && !isPpi ? 1 : 0;
          if (covers(cleared, at) !== wanted) throw new Error(`byte 0x${at.toString(16)}`);
        }
      }),
    );
  });

  it.each([
    { address: -1, length: 4 },
    { address: 0, length: -4 },
    { address: 0.5, length: 4 },
    { address: 2 ** 53 - 2, length: 4 },
    { address: Number.NaN, length: 4 },
  ])('memoryClearRequest() refuses $address, $length also when nothing is requested', (range) => {
    expect(() => memoryClearRequest(new PpiMemory(), [range])).toThrow(FirmwareInterfaceError);
    expect(() => memoryClearRequest(new PpiMemory(), [range])).toThrow(
      `address ${range.address}, length ${range.length}`,
    );
  });
});
