import fc from 'fast-check';
import { type AccessWidth, readUnaligned, SnapshotError, type TraceEvent } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { PPI_OFFSET, PPI_SIZE } from './ppi-layout.js';
import { PPI_SNAPSHOT_FORMAT, PpiMemory } from './ppi-memory.js';

describe('PpiMemory', () => {
  it('PpiMemory is 1024 zero bytes at power-on, again after powerOn()', () => {
    const memory = new PpiMemory();
    expect(memory.size).toBe(1024);
    expect(memory.bytes).toEqual(new Uint8Array(1024));
    memory.write(0x109, 4, 5);
    memory.powerOn();
    expect(memory.bytes).toEqual(new Uint8Array(1024));
  });

  it('PpiMemory reads back what was written, at any width and alignment, like an array', () => {
    const access = fc.record({
      offset: fc.integer({ min: -4, max: PPI_SIZE + 4 }),
      width: fc.constantFrom<AccessWidth>(1, 2, 4),
      value: fc.integer({ min: 0, max: 0xffff_ffff }),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 40 }), (accesses) => {
        const memory = new PpiMemory();
        const model = new Map<number, number>();
        for (const { offset, width, value } of accesses) {
          memory.write(offset, width, value);
          for (let lane = 0; lane < width; lane++) {
            const at = offset + lane;
            if (at >= 0 && at < PPI_SIZE) model.set(at, Math.floor(value / 256 ** lane) % 256);
          }
        }
        for (const { offset, width } of accesses) {
          let expected = 0;
          for (let lane = width - 1; lane >= 0; lane--) {
            expected = expected * 256 + (model.get(offset + lane) ?? 0);
          }
          expect(memory.read(offset, width)).toBe(expected);
        }
      }),
    );
  });

  it('PpiMemory serves an 8-byte access that is cut into pieces', () => {
    const memory = new PpiMemory();
    memory.bytes.set([1, 2, 3, 4, 5, 6, 7, 8], 0x15b);
    const target = new Uint8Array(8);
    readUnaligned(memory, 0x15b, target);
    expect([...target]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it.each([
    ['ppip', 0x101],
    ['pprp', 0x105],
    ['pprq', 0x109],
    ['pprm', 0x10d],
    ['lppr', 0x111],
    ['fret', 0x115],
  ] as const)('PpiMemory.setWord() stores %s as 4 little-endian bytes at %i', (field, offset) => {
    const memory = new PpiMemory();
    memory.setWord(field, 0x1_fedc_ba98);
    expect(PPI_OFFSET[field]).toBe(offset);
    expect([...memory.bytes.subarray(offset, offset + 4)]).toEqual([0x98, 0xba, 0xdc, 0xfe]);
    expect(memory.word(field)).toBe(0xfedc_ba98);
    expect(memory.bytes.filter((byte) => byte !== 0)).toHaveLength(4);
  });

  it.each([
    ['ppin', 0x100],
    ['nextStep', 0x159],
    ['movv', 0x15a],
  ] as const)('PpiMemory.setByte() stores %s at %i, cut to 8 bits', (field, offset) => {
    const memory = new PpiMemory();
    memory.setByte(field, 0x1ab);
    expect(memory.bytes[offset]).toBe(0xab);
    expect(memory.byte(field)).toBe(0xab);
  });

  it.each([
    [0x08, 0],
    [0x0a, 2],
    [0xff, 7],
    [0x03, 3],
  ])('PpiMemory.functionStatus() of function byte %i is its low 3 bits, %i', (byte, status) => {
    const memory = new PpiMemory();
    memory.bytes[255] = byte;
    expect(memory.functionStatus(255)).toBe(status);
  });

  it('PpiMemory.functionStatus() is 0 for operations from 256 on, whatever lies there', () => {
    const memory = new PpiMemory();
    memory.bytes.fill(0xff);
    for (const operation of [256, 0x200, 0xffff_ffff, Number.NaN]) {
      expect(memory.functionStatus(operation)).toBe(0);
    }
  });

  it('PpiMemory.trace hears guest accesses and not those of the host', () => {
    const events: TraceEvent[] = [];
    const memory = new PpiMemory({ trace: (event) => events.push(event) });
    memory.write(0x15a, 1, 1);
    memory.read(0x15a, 1);
    memory.setWord('pprq', 5);
    expect(events).toEqual([
      { type: 'register-write', offset: 0x15a, width: 1, value: 1 },
      { type: 'register-read', offset: 0x15a, width: 1, value: 1 },
    ]);
  });

  it('PpiMemory.snapshot() is a copy that restore() brings back', () => {
    const memory = new PpiMemory();
    memory.write(0x3fc, 4, 0x1234_5678);
    const snapshot = memory.snapshot();
    memory.powerOn();
    expect(snapshot.bytes[0x3ff]).toBe(0x12);
    const { bytes } = memory;
    memory.restore(snapshot);
    expect(memory.read(0x3fc, 4)).toBe(0x1234_5678);
    expect(memory.bytes).toBe(bytes);
  });

  it.each([
    [undefined, 'Snapshot format: configured tpm-ppi/1, saved undefined'],
    [{ format: 'tpm-ppi/2', bytes: new Uint8Array(1024) }, 'saved tpm-ppi/2'],
    [{ format: PPI_SNAPSHOT_FORMAT, bytes: new Uint8Array(4096) }, 'saved 4096'],
    [{ format: PPI_SNAPSHOT_FORMAT, bytes: [0] }, 'saved undefined'],
  ])('PpiMemory.restore() refuses snapshot %# and keeps its contents', (snapshot, message) => {
    const memory = new PpiMemory();
    memory.write(0, 1, 3);
    expect(() => memory.restore(snapshot as never)).toThrow(SnapshotError);
    expect(() => memory.restore(snapshot as never)).toThrow(message);
    expect(memory.read(0, 1)).toBe(3);
  });
});
