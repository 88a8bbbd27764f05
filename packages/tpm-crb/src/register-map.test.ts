import type { AccessWidth } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { Rig, STARTUP } from '../test/rig.js';
import { CRB_REGION_SIZE } from './registers.js';

const WIDTHS = [1, 2, 4] as const;

/** Registers that are not 0 after reset (crb, offsets relative to the page). */
const RESET = new Map([
  [0x00, 0x81],
  [0x30, 0x0002_5811],
  [0x34, 0x1014],
  [0x44, 0x02],
  [0x58, 0x0f80],
  [0x5c, 0xfed4_0080],
  [0x64, 0x0f80],
  [0x68, 0xfed4_0080],
]);

/** Values of which one alone has a meaning in some register. */
const VALUES = [0, 1, 2, 3, 4, 5, 8, 9, 0x10, 0x11, 0x101, 0x8000_0001, 0xffff_ffff];

interface Access {
  readonly offset: number;
  readonly width: AccessWidth;
}

/** Every naturally aligned access to the registers. */
const ACCESSES: readonly Access[] = WIDTHS.flatMap((width) =>
  Array.from({ length: 0x80 / width }, (_, index) => ({ offset: index * width, width })),
);

function registers(rig: Rig): number[] {
  return Array.from({ length: 32 }, (_, index) => rig.read(index * 4));
}

/** What a write changes, by the specification: the register at offset >> 2 gets this value. */
function expectedChange({ offset, width }: Access, value: number): [number, number][] {
  const written = value % 2 ** (8 * width);
  if (offset === 0x08 && written === 1) {
    return [
      [0x00, 0x83],
      [0x0c, 1],
    ];
  }
  return offset === 0x40 && written === 1 ? [[0x44, 0]] : [];
}

describe('CrbDevice.mmio', () => {
  it.each(WIDTHS)('CrbDevice.mmio reads each lane of each register at %i bytes', async (width) => {
    const rig = await Rig.started();
    for (let offset = 0; offset < 0x80; offset += width) {
      const register = RESET.get(offset & ~3) ?? 0;
      const lane = Math.floor(register / 2 ** (8 * (offset & 3)));
      expect(rig.read(offset, width), `0x${offset.toString(16)}`).toBe(lane % 2 ** (8 * width));
    }
  });

  it('CrbDevice.mmio obeys a write at the offset of a register with a defined value, nothing else', async () => {
    for (const value of VALUES) {
      for (const access of ACCESSES) {
        const rig = await Rig.started();
        const wanted = registers(rig);
        for (const [register, changed] of expectedChange(access, value)) {
          wanted[register / 4] = changed;
        }
        rig.write(access.offset, value, access.width);
        expect(registers(rig), `write ${JSON.stringify(access)} ${value}`).toEqual(wanted);
        expect(rig.backend.log).toEqual([]);
      }
    }
  });

  it('CrbDevice.mmio starts and cancels by the very value at the very offset only', async () => {
    for (const value of VALUES) {
      for (const { offset, width } of ACCESSES.filter(
        ({ offset: at }) => at >= 0x48 && at < 0x50,
      )) {
        const rig = await Rig.started();
        rig.request();
        rig.fill(STARTUP);
        const isOne = value % 2 ** (8 * width) === 1;
        rig.write(offset, value, width);
        expect(rig.running, `${offset} ${width} ${value}`).toBe(Number(isOne && offset === 0x4c));
        rig.backend.hold();
        rig.start();
        rig.write(offset, value, width);
        expect(rig.backend.log.filter((entry) => entry === 'cancel').length).toBe(
          Number(isOne && offset === 0x48),
        );
        rig.backend.release();
        await rig.device.settled();
      }
    }
  });

  it.each(WIDTHS)(
    'CrbDevice.mmio keeps the data buffer as plain memory at %i bytes',
    async (width) => {
      const rig = await Rig.started();
      for (let offset = 0x80; offset < CRB_REGION_SIZE; offset += width) {
        rig.write(offset, 0xf0e0_d0c0 + offset, width);
      }
      for (let offset = 0x80; offset < CRB_REGION_SIZE; offset += width) {
        expect(rig.read(offset, width)).toBe((0xf0e0_d0c0 + offset) % 2 ** (8 * width));
      }
      expect(rig.device.dataBuffer.length).toBe(0xf80);
      expect(rig.device.dataBuffer[0xf7f]).toBe(rig.read(0xfff, 1));
    },
  );

  it('CrbDevice.mmio shares the data buffer with a host that maps it as memory', async () => {
    const rig = await Rig.started();
    rig.device.dataBuffer.set([1, 2, 3, 4]);
    expect(rig.read(0x80)).toBe(0x0403_0201);
    rig.write(0x84, 0x0807_0605);
    expect(rig.device.dataBuffer.slice(4, 8)).toEqual(Uint8Array.of(5, 6, 7, 8));
  });

  it('CrbDevice.mmio takes an access beyond its end without harm', async () => {
    const rig = await Rig.started();
    for (const offset of [0xffd, 0xffe, 0xfff, 0x1000, 0x2000, 2 ** 31]) {
      rig.write(offset, 0xffff_ffff);
      expect(rig.read(offset)).toBe(0);
    }
    expect(rig.device.dataBuffer.every((byte) => byte === 0)).toBe(true);
  });

  it('CrbDevice.mmio shows the established flag of the back end in every read of LOC_STATE', async () => {
    const rig = await Rig.started({ established: true });
    expect(WIDTHS.map((width) => rig.read(0x00, width))).toEqual([0x80, 0x80, 0x80]);
    rig.backend.established = false;
    expect(WIDTHS.map((width) => rig.read(0x00, width))).toEqual([0x81, 0x81, 0x81]);
    expect(rig.read(0x01, 1)).toBe(0);
  });
});
