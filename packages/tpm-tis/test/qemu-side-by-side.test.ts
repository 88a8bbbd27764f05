import { fromHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import type { AccessWidth, TpmVersion } from 'tpm-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TIS_BASE_ADDRESS } from '../src/registers.js';
import { Qemu, type QemuMachine } from './qemu.js';
import { Rig } from './rig.js';

const PC: QemuMachine = {
  program: 'qemu-system-x86_64',
  machine: 'q35',
  device: 'tpm-tis',
  interrupt: { controller: 'ioapic', input: 5 },
};

const VIRT: QemuMachine = {
  program: 'qemu-system-aarch64',
  machine: 'virt',
  device: 'tpm-tis-device',
};

const VIRT_ADDRESS = 0x0c00_0000;

/** Number of random steps of one walk. */
const STEPS = 1500;

/** Stands for the locality that owns the TPM at the time, or 0. */
const OWNER = -1;

type Step =
  | { readonly type: 'reset' }
  | {
      readonly type: 'read';
      readonly locality: number;
      readonly register: number;
      readonly width: AccessWidth;
    }
  | {
      readonly type: 'write';
      readonly locality: number;
      readonly register: number;
      readonly width: AccessWidth;
      readonly value: number;
    }
  | { readonly type: 'command'; readonly locality: number; readonly hex: string };

const COMMANDS: Record<TpmVersion, readonly string[]> = {
  '1.2': [
    '00c10000000c000000990001',
    '00c10000000a00000053',
    '00c1000000160000006500000005000000040000010f',
    '00c10000000a0000ffff',
    '00c10000000e0000001500000000',
  ],
  '2.0': [
    '80010000000c000001440000',
    '80010000000b0000014301',
    '8001000000160000017a000000060000010000000001',
    '80010000000a00000053',
    '80010001000c000001440000',
    '80010000000a0000ffff',
  ],
};

/** The writes that a driver does; most of them to a state where they matter. */
const WRITES: (readonly [number, AccessWidth, number])[] = [
  [0x00, 1, 0x02],
  [0x00, 1, 0x02],
  [0x00, 1, 0x08],
  [0x00, 1, 0x10],
  [0x00, 1, 0x20],
  [0x00, 1, 0x22],
  [0x00, 4, 0xffff_ffff],
  [0x08, 4, 0x8000_0087],
  [0x08, 4, 0x8000_0087],
  [0x08, 4, 0x8000_0001],
  [0x0b, 1, 0x00],
  [0x10, 4, 0x87],
  [0x10, 4, 0x87],
  [0x10, 1, 0x01],
  [0x10, 2, 0x82],
  [0x18, 1, 0x40],
  [0x18, 4, 0x40],
  [0x18, 4, 0x02],
  [0x18, 4, 0x60],
  [0x24, 4, 0x0000_0180],
  [0x24, 4, 0x0000_0200],
  [0x24, 1, 0x00],
  [0x26, 2, 0xa5a5],
  [0xbc, 4, 0x1234_5678],
  [0x32, 1, 0x08],
];

/** Registers that are read at random, on top of what is compared after each step. */
const READS = [0x08, 0x10, 0x18, 0x18, 0x19, 0x1a, 0x1b, 0x24, 0x24, 0x24, 0x26, 0x80, 0x30, 0xbf];

const locality = fc.oneof(
  { weight: 2, arbitrary: fc.constant(OWNER) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 4 }) },
);
const width = fc.constantFrom<AccessWidth[]>(1, 2, 4);

function steps(tpmVersion: TpmVersion): fc.Arbitrary<Step> {
  const driverWrite = fc
    .tuple(locality, fc.constantFrom(...WRITES))
    .map(([page, [register, bytes, value]]) => ({
      type: 'write' as const,
      locality: page,
      register,
      width: bytes,
      value,
    }));
  // Not TPM_STS: a command of random bytes may have a length that swtpm never answers to.
  const noise = fc
    .tuple(locality, fc.integer({ min: 0, max: 0x3ff }), width, fc.nat(0xffff_ffff))
    .filter(([, index]) => index !== 6)
    .map(([page, index, bytes, value]) => ({
      type: 'write' as const,
      locality: page,
      register: index * 4,
      width: bytes,
      value: Number(BigInt(value) & ((1n << BigInt(8 * bytes)) - 1n)),
    }));
  const read = fc
    .tuple(locality, fc.constantFrom(...READS), width)
    .map(([page, register, bytes]) => ({
      type: 'read' as const,
      locality: page,
      register: register & ~(bytes - 1),
      width: bytes,
    }));
  const command = fc.record({
    type: fc.constant('command' as const),
    locality,
    hex: fc.constantFrom(...COMMANDS[tpmVersion]),
  });
  return fc.oneof(
    { weight: 40, arbitrary: driverWrite },
    { weight: 4, arbitrary: noise },
    { weight: 20, arbitrary: read },
    { weight: 12, arbitrary: command },
    { weight: 1, arbitrary: fc.constant<Step>({ type: 'reset' }) },
  );
}

/** Sends the same accesses to a QEMU and to a device and compares what comes back. */
class SideBySide {
  readonly #qemu: Qemu;
  readonly #rig: Rig;
  readonly #base: number;
  readonly #hasInterrupt: boolean;
  /** Commands that both executed. */
  executed = 0;

  constructor(qemu: Qemu, rig: Rig, base: number, hasInterrupt: boolean) {
    this.#qemu = qemu;
    this.#rig = rig;
    this.#base = base;
    this.#hasInterrupt = hasInterrupt;
  }

  /** Address of a locality's page in the register block. */
  #page(number: number): number {
    const owner = [0, 1, 2, 3, 4].findIndex((each) => (this.#rig.access(each) & 0x20) !== 0);
    return 0x1000 * (number === OWNER ? Math.max(owner, 0) : number);
  }

  async step(step: Step): Promise<void> {
    switch (step.type) {
      case 'reset':
        await this.#qemu.reset();
        await this.#rig.device.reset();
        break;
      case 'read':
        await this.#read(this.#page(step.locality) + step.register, step.width);
        break;
      case 'write':
        await this.#write(this.#page(step.locality) + step.register, step.width, step.value);
        break;
      case 'command': {
        const page = this.#page(step.locality);
        await this.#write(page, 1, 0x02);
        await this.#write(page + 0x18, 4, 0x40);
        await this.#write(page + 0x18, 4, 0x40);
        for (const byte of fromHex(step.hex)) await this.#write(page + 0x24, 1, byte);
        await this.#write(page + 0x18, 4, 0x20);
        break;
      }
    }
    await this.#compare();
  }

  async #read(at: number, bytes: AccessWidth): Promise<number> {
    const wanted = await this.#qemu.read(this.#base + at, bytes);
    const seen = this.#rig.device.mmio.read(at, bytes);
    expect(seen.toString(16), `read of ${bytes} at 0x${at.toString(16)}`).toBe(wanted.toString(16));
    return seen;
  }

  async #write(at: number, bytes: AccessWidth, value: number): Promise<void> {
    const { backend, device } = this.#rig;
    const before = backend.exchanges.length;
    backend.hold();
    device.mmio.write(at, bytes, value);
    await this.#qemu.write(this.#base + at, bytes, value);
    if (backend.exchanges.length === before) return;
    await this.#answerLikeQemu(at & 0x7000);
  }

  /** Reads the answer that QEMU's TPM gave, gives it here too, and rewinds it on both sides. */
  async #answerLikeQemu(page: number): Promise<void> {
    const { device } = this.#rig;
    for (
      let polls = 0;
      ((await this.#qemu.read(this.#base + page + 0x18, 4)) & 0x10) === 0;
      polls++
    ) {
      if (polls === 20_000) {
        const command = this.#rig.backend.exchanges.at(-1)?.command;
        throw new Error(`swtpm does not answer to ${command}`);
      }
    }
    const bytes: number[] = [];
    let length = 10;
    while (bytes.length < length) {
      bytes.push(await this.#qemu.read(this.#base + page + 0x24, 1));
      if (bytes.length === 6) length = bytes.slice(2).reduce((size, byte) => size * 256 + byte, 0);
    }
    this.#rig.answer(Uint8Array.from(bytes));
    await device.settled();
    for (const byte of bytes) expect(device.mmio.read(page + 0x24, 1)).toBe(byte);
    await this.#write(page + 0x18, 4, 0x02);
    this.executed++;
  }

  async #compare(): Promise<void> {
    for (let page = 0; page < 0x5000; page += 0x1000) {
      await this.#read(page, 1);
      await this.#read(page + 0x10, 4);
      await this.#read(page + 0x18, 4);
    }
    if (this.#hasInterrupt) expect(this.#rig.line, 'interrupt line').toBe(this.#qemu.line);
  }
}

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`qemu-side-by-side.test.ts: TPMDEV_SEED=${SEED}`);

describe('TisDevice', () => {
  it.each([
    ['tpm-tis', '2.0', PC, TIS_BASE_ADDRESS],
    ['tpm-tis', '1.2', PC, TIS_BASE_ADDRESS],
    ['tpm-tis-device', '2.0', VIRT, VIRT_ADDRESS],
  ] as const)(
    'TisDevice answers random accesses like %s of a running QEMU with a TPM %s',
    async (_, tpmVersion, machine, base) => {
      const qemu = new Qemu();
      onTestFinished(() => qemu.stop());
      await qemu.start(machine, tpmVersion);
      const variant = machine === PC ? 'isa' : 'sysbus';
      const rig = await Rig.started({ tpmVersion }, { variant });
      const both = new SideBySide(qemu, rig, base, machine.interrupt !== undefined);
      const walk = fc.sample(steps(tpmVersion), { seed: SEED, numRuns: STEPS });
      for (const [index, step] of walk.entries()) {
        try {
          await both.step(step);
        } catch (cause) {
          const last = walk.slice(Math.max(0, index - 15), index + 1);
          const story = last.map((each) => JSON.stringify(each)).join('\n');
          throw new Error(`Step ${index} of seed ${SEED} differs from QEMU after\n${story}`, {
            cause,
          });
        }
      }
      expect(both.executed).toBeGreaterThan(20);
      if (machine.interrupt !== undefined) {
        expect(rig.levels.filter((asserted) => !asserted).length).toBeGreaterThan(0);
      }
    },
  );
});
