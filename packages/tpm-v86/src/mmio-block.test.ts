import fc from 'fast-check';
import type { AccessWidth, MmioRegion } from 'tpm-integration/assembly';
import { expect, test } from 'vitest';
import { ByteRegion } from './byte-region.js';
import { BLOCK_SIZE, MmioBlock } from './mmio-block.js';
import type { V86Io, V86Read, V86Write } from './v86-members.js';

const BASE = 0xfed4_0000;

/** Maps a block and gives what v86 would call. */
function mapped(block: MmioBlock) {
  let access: readonly [V86Read, V86Write, V86Read, V86Write] | undefined;
  const mmap_register: V86Io['mmap_register'] = (_base, _size, ...functions) => {
    access = functions;
  };
  block.mapInto({ mmap_register } as V86Io, BASE);
  const [read8, write8, read32, write32] = access!;
  // v86's addresses are signed.
  const at = (offset: number) => (BASE + offset) | 0;
  return {
    read8: (offset: number) => read8(at(offset)),
    write8: (offset: number, value: number) => write8(at(offset), value),
    read32: (offset: number) => read32(at(offset)) >>> 0,
    write32: (offset: number, value: number) => write32(at(offset), value | 0),
  };
}

function never(cause: unknown): void {
  throw cause;
}

/** Registers that log each access. */
class LoggedRegion implements MmioRegion {
  readonly size = 0x2000;
  readonly log: string[] = [];

  read(offset: number, width: AccessWidth): number {
    this.log.push(`read ${offset.toString(16)} ${width}`);
    return 0;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    this.log.push(`write ${offset.toString(16)} ${width} ${value.toString(16)}`);
  }
}

test.each([
  [0x1000, ['1000 4 ffffffff']],
  [0x1001, ['1001 1 ff', '1002 2 ffff', '1004 1 ff']],
  [0x1002, ['1002 2 ffff', '1004 2 ffff']],
  [0x1003, ['1003 1 ff', '1004 2 ffff', '1006 1 ff']],
])('MmioBlock cuts 4 bytes at %i into aligned pieces, unsigned', (offset, pieces) => {
  const region = new LoggedRegion();
  const block = new MmioBlock(never);
  block.place(0x4000, region);
  const bus = mapped(block);
  bus.write32(0x4000 + offset, -1);
  bus.read32(0x4000 + offset);
  expect(region.log).toEqual([
    ...pieces.map((piece) => `write ${piece}`),
    ...pieces.map((piece) => `read ${piece.replace(/ \w+$/, '')}`),
  ]);
});

test('MmioBlock reads ones where nobody is, also behind the end of a part in its page', () => {
  const block = new MmioBlock(never);
  block.place(0x5000, new ByteRegion(0x400));
  const bus = mapped(block);
  for (const offset of [0, 0x4fff, 0x5400, 0x5fff, 0x6000, BLOCK_SIZE - 1]) {
    bus.write8(offset, 0);
    expect(bus.read8(offset)).toBe(0xff);
  }
  expect(bus.read32(0x5400)).toBe(0xffff_ffff);
  expect(bus.read32(0x53ff)).toBe(0xffff_ff00);
  expect(bus.read8(0x5000)).toBe(0);
});

test('MmioBlock behaves as memory for accesses of any alignment', () => {
  const accesses = fc.array(
    fc.record({
      offset: fc.integer({ min: 0, max: 0xffc }),
      isWide: fc.boolean(),
      value: fc.integer({ min: 0, max: 0xffff_ffff }),
    }),
  );
  fc.assert(
    fc.property(accesses, (list) => {
      const block = new MmioBlock(never);
      block.place(0x1_0000, new ByteRegion(0x1000));
      const bus = mapped(block);
      const model = new DataView(new ArrayBuffer(0x1000));
      for (const { offset, isWide, value } of list) {
        const at = 0x1_0000 + offset;
        if (isWide) {
          bus.write32(at, value);
          model.setUint32(offset, value, true);
        } else {
          bus.write8(at, value & 0xff);
          model.setUint8(offset, value & 0xff);
        }
        expect(bus.read32(at)).toBe(model.getUint32(offset, true));
        expect(bus.read8(at)).toBe(model.getUint8(offset));
      }
    }),
  );
});

test('MmioBlock reports what a part throws, and the guest reads ones', () => {
  const faults: unknown[] = [];
  const fault = new Error('broken');
  const broken: MmioRegion = {
    size: 0x1000,
    read: () => never(fault) as never,
    write: () => never(fault),
  };
  const block = new MmioBlock((cause) => faults.push(cause));
  block.place(0, broken);
  const bus = mapped(block);
  bus.write8(0, 1);
  bus.write32(0, 1);
  expect(bus.read8(0)).toBe(0xff);
  expect(bus.read32(3)).toBe(0xffff_ffff);
  expect(faults).toEqual(Array(6).fill(fault));
});
