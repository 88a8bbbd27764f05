import { describe, expect, it } from 'vitest';
import { GuestRam } from '../test/guest-ram.js';
import { FwCfgDevice } from './fw-cfg-device.js';
import type { FwCfgSnapshot } from './fw-cfg-snapshot.js';

/** A device with a fixed file, a writable one and two generated together. */
function makeDevice(): { device: FwCfgDevice; ram: GuestRam; writable: Uint8Array } {
  const ram = new GuestRam(0x1000, 0x1000);
  const device = new FwCfgDevice({ variant: 'io', memory: ram });
  const writable = new Uint8Array(2);
  let call = 0;
  device.addFile('a', Uint8Array.of(1, 2, 3, 4));
  device.addFile('w', writable, { writable: true });
  device.addGeneratedFiles(() => ({ g: Uint8Array.of(++call), h: Uint8Array.of(call) }));
  device.reset();
  return { device, ram, writable };
}

const KEY = { a: 0x20, g: 0x21, h: 0x22, w: 0x23 } as const;

function next(device: FwCfgDevice): number {
  return device.readPort(0x511, 1);
}

describe('FwCfgDevice.restore()', () => {
  it('FwCfgDevice.restore() goes on where the snapshot was taken', () => {
    const source = makeDevice();
    source.writable.set([7, 8]);
    source.device.writePort(0x510, 2, KEY.g);
    source.device.writePort(0x510, 2, KEY.a);
    expect([next(source.device), next(source.device)]).toEqual([1, 2]);
    // A high half is pending; it makes the next transfer fail.
    source.device.writePort(0x514, 4, 0x0100_0000);
    const snapshot = structuredClone(source.device.snapshot());

    const target = makeDevice();
    target.device.restore(snapshot);
    expect(target.device.snapshot()).toEqual(snapshot);
    expect([next(target.device), next(target.device), next(target.device)]).toEqual([3, 4, 0]);
    expect([...target.writable]).toEqual([7, 8]);
    target.ram.poke(0x1000, Uint8Array.of(0, 0x20, 0, 0x0a));
    target.device.writePort(0x518, 4, 0x0010_0000);
    expect([...target.ram.peek(0x1000, 4)]).toEqual([0, 0x20, 0, 0x0a]);
    // The generated files are those of the source, and not generated once more.
    target.device.writePort(0x510, 2, KEY.h);
    expect(next(target.device)).toBe(2);
  });

  it('FwCfgDevice.restore() keeps the mark that files have to be generated', () => {
    const source = makeDevice();
    const snapshot = source.device.snapshot();
    const target = makeDevice();
    target.device.writePort(0x510, 2, KEY.g);
    expect(next(target.device)).toBe(2);
    target.device.restore(snapshot);
    target.device.writePort(0x510, 2, KEY.g);
    expect(next(target.device)).toBe(3);
  });

  it('FwCfgDevice.snapshot() is a copy', () => {
    const { device, writable } = makeDevice();
    const snapshot = device.snapshot();
    writable[0] = 9;
    expect(snapshot.files.find(({ name }) => name === 'w')!.bytes).toEqual(new Uint8Array(2));
  });

  type Change = (snapshot: FwCfgSnapshot) => unknown;
  it.each<[string, Change, string]>([
    [
      'nothing',
      () => undefined,
      'Snapshot format: configured tpm-fwcfg-ppi/fw-cfg/1, saved undefined',
    ],
    ['another format', (it) => ({ ...it, format: 'x/1' }), 'Snapshot format'],
    [
      'no configuration',
      (it) => ({ ...it, configuration: undefined }),
      'fw_cfg variant: configured io, saved undefined',
    ],
    [
      'another variant',
      (it) => ({ ...it, configuration: { ...it.configuration, variant: 'mmio' } }),
      'fw_cfg variant: configured io, saved mmio',
    ],
    [
      'no DMA',
      (it) => ({ ...it, configuration: { ...it.configuration, dma: false } }),
      'fw_cfg DMA: configured true, saved false',
    ],
    [
      'no directory',
      (it) => ({ ...it, configuration: { ...it.configuration, files: 5 } }),
      'fw_cfg directory: configured a (4), g (1), h (1), w (2), saved 5',
    ],
    [
      'a missing file',
      (it) => ({
        ...it,
        configuration: { ...it.configuration, files: it.configuration.files.slice(1) },
      }),
      'fw_cfg directory',
    ],
    [
      'another size',
      (it) => ({
        ...it,
        configuration: {
          ...it.configuration,
          files: it.configuration.files.map((file) => ({ ...file, size: 1 })),
        },
      }),
      'fw_cfg directory',
    ],
    [
      'files of null',
      (it) => ({ ...it, configuration: { ...it.configuration, files: [null] } }),
      'fw_cfg directory',
    ],
    [
      'a key of 17 bits',
      (it) => ({ ...it, key: 0x1_0000 }),
      'fw_cfg key: allowed 0 to 65535, saved 65536',
    ],
    ['a key of text', (it) => ({ ...it, key: '1' }), 'fw_cfg key'],
    [
      'a negative offset',
      (it) => ({ ...it, offset: -1 }),
      'fw_cfg offset: allowed 0 to 4, saved -1',
    ],
    [
      'an offset past the end',
      (it) => ({ ...it, offset: 5 }),
      'fw_cfg offset: allowed 0 to 4, saved 5',
    ],
    [
      'an offset in no item',
      (it) => ({ ...it, key: 0x30, offset: 1 }),
      'fw_cfg offset: allowed 0 to 0, saved 1',
    ],
    ['half an offset', (it) => ({ ...it, offset: 0.5 }), 'fw_cfg offset'],
    [
      'a high half of 33 bits',
      (it) => ({ ...it, dmaAddressHigh: 2 ** 32 }),
      'fw_cfg DMA address, high half',
    ],
    [
      'no files',
      (it) => ({ ...it, files: undefined }),
      'fw_cfg files with a state: expected 3, saved undefined',
    ],
    ['one file less', (it) => ({ ...it, files: it.files.slice(1) }), 'expected 3, saved 2'],
    [
      'files in another order',
      (it) => ({ ...it, files: [...it.files].reverse() }),
      'fw_cfg file: configured g, saved w',
    ],
    [
      'a file of null',
      (it) => ({ ...it, files: [null, ...it.files.slice(1)] }),
      'fw_cfg file: configured g, saved undefined',
    ],
    [
      'contents that are too long',
      (it) => ({ ...it, files: it.files.map((file) => ({ ...file, bytes: new Uint8Array(3) })) }),
      'fw_cfg file "g": expected 1 bytes, saved 3',
    ],
    [
      'contents of text',
      (it) => ({ ...it, files: it.files.map((file) => ({ ...file, bytes: 'x' })) }),
      'fw_cfg file "g": expected 1 bytes, saved undefined',
    ],
    [
      'no mark',
      (it) => ({ ...it, files: it.files.map((file) => ({ ...file, isStale: undefined })) }),
      'fw_cfg file "g" mark: expected true or false, saved undefined',
    ],
    [
      'marks that differ in a group',
      (it) => ({ ...it, files: it.files.map((file) => ({ ...file, isStale: file.name === 'g' })) }),
      'fw_cfg file "h" mark: expected true, saved false',
    ],
    [
      'a mark on a file that is not generated',
      (it) => ({ ...it, files: it.files.map((file) => ({ ...file, isStale: true })) }),
      'fw_cfg file "w" mark: expected false, saved true',
    ],
  ])('FwCfgDevice.restore() refuses %s and changes nothing', (_, change, message) => {
    const { device } = makeDevice();
    device.writePort(0x510, 2, KEY.a);
    next(device);
    const before = device.snapshot();
    const bad = change({ ...before, offset: 3, dmaAddressHigh: 5 }) as FwCfgSnapshot;
    expect(() => device.restore(bad)).toThrow(
      expect.objectContaining({ name: 'SnapshotError', message: expect.stringContaining(message) }),
    );
    expect(device.snapshot()).toEqual(before);
  });
});
