import fc from 'fast-check';
import type { AccessWidth } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { FwCfgDevice } from '../src/fw-cfg-device.js';
import type { FwCfgVariant } from '../src/fw-cfg-snapshot.js';
import { GuestRam } from './guest-ram.js';
import { Qemu } from './qemu.js';
import { toHex } from './recordings.js';

/** Number of random steps of one walk. */
const STEPS = 2000;

const WINDOW_SIZE = 0x1000;

interface Machine {
  readonly program: string;
  readonly machine: string;
  readonly variant: FwCfgVariant;
  /** Where the guest's memory is compared. */
  readonly window: number;
  /** Where the registers are: a port or an address. */
  readonly base: number;
  /** Files that QEMU reacts to when they are selected or written: no part of this device. */
  readonly withEffects: readonly string[];
  readonly writable: readonly string[];
}

const PC: Machine = {
  program: 'qemu-system-x86_64',
  machine: 'q35',
  variant: 'io',
  window: 0x10_0000,
  base: 0x510,
  withEffects: ['etc/smi/features-ok'],
  writable: ['etc/smi/requested-features'],
};

const VIRT: Machine = {
  program: 'qemu-system-aarch64',
  machine: 'virt',
  variant: 'mmio',
  window: 0x4010_0000,
  base: 0x0902_0000,
  withEffects: [],
  writable: [],
};

type Access = 'read' | 'write';

type Step =
  | { readonly type: 'reset' }
  | {
      readonly type: Access;
      readonly offset: number;
      readonly width: number;
      readonly value: number;
    }
  | { readonly type: 'select'; readonly key: number }
  | {
      readonly type: 'dma';
      readonly control: number;
      readonly key: number;
      readonly length: number;
      readonly buffer: number;
      readonly highHalf: number | undefined;
    };

/** The real device and ours, with the same files. */
class Pair {
  readonly device: FwCfgDevice;
  readonly ram: GuestRam;
  readonly keys: number[];
  readonly #machine: Machine;
  readonly #qemu: Qemu;

  private constructor(machine: Machine, qemu: Qemu, files: ReadonlyMap<string, Uint8Array>) {
    this.#machine = machine;
    this.#qemu = qemu;
    this.ram = new GuestRam(machine.window, WINDOW_SIZE);
    this.device = new FwCfgDevice({ variant: machine.variant, memory: this.ram });
    for (const [name, bytes] of files) {
      this.device.addFile(name, bytes, { writable: machine.writable.includes(name) });
    }
    this.device.reset();
    this.keys = this.device.files
      .filter(({ name }) => !machine.withEffects.includes(name))
      .map(({ key }) => key);
  }

  static async start(machine: Machine): Promise<Pair> {
    const qemu = await Qemu.start(machine.program, ['-S', '-machine', machine.machine]);
    const files = new Map<string, Uint8Array>();
    const empty = new Pair(machine, qemu, files);
    // The contents as they are after their first selection, which may generate them anew.
    for (let pass = 0; pass < 2; pass++) {
      const directory = await empty.#realItem(0x19, 4);
      const count = new DataView(directory.buffer).getUint32(0);
      const entries = await empty.#realItem(0x19, 4 + 64 * count);
      const view = new DataView(entries.buffer);
      for (let at = 4; at < entries.length; at += 64) {
        const name = Buffer.from(entries.subarray(at + 8, at + 64))
          .toString()
          .split('\0')[0]!;
        if (machine.withEffects.includes(name)) files.set(name, new Uint8Array(view.getUint32(at)));
        else files.set(name, await empty.#realItem(view.getUint16(at + 4), view.getUint32(at)));
      }
    }
    await qemu.tell('system_reset', '"RESET"');
    return new Pair(machine, qemu, files);
  }

  /** Reads an item of the real device by DMA. */
  async #realItem(key: number, length: number): Promise<Uint8Array> {
    const buffer = this.#machine.window + WINDOW_SIZE;
    await this.#qemu.write(this.#machine.window, descriptor((key << 16) | 0x0a, length, buffer));
    await this.#realStart();
    return length === 0 ? new Uint8Array(0) : await this.#qemu.read(buffer, length);
  }

  #lowHalf(): number {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, this.#machine.window);
    return view.getUint32(0, true);
  }

  async #realStart(): Promise<void> {
    const dma = this.#machine.variant === 'io' ? 4 : 0x10;
    await this.#real('write', dma + 4, 4, this.#lowHalf());
  }

  async #real(type: Access, offset: number, width: number, value: number): Promise<bigint> {
    const { variant, base } = this.#machine;
    const letter = '?bw?l???q'[width]!;
    const verb = variant === 'mmio' ? type : type === 'read' ? 'in' : 'out';
    const operand = type === 'write' ? ` ${value}` : '';
    const answer = await this.#qemu.ask(`${verb}${letter} ${base + offset}${operand}`);
    return type === 'read' ? BigInt(answer) : 0n;
  }

  #ours(type: Access, offset: number, width: number, value: number): bigint {
    const { variant, base } = this.#machine;
    if (variant === 'io') {
      if (type === 'read') return BigInt(this.device.readPort(base + offset, width as AccessWidth));
      this.device.writePort(base + offset, width as AccessWidth, value);
      return 0n;
    }
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    if (type === 'read') {
      this.device.mmio.readWide(offset, bytes.subarray(0, width));
      return view.getBigUint64(0, true);
    }
    view.setBigUint64(0, BigInt(value), true);
    this.device.mmio.writeWide(offset, bytes.subarray(0, width));
    return 0n;
  }

  async #both(type: Access, offset: number, width: number, value: number): Promise<bigint[]> {
    const seen = this.#ours(type, offset, width, value);
    return [seen, await this.#real(type, offset, width, value)];
  }

  /** @returns what can be seen of ours, and of the real one */
  async step(step: Step): Promise<readonly unknown[]> {
    const isIo = this.#machine.variant === 'io';
    switch (step.type) {
      case 'reset':
        this.device.reset();
        await this.#qemu.tell('system_reset', '"RESET"');
        return [0, 0];
      case 'select': {
        const swapped = ((step.key & 0xff) << 8) | (step.key >> 8);
        return await this.#both('write', isIo ? 0 : 8, 2, isIo ? step.key : swapped);
      }
      case 'dma': {
        const control = ((step.key << 16) | step.control) >>> 0;
        const bytes = descriptor(control, step.length, step.buffer);
        this.ram.poke(this.#machine.window, bytes);
        await this.#qemu.write(this.#machine.window, bytes);
        const dma = isIo ? 4 : 0x10;
        if (step.highHalf !== undefined) await this.#both('write', dma, 4, step.highHalf);
        await this.#both('write', dma + 4, 4, this.#lowHalf());
        const real = await this.#qemu.read(this.#machine.window, WINDOW_SIZE);
        return [toHex(this.ram.bytes), toHex(real)];
      }
      default:
        return await this.#both(step.type, step.offset, step.width, step.value);
    }
  }
}

function descriptor(control: number, length: number, buffer: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, control);
  view.setUint32(4, length);
  view.setBigUint64(8, BigInt(buffer));
  return bytes;
}

/** Steps of a guest that mixes sense and nonsense. */
function steps({ variant, window }: Machine, keys: readonly number[]): fc.Arbitrary<Step> {
  const key = fc.tuple(
    fc.constantFrom(...keys, 0, 1, 0x19, 0x3ff, 0x8fff),
    fc.constantFrom(0, 0, 0, 0x4000),
  );
  const anyKey = key.map(([plain, bit]) => plain | bit);
  const isIo = variant === 'io';
  // Unused ports around the device's own are compared as well.
  const offset = isIo ? fc.integer({ min: -3, max: 0x0e }) : fc.integer({ min: 0, max: 0x1b });
  const width = fc.constantFrom(...(isIo ? [1, 2, 4] : [1, 2, 4, 8]));
  // A stray DMA address must not hit the flash of virt: its 0x0b000000 is not memory. On q35 small
  // addresses are RAM that is zero.
  const value = isIo ? fc.constantFrom(0, 1, 0x19, 0x1900, 0x2000) : fc.constant(0x0b);
  const data = fc.record({
    type: fc.constant('read' as const),
    offset: fc.constant(isIo ? 1 : 0),
    width: fc.constantFrom(...(isIo ? [1] : [1, 2, 4, 8])),
    value: fc.constant(0),
  });
  const dma = fc.record({
    type: fc.constant('dma' as const),
    // A write from memory that isn't there zeroes QEMU's file; not compared.
    control: fc.integer({ min: 0, max: 0x1f }),
    key: anyKey,
    length: fc.oneof(fc.nat(20), fc.nat(0x700)),
    buffer: fc.integer({ min: window + 16, max: window + 0x800 }),
    highHalf: fc.constantFrom(undefined, undefined, 0, 0x0100_0000),
  });
  const badRead = fc.record({
    type: fc.constant('dma' as const),
    control: fc.constantFrom(0x02, 0x0a, 0x0e),
    key: anyKey,
    length: fc.nat(20),
    buffer: fc.constantFrom(2 ** 40, 2 ** 52),
    highHalf: fc.constant(undefined),
  });
  return fc.oneof(
    { weight: 8, arbitrary: data },
    { weight: 4, arbitrary: fc.record({ type: fc.constant('select' as const), key: anyKey }) },
    { weight: 4, arbitrary: dma },
    { weight: 1, arbitrary: badRead },
    {
      weight: 6,
      arbitrary: fc
        .record({ type: fc.constantFrom('read', 'write'), offset, width, value })
        .filter((step) => isIo || step.type === 'read' || step.offset % step.width === 0),
    },
    { weight: 1, arbitrary: fc.constant({ type: 'reset' as const }) },
  ) as fc.Arbitrary<Step>;
}

describe('FwCfgDevice beside QEMU', () => {
  it.each([
    ['q35', PC],
    ['virt', VIRT],
  ] as const)('FwCfgDevice and QEMU answer alike on %s in a random walk', async (_, machine) => {
    const pair = await Pair.start(machine);
    const seed = Number(process.env.SEED ?? Date.now() & 0x7fff_ffff);
    console.log(`fw_cfg walk on ${machine.machine}: SEED=${seed}`);
    const walk = fc.sample(steps(machine, pair.keys), { numRuns: STEPS, seed });
    for (const [index, step] of walk.entries()) {
      const [ours, real] = await pair.step(step);
      expect(ours, `SEED=${seed}, step ${index}: ${JSON.stringify(step)}`).toBe(real);
    }
  });
});
