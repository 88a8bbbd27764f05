import fc from 'fast-check';
import type { AccessWidth } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { GuestRam } from '../test/guest-ram.js';
import { FwCfgDevice } from './fw-cfg-device.js';
import { FW_CFG_DEFAULT_FILE_SLOTS } from './fw-cfg-registers.js';

const RAM_BASE = 0x1000;
const RAM_SIZE = 0x400;
/** The file directory with its default number of slots: the longest item of the guest below. */
const LONGEST_ITEM = 4 + 64 * FW_CFG_DEFAULT_FILE_SLOTS;

/** A device with contents of every kind, in a guest with little memory. */
function makeGuest(variant: 'io' | 'mmio', ramBase = RAM_BASE) {
  const ram = new GuestRam(ramBase, RAM_SIZE);
  const device = new FwCfgDevice({ variant, memory: ram });
  const fixed = Uint8Array.from({ length: 64 }, (_, index) => index);
  device.addFile('a', fixed);
  device.addFile('empty', new Uint8Array(0));
  device.addFile('g', () => new Uint8Array(300));
  device.addFile('w', new Uint8Array(48), { writable: true });
  device.reset();
  return { device, ram, fixed: fixed.slice() };
}

const width = fc.constantFrom<AccessWidth>(1, 2, 4);
const key = fc.oneof(fc.integer({ min: 0, max: 0x28 }), fc.nat(0xffff));
const address = fc.oneof(
  fc.integer({ min: RAM_BASE - 16, max: RAM_BASE + RAM_SIZE + 16 }).map(BigInt),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 2n ** 32n - 1n, 2n ** 53n - 8n, 2n ** 53n, 2n ** 64n - 1n),
);
const length = fc.oneof(fc.nat(100), fc.nat(0xffff_ffff), fc.constant(0xffff_ffff));
const transfer = fc.record({ key, control: fc.nat(0xffff), length, buffer: address, at: address });

function putDescriptor(
  ram: GuestRam,
  {
    key: selected,
    control,
    length: count,
    buffer,
    at,
  }: typeof transfer extends fc.Arbitrary<infer T> ? T : never,
): void {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ((selected << 16) | control) >>> 0);
  view.setUint32(4, count);
  view.setBigUint64(8, buffer);
  const start = Number(at) - ram.base;
  if (start >= 0 && start + 16 <= ram.bytes.length) ram.bytes.set(bytes, start);
}

describe('FwCfgDevice with a hostile guest', () => {
  it('FwCfgDevice DMA touches guest memory only, whatever the descriptors say', () => {
    let succeeded = 0;
    fc.assert(
      fc.property(
        fc.constantFrom('io', 'mmio'),
        fc.array(transfer, { maxLength: 20 }),
        (variant, transfers) => {
          const { device, ram, fixed } = makeGuest(variant);
          for (const one of transfers) {
            putDescriptor(ram, one);
            const bytes = new Uint8Array(8);
            new DataView(bytes.buffer).setBigUint64(0, one.at);
            if (variant === 'mmio') device.mmio.writeWide(0x10, bytes);
            else {
              const view = new DataView(bytes.buffer);
              device.writePort(0x514, 4, view.getUint32(0, true));
              device.writePort(0x518, 4, view.getUint32(4, true));
            }
            const start = Number(one.at) - RAM_BASE;
            if (start >= 0 && start + 4 <= RAM_SIZE) {
              const result = new DataView(ram.bytes.buffer).getUint32(start);
              if (start + 16 <= RAM_SIZE) expect([0, 1]).toContain(result);
              if (result === 0) succeeded++;
            }
          }
          expect(ram.nonsense).toEqual([]);
          expect(device.contents('a')).toEqual(fixed);
          const { offset, key: selected } = device.snapshot();
          expect(offset).toBeLessThanOrEqual(LONGEST_ITEM);
          expect(selected).toBeLessThanOrEqual(0xffff);
        },
      ),
      { numRuns: 500 },
    );
    expect(succeeded).toBeGreaterThan(100);
  });

  it('FwCfgDevice ends a transfer to an endless buffer at the end of memory', () => {
    const { device, ram } = makeGuest('io');
    const endless = { key: 0x20, control: 0x0a, length: 0xffff_ffff, at: BigInt(RAM_BASE) };
    putDescriptor(ram, { ...endless, buffer: BigInt(RAM_BASE + 0x100) });
    device.writePort(0x518, 4, 0x0010_0000);
    expect([...ram.peek(RAM_BASE, 4)]).toEqual([0, 0, 0, 1]);
    expect(ram.writes).toBe(2);
  });

  it('FwCfgDevice answers any port access with a number of its width', () => {
    const access = fc.tuple(
      fc.boolean(),
      fc.integer({ min: 0x508, max: 0x524 }),
      width,
      fc.nat(0xffff_ffff),
    );
    fc.assert(
      fc.property(fc.array(access, { maxLength: 100 }), (accesses) => {
        const { device, ram } = makeGuest('io', 0);
        for (const [isRead, port, bytes, value] of accesses) {
          if (!isRead) device.writePort(port, bytes, value);
          else {
            const seen = device.readPort(port, bytes);
            expect(seen >>> 0).toBe(seen);
            expect(seen).toBeLessThan(2 ** (8 * bytes));
          }
        }
        expect(ram.nonsense).toEqual([]);
        device.restore(device.snapshot());
      }),
      { numRuns: 500 },
    );
  });

  it('FwCfgDevice answers any MMIO access with a number of its width', () => {
    const access = fc.tuple(fc.nat(3), fc.nat(0x20), width, fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(fc.array(access, { maxLength: 100 }), (accesses) => {
        const { device, ram } = makeGuest('mmio', 0);
        const wide = new Uint8Array(8);
        for (const [kind, offset, bytes, value] of accesses) {
          if (kind === 0) device.mmio.write(offset, bytes, value);
          else if (kind === 1) device.mmio.writeWide(offset, wide);
          else if (kind === 2) device.mmio.readWide(offset, wide);
          else {
            const seen = device.mmio.read(offset, bytes);
            expect(seen >>> 0).toBe(seen);
            expect(seen).toBeLessThan(2 ** (8 * bytes));
          }
        }
        expect(ram.nonsense).toEqual([]);
        device.restore(device.snapshot());
      }),
      { numRuns: 500 },
    );
  });
});
