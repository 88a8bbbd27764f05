import type { TraceEvent } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { GuestRam } from '../test/guest-ram.js';
import { fromHex, toHex } from '../test/recordings.js';
import { FwCfgDevice, type FwCfgDeviceOptions } from './fw-cfg-device.js';
import { LEGACY_FILE_ORDER } from './fw-cfg-items.js';

const RAM_BASE = 0x1000;
const DESCRIPTOR = RAM_BASE;
const BUFFER = RAM_BASE + 0x100;

/** A port device that a test drives with a file of 6 bytes, 1 to 6, and a writable one of 4. */
class Rig {
  readonly ram = new GuestRam(RAM_BASE, 0x1000);
  readonly errors: string[] = [];
  readonly device: FwCfgDevice;
  readonly writable = new Uint8Array(4);

  constructor(options: Partial<FwCfgDeviceOptions> = {}) {
    this.device = new FwCfgDevice({
      variant: 'io',
      memory: this.ram,
      onError: ({ message }) => void this.errors.push(message),
      ...options,
    });
    this.device.addFile('b', Uint8Array.of(1, 2, 3, 4, 5, 6));
    this.device.addFile('w', this.writable, { writable: true });
  }

  select(key: number): void {
    this.device.writePort(0x510, 2, key);
  }

  /** The next bytes of the data port. */
  bytes(count: number): number[] {
    return Array.from({ length: count }, () => this.device.readPort(0x511, 1));
  }

  descriptor(control: number, length: number, address: number | bigint, at = DESCRIPTOR): void {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, control);
    view.setUint32(4, length);
    view.setBigUint64(8, BigInt(address));
    this.ram.poke(at, bytes);
  }

  /** Starts the descriptor, with the low half only. */
  start(at = DESCRIPTOR): void {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, at);
    this.device.writePort(0x518, 4, view.getUint32(0, true));
  }

  /** @returns the control word that the device wrote back */
  transfer(control: number, length: number, address: number | bigint): number {
    this.descriptor(control, length, address);
    this.start();
    return new DataView(this.ram.bytes.buffer).getUint32(DESCRIPTOR - RAM_BASE);
  }
}

const READ = 0x02;
const SKIP = 0x04;
const SELECT = 0x08;
const WRITE = 0x10;
const KEY_B = 0x20;
const KEY_W = 0x21;

/** Control word that selects a key, too. */
function on(key: number, control: number): number {
  return ((key << 16) | SELECT | control) >>> 0;
}

describe('FwCfgDevice.readPort()', () => {
  const dma = [0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47];
  // Seen on QEMU 7.2, q35: what a read gives, and the next byte of the signature after it.
  it.each([
    [0x50f, 1, 0xff, 0],
    [0x50f, 2, 0x51ff, 1],
    [0x50d, 4, 0x51ff_ffff, 1],
    [0x50e, 4, 0x0000_ffff, 0],
    [0x50f, 4, 0xff00_00ff, 0],
    [0x510, 1, 0x51, 1],
    [0x510, 2, 0, 0],
    [0x510, 4, 0, 0],
    [0x511, 1, 0x51, 1],
    [0x511, 2, 0xff51, 1],
    [0x511, 4, 0x51ff_ff51, 1],
    [0x512, 1, 0xff, 0],
    [0x512, 2, 0xffff, 0],
    [0x512, 4, 0x4551_ffff, 0],
    [0x513, 2, 0x51ff, 0],
    [0x513, 4, 0x4d45_51ff, 0],
    [0x517, 2, 0x2055, 0],
    [0x51b, 2, 0xff47, 0],
    [0x51b, 4, 0xffff_ff47, 0],
    [0x51c, 4, 0xffff_ffff, 0],
    [0x9999, 2, 0xffff, 0],
  ] as const)(
    'FwCfgDevice.readPort(0x%x, %i) is as QEMU has it',
    (port, width, expected, consumed) => {
      const rig = new Rig();
      expect(rig.device.readPort(port, width)).toBe(expected);
      expect(rig.bytes(1)).toEqual([dma[consumed]]);
    },
  );

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('FwCfgDevice.readPort() has byte %i of "QEMU CFG"', (at) => {
    const { device } = new Rig();
    expect(device.readPort(0x514 + at, 1)).toBe(dma[at]);
    if (at < 7) expect(device.readPort(0x514 + at, 2)).toBe(dma[at]! | (dma[at + 1]! << 8));
  });

  it('FwCfgDevice.readPort() has no DMA interface without memory', () => {
    const device = new FwCfgDevice({ variant: 'io' });
    device.writePort(0x510, 2, 1);
    expect(device.readPort(0x511, 1)).toBe(1);
    expect(device.readPort(0x514, 4)).toBe(0xffff_ffff);
    expect(() => device.writePort(0x518, 4, 0)).not.toThrow();
  });
});

describe('FwCfgDevice.writePort()', () => {
  // Seen on QEMU 7.2, q35. The value selects key 1 where it is taken.
  it.each([
    [0x510, 1, 0x01, false],
    [0x511, 1, 0x01, false],
    [0x510, 2, 0x0001, true],
    [0x511, 2, 0x0001, false],
    [0x510, 4, 0x0000_0001, false],
    [0x50e, 4, 0x0001_0000, true],
    [0x50f, 4, 0x0000_0100, true],
    [0x511, 4, 0x0000_0001, false],
    [0x512, 2, 0x0001, false],
    [0x50f, 2, 0x0001, false],
  ] as const)(
    'FwCfgDevice.writePort(0x%x, %i, 0x%x) selects: %s',
    (port, width, value, selects) => {
      const rig = new Rig();
      rig.bytes(1);
      rig.device.writePort(port, width, value);
      expect(rig.bytes(1)).toEqual([selects ? 0x03 : 0x45]);
    },
  );

  it.each([
    [0x514, 4],
    [0x515, 4],
    [0x516, 4],
    [0x519, 4],
    [0x51a, 4],
    [0x518, 2],
    [0x518, 1],
  ] as const)('FwCfgDevice.writePort(0x%x, %i) starts no transfer', (port, width) => {
    const rig = new Rig();
    rig.descriptor(on(KEY_B, READ), 1, BUFFER);
    const before = toHex(rig.ram.bytes);
    rig.device.writePort(port, width, 0x0010_0000);
    expect(toHex(rig.ram.bytes)).toBe(before);
  });

  it.each([0x0000, 0x4000])(
    'FwCfgDevice.writePort() selects key 0x%x, whatever bit 14 is',
    (bit) => {
      const rig = new Rig();
      rig.select(KEY_B | bit);
      expect(rig.bytes(8)).toEqual([1, 2, 3, 4, 5, 6, 0, 0]);
    },
  );

  it.each([0x0002, 0x3fff, 0x8000, 0x8020, 0xffff, 0x22])(
    'FwCfgDevice.writePort() selects key 0x%x without an item: zeros',
    (key) => {
      const rig = new Rig();
      rig.select(key);
      expect(rig.bytes(3)).toEqual([0, 0, 0]);
    },
  );
});

describe('FwCfgDevice DMA', () => {
  it.each([
    ['none', on(KEY_B, 0), 4, 0, [1]],
    ['other bits', on(KEY_B, 0xffe0), 4, 0, [1]],
    ['error bit on input', on(KEY_B, 1), 4, 0, [1]],
    ['read wins', on(KEY_B, READ | WRITE | SKIP), 2, 0, [3]],
    ['read past the end', on(KEY_B, READ), 9, 0, [0]],
    ['read of no item', on(0x3fff, READ), 9, 0, [0]],
    ['read of nothing', on(KEY_B, READ), 0, 0, [1]],
    ['skip', on(KEY_B, SKIP), 2, 0, [3]],
    ['skip past the end', on(KEY_B, SKIP), 0xffff_ffff, 0, [0]],
    ['write wins over skip, read-only', on(KEY_B, WRITE | SKIP), 2, 1, [3]],
    ['write past the end, read-only', on(KEY_B, WRITE), 7, 1, [0]],
    ['write of nothing, read-only', on(KEY_B, WRITE), 0, 0, [1]],
    ['write of no item', on(0x3fff, WRITE), 1, 1, [0]],
    ['write of nothing to no item', on(0x3fff, WRITE), 0, 0, [0]],
  ] as const)('FwCfgDevice DMA: %s', (_, control, length, result, next) => {
    const rig = new Rig();
    expect(rig.transfer(control, length, BUFFER)).toBe(result);
    expect(rig.bytes(1)).toEqual(next);
    expect(toHex(rig.ram.peek(DESCRIPTOR + 4, 4))).toBe(length.toString(16).padStart(8, '0'));
    expect(toHex(rig.ram.peek(DESCRIPTOR + 8, 8))).toBe(BUFFER.toString(16).padStart(16, '0'));
  });

  it('FwCfgDevice DMA goes on from where the last access stopped', () => {
    const rig = new Rig();
    rig.select(KEY_B);
    rig.bytes(1);
    rig.transfer(READ, 2, BUFFER);
    expect(toHex(rig.ram.peek(BUFFER, 3))).toBe('020300');
    rig.transfer(SKIP, 1, 0);
    expect(rig.bytes(3)).toEqual([5, 6, 0]);
  });

  it('FwCfgDevice DMA fills what the item does not have with zeros, and no more', () => {
    const rig = new Rig();
    rig.ram.bytes.fill(0xee);
    rig.transfer(on(KEY_B, READ), 8, BUFFER);
    expect(toHex(rig.ram.peek(BUFFER - 1, 10))).toBe('ee0102030405060000ee');
  });

  it('FwCfgDevice DMA fills a large buffer piece by piece', () => {
    const ram = new GuestRam(0, 0x3_0000);
    ram.bytes.fill(0xee);
    const rig = new Rig({ memory: ram });
    ram.poke(0, fromHex(`0020000a 00020001 0000000000001000`.replaceAll(' ', '')));
    rig.device.writePort(0x518, 4, 0);
    expect(toHex(ram.peek(0, 4))).toBe('00000000');
    expect(ram.peek(0x1000, 6)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
    expect(ram.peek(0x1006, 0x2_0001 - 6).every((byte) => byte === 0)).toBe(true);
    expect(ram.peek(0x1000 + 0x2_0001, 1)).toEqual(Uint8Array.of(0xee));
  });

  it('FwCfgDevice DMA writes into a writable file, where its owner sees it', () => {
    const rig = new Rig();
    rig.ram.poke(BUFFER, Uint8Array.of(9, 8, 7, 6, 5));
    expect(rig.transfer(on(KEY_W, WRITE), 3, BUFFER)).toBe(0);
    expect([...rig.writable]).toEqual([9, 8, 7, 0]);
    expect(rig.transfer(WRITE, 2, BUFFER)).toBe(1);
    expect([...rig.writable]).toEqual([9, 8, 7, 0]);
    expect(rig.transfer(on(KEY_W | 0x4000, WRITE), 5, BUFFER)).toBe(1);
    expect(rig.transfer(on(KEY_W, WRITE), 4, BUFFER)).toBe(0);
    expect([...rig.writable]).toEqual([9, 8, 7, 6]);
  });

  it.each([
    ['unmapped', 0x9000],
    ['half mapped', RAM_BASE + 0xffe],
    ['of 2^53', 2 ** 53],
    ['of 64 bits', 0xffff_ffff_ffff_fffen],
  ])('FwCfgDevice DMA fails when the buffer is %s, and consumes the bytes', (_, address) => {
    const rig = new Rig();
    expect(rig.transfer(on(KEY_B, READ), 4, address)).toBe(1);
    expect(rig.bytes(2)).toEqual([5, 6]);
    expect(rig.transfer(on(KEY_W, WRITE), 4, address)).toBe(1);
    expect(rig.transfer(on(0x3fff, READ), 4, address)).toBe(1);
    expect([...rig.writable]).toEqual([0, 0, 0, 0]);
    expect(rig.ram.nonsense).toEqual([]);
  });

  it.each([
    [RAM_BASE + 0xff8, '00000001eeeeeeee'],
    [RAM_BASE + 0xffc, 'eeeeeeee00000001'],
    [RAM_BASE + 0xffe, 'eeeeeeeeeeee0000'],
  ])(
    'FwCfgDevice DMA marks an unreadable descriptor at 0x%x as far as possible',
    (at, expected) => {
      const rig = new Rig();
      rig.ram.bytes.fill(0xee);
      rig.start(at);
      expect(toHex(rig.ram.peek(RAM_BASE + 0xff8, 8))).toBe(expected);
      expect(rig.bytes(1)).toEqual([0x51]);
    },
  );

  it('FwCfgDevice DMA forgets the high half after a transfer, and not in a reset', () => {
    const rig = new Rig();
    rig.descriptor(on(KEY_B, READ), 1, BUFFER);
    rig.device.writePort(0x514, 4, 0x0100_0000);
    rig.device.reset();
    rig.start();
    expect(toHex(rig.ram.peek(DESCRIPTOR, 4))).toBe('0020000a');
    rig.start();
    expect(toHex(rig.ram.peek(DESCRIPTOR, 4))).toBe('00000000');
    expect(rig.ram.nonsense).toEqual([]);
  });
});

describe('FwCfgDevice.mmio', () => {
  it('FwCfgDevice.mmio takes the selector big-endian and keeps the byte order of the data', () => {
    const { mmio } = new Rig({ variant: 'mmio' }).device;
    mmio.write(8, 2, 0x2000);
    expect(mmio.read(0, 2)).toBe(0x0201);
    expect(mmio.read(0, 4)).toBe(0x0605_0403);
    expect(mmio.read(0, 4)).toBe(0);
  });

  it('FwCfgDevice.mmio.readWide() reads 8 bytes of data at once, zeros past the end', () => {
    const { mmio } = new Rig({ variant: 'mmio' }).device;
    mmio.write(8, 2, 0x2000);
    const bytes = new Uint8Array(8).fill(0xee);
    mmio.readWide(0, bytes);
    expect(toHex(bytes)).toBe('0102030405060000');
    mmio.readWide(8, bytes);
    expect(toHex(bytes)).toBe('0000000000000000');
    mmio.readWide(0x10, bytes);
    expect(toHex(bytes)).toBe('51454d5520434647');
    mmio.readWide(0x13, bytes);
    expect(toHex(bytes)).toBe('5520434647000000');
  });

  it.each([
    [0, 1],
    [0, 2],
    [0, 4],
    [8, 1],
    [8, 4],
    [9, 1],
    [0xa, 2],
    [0xc, 4],
    [0x10, 1],
    [0x12, 2],
    [0x14, 2],
  ] as const)('FwCfgDevice.mmio.write(0x%x, %i) has no effect', (offset, width) => {
    const rig = new Rig({ variant: 'mmio' });
    rig.descriptor(on(KEY_B, READ), 1, BUFFER);
    const before = toHex(rig.ram.bytes);
    rig.device.mmio.read(0, 1);
    rig.device.mmio.write(offset, width, 0x2000_2000);
    expect(rig.device.mmio.read(0, 1)).toBe(0x45);
    expect(toHex(rig.ram.bytes)).toBe(before);
  });

  it('FwCfgDevice.mmio has no DMA interface without memory', () => {
    const { mmio } = new FwCfgDevice({ variant: 'mmio' });
    expect(mmio.read(0x10, 4)).toBe(0);
    mmio.write(8, 2, 0x0100);
    expect(mmio.read(0, 4)).toBe(1);
  });
});

describe('FwCfgDevice.addFile()', () => {
  it('FwCfgDevice.addFile() sorts by name in byte order and numbers from 0x20', () => {
    const device = new FwCfgDevice({ variant: 'io' });
    for (const name of ['etc/b', 'Z', 'etc/a/x', 'etc/a', '~'])
      device.addFile(name, new Uint8Array(0));
    expect(device.files.map(({ name, key }) => [name, key])).toEqual([
      ['Z', 0x20],
      ['etc/a', 0x21],
      ['etc/a/x', 0x22],
      ['etc/b', 0x23],
      ['~', 0x24],
    ]);
  });

  it('FwCfgDevice.addFile() keeps the order of pc-i440fx-2.5 on request', () => {
    const device = new FwCfgDevice({ variant: 'io', fileOrder: LEGACY_FILE_ORDER });
    const added = [
      'bootorder',
      'etc/acpi/rsdp',
      'opt/b',
      'etc/acpi/tables',
      'opt/a',
      'etc/tpm/log',
      'etc/table-loader',
      'etc/e820',
    ];
    for (const name of added) device.addFile(name, new Uint8Array(1));
    expect(device.files.map(({ name }) => name)).toEqual([
      'etc/e820',
      'opt/b',
      'opt/a',
      'etc/acpi/tables',
      'etc/table-loader',
      'etc/tpm/log',
      'etc/acpi/rsdp',
      'bootorder',
    ]);
  });

  it('FwCfgDevice.addFile() gives the selected key its new item', () => {
    const rig = new Rig();
    rig.select(0x20);
    rig.device.addFile('a', Uint8Array.of(0x77));
    expect(rig.bytes(1)).toEqual([0x77]);
  });

  it.each([
    ['', 'fw_cfg file name "" can\'t be used; use 1 to 55 printable ASCII characters'],
    ['x'.repeat(56), "can't be used"],
    ['a\0b', "can't be used"],
    ['ä', "can't be used"],
    ['b', 'fw_cfg file "b" exists already; add it once'],
  ])('FwCfgDevice.addFile(%j) is refused', (name, message) => {
    const { device } = new Rig();
    const before = device.files;
    expect(() => device.addFile(name, new Uint8Array(1))).toThrow(message);
    expect(device.files).toEqual(before);
  });

  it('FwCfgDevice.addFile() takes a name of 55 characters and fills all slots', () => {
    const device = new FwCfgDevice({ variant: 'io', fileSlots: 2 });
    device.addFile('x'.repeat(55), new Uint8Array(1));
    device.addFile('y', new Uint8Array(1));
    expect(() => device.addFile('z', new Uint8Array(1))).toThrow(
      'fw_cfg file "z" is one more than the directory\'s 2 slots hold',
    );
  });

  it.each([0, -1, 1.5, 0x4000, Number.NaN])('FwCfgDevice refuses %s file slots', (fileSlots) => {
    expect(() => new FwCfgDevice({ variant: 'io', fileSlots })).toThrow(`${fileSlots} slots`);
  });
});

describe('FwCfgDevice.addItem()', () => {
  it.each([0x0005, 0x000f, 0x8000, 0x40 + 0x20])('FwCfgDevice.addItem() adds key 0x%x', (key) => {
    const rig = new Rig();
    rig.device.addItem(key, Uint8Array.of(0xab));
    rig.select(key);
    expect(rig.bytes(2)).toEqual([0xab, 0]);
  });

  it.each([0, 1, 0x19, 0x20, 0x3f, 0x4005, -1, 0x1_0005, 5.5])(
    'FwCfgDevice.addItem() refuses key %s',
    (key) => {
      const { device } = new Rig();
      expect(() => device.addItem(key, new Uint8Array(1))).toThrow(
        `fw_cfg key ${key} can't be given`,
      );
    },
  );
});

describe('FwCfgDevice.addGeneratedFiles()', () => {
  function generatedRig(): Rig & { calls: number } {
    const rig = Object.assign(new Rig(), { calls: 0 });
    rig.device.addGeneratedFiles(() => {
      const call = ++rig.calls;
      return { c1: Uint8Array.of(call), c2: Uint8Array.of(call, call) };
    });
    return rig;
  }

  it('FwCfgDevice generates once more at the first selection of any of the files after a reset', () => {
    const rig = generatedRig();
    expect(rig.calls).toBe(1);
    rig.device.reset();
    rig.select(KEY_B);
    rig.select(0x19);
    expect(rig.calls).toBe(1);
    expect([...rig.device.contents('c1')!]).toEqual([1]);
    rig.transfer(on(0x22, 0), 0, 0);
    expect(rig.bytes(2)).toEqual([2, 2]);
    rig.select(0x21);
    expect(rig.bytes(2)).toEqual([2, 0]);
    rig.select(0x22);
    expect(rig.calls).toBe(2);
    rig.device.reset();
    rig.select(0x21);
    expect(rig.bytes(1)).toEqual([3]);
  });

  it.each<[string, () => Record<string, Uint8Array>, string]>([
    [
      'throws',
      () => {
        throw new Error('no tables');
      },
      'Generating fw_cfg files failed: Error: no tables',
    ],
    [
      'changes a size',
      () => ({ g: new Uint8Array(2), h: new Uint8Array(1) }),
      'fw_cfg file "g" was generated anew with 2 bytes; the size must stay 1',
    ],
    [
      'leaves a file out',
      () => ({ g: Uint8Array.of(9) }),
      'fw_cfg file "h" was generated anew with undefined bytes',
    ],
  ])('FwCfgDevice keeps all old contents when a generator %s', (_, broken, message) => {
    const rig = new Rig();
    let generate = (): Record<string, Uint8Array> => ({ g: Uint8Array.of(1), h: Uint8Array.of(2) });
    rig.device.addGeneratedFiles(() => generate());
    generate = broken;
    rig.device.reset();
    rig.select(0x21);
    expect(rig.bytes(1)).toEqual([1]);
    rig.select(0x22);
    expect(rig.bytes(1)).toEqual([2]);
    expect(rig.errors).toEqual([expect.stringContaining(message)]);
  });

  it('FwCfgDevice adds no file when a generator throws at once', () => {
    const { device } = new Rig();
    expect(() =>
      device.addFile('g', () => {
        throw new Error('not yet');
      }),
    ).toThrow('Generating fw_cfg files failed: Error: not yet');
    expect(device.files.length).toBe(2);
  });
});

describe('FwCfgDevice.trace', () => {
  it('FwCfgDevice reports each access with its offset from 0x510', () => {
    const events: TraceEvent[] = [];
    const rig = new Rig({ trace: (event) => void events.push(event) });
    rig.select(0x4020);
    rig.device.readPort(0x511, 1);
    expect(events).toEqual([
      { type: 'register-write', offset: 0, width: 2, value: 0x4020 },
      { type: 'register-read', offset: 1, width: 1, value: 1 },
    ]);
  });
});
