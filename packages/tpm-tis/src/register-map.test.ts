import { SUCCESS_RESPONSE, toHex } from '@tpmdev/testing/scripted-backend';
import type { AccessWidth } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { Rig, SHORT_COMMAND, STARTUP } from '../test/rig.js';
import { INT_ENABLE, INTERFACE_ID, STS, VENDOR_DEBUG } from './registers.js';

const LOCALITIES = [0, 1, 2, 3, 4] as const;

/** Reset values of the whole register file: TPM 2.0, TPM 1.2. */
const RESET_VALUES: readonly (readonly [string, number, number, number])[] = [
  ['TPM_ACCESS', 0x000, 0x81, 0x81],
  ['reserved 004', 0x004, 0xffff_ffff, 0xffff_ffff],
  ['TPM_INT_ENABLE', 0x008, 0x8, 0x8],
  ['TPM_INT_VECTOR', 0x00c, 5, 5],
  ['TPM_INT_STATUS', 0x010, 0, 0],
  ['TPM_INTF_CAPABILITY', 0x014, 0x3000_0697, 0x2000_0697],
  ['TPM_STS', 0x018, 0xffff_ffff, 0xffff_ffff],
  ['reserved 01c', 0x01c, 0xffff_ffff, 0xffff_ffff],
  ['TPM_HASH_END 020', 0x020, 0xffff_ffff, 0xffff_ffff],
  ['TPM_DATA_FIFO', 0x024, 0xffff_ffff, 0xffff_ffff],
  ['TPM_HASH_START 028', 0x028, 0xffff_ffff, 0xffff_ffff],
  ['TPM_INTERFACE_ID', 0x030, 0x2100, 0xffff_ffff],
  ['below XDATA_FIFO', 0x07c, 0xffff_ffff, 0xffff_ffff],
  ['TPM_XDATA_FIFO', 0x080, 0xffff_ffff, 0xffff_ffff],
  ['above XDATA_FIFO', 0x0c0, 0xffff_ffff, 0xffff_ffff],
  ['TPM_DID_VID', 0xf00, 0x0001_1014, 0x0001_1014],
  ['TPM_RID', 0xf04, 1, 1],
  ['vendor debug', 0xf90, 0xffff_ffff, 0xffff_ffff],
  ['last register', 0xffc, 0xffff_ffff, 0xffff_ffff],
];

const LANES: readonly (readonly [AccessWidth, number])[] = [
  [1, 0],
  [1, 1],
  [1, 2],
  [1, 3],
  [2, 0],
  [2, 2],
  [4, 0],
];

function lane(value: number, width: AccessWidth, at: number): number {
  return Number((BigInt(value) >> BigInt(8 * at)) & ((1n << BigInt(8 * width)) - 1n));
}

describe('readRegion', () => {
  it.each(RESET_VALUES)(
    'readRegion() shows the reset value of %s in each locality, width and lane',
    async (_, offset, tpm20, tpm12) => {
      for (const [tpmVersion, value] of [
        ['2.0', tpm20],
        ['1.2', tpm12],
      ] as const) {
        const rig = await Rig.started({ tpmVersion });
        for (const locality of LOCALITIES) {
          for (const [width, at] of LANES) {
            expect(rig.read(locality, offset + at, width)).toBe(lane(value, width, at));
          }
        }
      }
    },
  );

  it.each(LANES)(
    'readRegion() of TPM_STS gives %i bytes of lane %i and at most 255 in a byte',
    async (width, at) => {
      const rig = await Rig.started();
      for (const locality of [0, 1, 2, 3]) {
        rig.request(locality);
        const whole = width === 1 ? 0x0400_ff00 : 0x0410_0000;
        expect(rig.read(locality, STS.offset + at, width)).toBe(lane(whole, width, at));
        rig.release(locality);
      }
    },
  );

  it.each(LANES)(
    'readRegion() of the FIFO takes %i bytes from the lowest lane up, whatever the lane %i',
    async (width, at) => {
      const rig = await Rig.started({ responses: ['80010000000c00000000a1b2'] });
      rig.request(0);
      rig.send(0);
      await rig.device.settled();
      const first = [0x80, 0x0180, 0, 0x0000_0180][width - 1];
      expect(rig.read(0, 0x24 + at, width)).toBe(first);
      expect(rig.status(0) >>> 8).toBe(0x4_0000 + 12 - width);
    },
  );

  it('readRegion() of a 4-byte piece over the end of the response fills up with 0xff', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.send(0);
    await rig.device.settled();
    expect([0, 1, 2, 3].map(() => rig.read(0, 0x80).toString(16))).toEqual([
      '180',
      'a00',
      'ffff0000',
      'ffffffff',
    ]);
  });

  it('readRegion() beyond the register block gives all ones and changes nothing', async () => {
    const rig = await Rig.started();
    expect(rig.device.mmio.size).toBe(0x5000);
    expect(rig.device.mmio.read(0x5000, 4)).toBe(0xffff_ffff);
    rig.device.mmio.write(0x5000, 4, 0xffff_ffff);
    expect(rig.accesses).toBe('81 81 81 81 81');
  });

  it('readRegion() of the vendor debug register dumps the device and reads all ones', async () => {
    const rig = await Rig.started();
    rig.request(1);
    rig.ready(1);
    rig.feed(1, SHORT_COMMAND);
    expect(rig.read(1, VENDOR_DEBUG.offset)).toBe(0xffff_ffff);
    expect(rig.dumps).toHaveLength(1);
    const [dump] = rig.dumps;
    expect({ ...dump, message: toHex(dump!.message) }).toEqual({
      locality: 1,
      state: 'reception',
      activeLocality: 1,
      registers: {
        ACCESS: 0xa1,
        INT_ENABLE: 8,
        INT_VECTOR: 5,
        INT_STATUS: 0,
        INTF_CAPABILITY: 0x3000_0697,
        STS: 0x040f_f680,
        DID_VID: 0x0001_1014,
        RID: 1,
      },
      offset: 10,
      message: SHORT_COMMAND,
    });
    expect(rig.status(1)).toBe(0x040f_f680);
  });
});

describe('writeRegion', () => {
  it.each(LANES)(
    'writeRegion() of the FIFO takes %i bytes from the lowest lane up, whatever the lane %i',
    async (width, at) => {
      const rig = await Rig.started();
      for (const locality of [0, 1, 2, 3]) {
        rig.request(locality);
        rig.ready(locality);
        rig.ready(locality);
        rig.write(locality, 0x80 + at, 0x0000_0180, width);
        const room = 4096 - width;
        expect(rig.status(locality)).toBe(0x0400_0088 + room * 256);
        rig.release(locality);
      }
    },
  );

  it('writeRegion() of the FIFO drops the value bits above the width', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.ready(0);
    for (const byte of [0x80, 0x01, 0, 0, 0, 0x0a, 0, 0, 1, 0x7b]) {
      rig.write(0, 0x24, 0xffff_ff00 + byte, 1);
    }
    rig.go(0);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe(SHORT_COMMAND);
  });

  it.each(LANES)(
    'writeRegion() of TPM_INT_ENABLE writes %i bytes at lane %i and keeps the others',
    async (width, at) => {
      const rig = await Rig.started();
      rig.request(2);
      rig.write(2, INT_ENABLE.offset, 0xffff_ffff);
      expect(rig.read(2, INT_ENABLE.offset)).toBe(0x8000_009f);
      rig.write(2, INT_ENABLE.offset + at, 0, width);
      const cleared = Number((((1n << BigInt(8 * width)) - 1n) << BigInt(8 * at)) & 0xffff_ffffn);
      expect(rig.read(2, INT_ENABLE.offset)).toBe((0x8000_009f & ~cleared) >>> 0);
    },
  );

  it.each(LANES)(
    'writeRegion() of TPM_ACCESS looks at byte lane 0 only: %i bytes at lane %i',
    async (width, at) => {
      const rig = await Rig.started();
      rig.write(0, at, 0x0202_0202, width);
      expect(rig.access(0)).toBe(at === 0 ? 0xa1 : 0x81);
    },
  );

  it.each([
    ['tpmGo at byte lane 1', 0x19, 1, 0x20, 0],
    ['commandCancel as byte 3', 0x1b, 1, 0x01, 1],
    ['commandCancel in a word', 0x1a, 2, 0x0100, 1],
    ['commandCancel in a dword', 0x18, 4, 0x0100_0000, 1],
    ['commandCancel bit in lane 0', 0x18, 1, 0x01, 0],
  ] as const)('writeRegion() places %s in TPM_STS', async (_, offset, width, value, cancels) => {
    const rig = await Rig.started();
    rig.request(0);
    rig.backend.hold();
    rig.send(0);
    rig.write(0, offset, value, width);
    expect(rig.backend.log.filter((entry) => entry === 'cancel')).toHaveLength(cancels);
    rig.backend.release();
    await rig.device.settled();
  });

  it('writeRegion() ignores every write to locality 4', async () => {
    const rig = await Rig.started();
    rig.request(0);
    for (let offset = 0; offset < 0x100; offset += 4) {
      for (const [width, at] of LANES) rig.write(4, offset + at, 0xffff_ffff, width);
    }
    expect(rig.accesses).toBe('a1 81 81 81 81');
    expect(rig.read(0, INTERFACE_ID.offset)).toBe(0x2100);
    expect(rig.status(0)).toBe(0x0410_0000);
  });

  it('writeRegion() locks the interface selection for all localities until reset', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.write(2, INTERFACE_ID.offset + 2, 0x08, 1);
    for (const locality of LOCALITIES) {
      expect(rig.read(locality, INTERFACE_ID.offset)).toBe(0x0008_2100);
    }
    await rig.device.reset();
    expect(rig.read(3, INTERFACE_ID.offset)).toBe(0x2100);
  });

  it('writeRegion() ignores STS, FIFO and interrupt writes of a locality that is not active', async () => {
    const rig = await Rig.started();
    rig.request(0);
    rig.ready(0);
    rig.enableInterrupts(1);
    rig.ready(1);
    rig.feed(1, STARTUP);
    rig.go(1);
    expect(rig.read(1, INT_ENABLE.offset)).toBe(8);
    expect(rig.status(1)).toBe(0xffff_ffff);
    expect(rig.status(0)).toBe(0x0410_0040);
    expect(rig.backend.exchanges).toEqual([]);
  });

  it('writeRegion() sends the bytes of the last access behind the command as well', async () => {
    const rig = await Rig.started({ responses: [SUCCESS_RESPONSE] });
    rig.request(0);
    rig.ready(0);
    for (const word of [0x0000_0180, 0xffff_0a00, 0xbbaa_ffff]) rig.write(0, 0x24, word);
    rig.go(0);
    await rig.device.settled();
    expect(rig.backend.exchanges[0]?.command).toBe('80010000000affffffffaabb');
  });
});
