import type { AccessWidth } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { GuestRam } from '../test/guest-ram.js';
import { fromHex, machines, type Transcript, toHex, transcripts } from '../test/recordings.js';
import { FwCfgDevice } from './fw-cfg-device.js';
import { FW_CFG_KEY } from './fw-cfg-registers.js';
import type { FwCfgVariant } from './fw-cfg-snapshot.js';
import { tpmConfigFile } from './tpm-files.js';

const WIDTHS: Readonly<Record<string, AccessWidth>> = { b: 1, w: 2, l: 4 };

/** A device with the recorded files, and the guest's memory. */
class Replay {
  readonly ram: GuestRam;
  readonly device: FwCfgDevice;
  readonly #base: number;

  constructor(variant: FwCfgVariant, transcript: Transcript) {
    this.ram = new GuestRam(Number(transcript.ramBase), 0x2000);
    this.device = new FwCfgDevice({ variant, memory: this.ram });
    this.#base = Number(transcript.mmioBase ?? 0);
    for (const { name, size } of transcript.items) {
      const known = transcript.itemContents[name];
      const bytes =
        known === undefined || known === 'zeros' ? new Uint8Array(size) : fromHex(known);
      const writable = transcript.writable?.includes(name) ?? false;
      this.device.addFile(name, bytes, { writable });
    }
    this.device.reset();
  }

  /** @returns what was read, as the transcript writes it */
  run(operation: string, address: number, value: string): string | undefined {
    if (operation === 'memwrite') return void this.ram.poke(address, fromHex(value));
    if (operation === 'memread') {
      return `=${toHex(this.ram.peek(address, (value.length - 1) / 2))}`;
    }
    const width = WIDTHS[operation.at(-1)!];
    if (operation.startsWith('out')) {
      return void this.device.writePort(address, width!, Number(value));
    }
    if (operation.startsWith('in')) return this.#hex(this.device.readPort(address, width!));
    const offset = address - this.#base;
    if (width !== undefined) {
      if (operation.startsWith('read')) return this.#hex(this.device.mmio.read(offset, width));
      return void this.device.mmio.write(offset, width, Number(value));
    }
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    if (operation === 'readq') {
      this.device.mmio.readWide(offset, bytes);
      return this.#hex(view.getBigUint64(0, true));
    }
    expect(operation).toBe('writeq');
    view.setBigUint64(0, BigInt(value), true);
    return void this.device.mmio.writeWide(offset, bytes);
  }

  #hex(value: number | bigint): string {
    return `=0x${value.toString(16)}`;
  }
}

describe('FwCfgDevice', () => {
  it.each([
    ['io', 172],
    ['mmio', 52],
  ] as const)('FwCfgDevice %s answers access for access like QEMU 7.2', (variant, count) => {
    const transcript = transcripts[variant];
    const replay = new Replay(variant, transcript);
    const accesses = transcript.ops.filter(([operation]) => operation !== '#');
    expect(accesses.length).toBe(count);
    for (const [index, [operation, address, value]] of accesses.entries()) {
      const seen = replay.run(operation!, Number(address), value!);
      const expected = value!.startsWith('=') ? value : undefined;
      expect(seen, `access ${index}: ${operation} ${address} ${value}`).toBe(expected);
    }
    expect(replay.ram.nonsense).toEqual([]);
  });

  it.each(machines.map((machine) => [machine.name, machine] as const))(
    'FwCfgDevice has the directory of QEMU 7.2 with %s',
    (_, machine) => {
      const device = new FwCfgDevice({ variant: 'io' });
      for (const [name, , size] of [...machine.files].reverse()) {
        device.addFile(name, new Uint8Array(size));
      }
      expect(device.files.map(({ name, key, size }) => [name, key, size])).toEqual(machine.files);
      const recorded = fromHex(machine.directory);
      device.writePort(0x510, 2, FW_CFG_KEY.directory);
      const seen = Uint8Array.from(recorded, () => device.readPort(0x511, 1));
      expect(toHex(seen)).toBe(machine.directory);
    },
  );
});

describe('tpmConfigFile', () => {
  it.each(
    machines.filter(({ config }) => config !== undefined).map((it) => [it.name, it] as const),
  )('tpmConfigFile() is that of QEMU 7.2 with %s', (_, machine) => {
    expect(toHex(tpmConfigFile({ version: machine.tpmVersion }))).toBe(machine.config);
  });

  it.each([
    [{ version: '1.2' as const }, '0050d4fe0101'],
    [{ ppi: false }, '0050d4fe0000'],
    [{ version: '2.0' as const, ppiAddress: 0x1234_5678 }, '785634120201'],
  ])('tpmConfigFile(%j) is %s', (description, expected) => {
    expect(toHex(tpmConfigFile(description))).toBe(expected);
  });

  it.each([-1, 2 ** 32, 0.5, Number.NaN])(
    'tpmConfigFile() refuses the address %s',
    (ppiAddress) => {
      expect(() => tpmConfigFile({ ppiAddress })).toThrow(`PPI address ${ppiAddress} can't be`);
    },
  );
});
