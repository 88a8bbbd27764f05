import fc from 'fast-check';
import { type AccessWidth, TpmdevError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { Rig, SHORT_COMMAND, STARTUP } from '../test/rig.js';

/** One step of a random life; the guest's accesses, the back end's answers, the host's requests. */
type Step =
  | { readonly type: 'read'; readonly offset: number; readonly width: AccessWidth }
  | {
      readonly type: 'write';
      readonly offset: number;
      readonly width: AccessWidth;
      readonly value: number;
    }
  | { readonly type: 'command'; readonly locality: number; readonly hex: string }
  | {
      readonly type:
        | 'hold'
        | 'release'
        | 'fail'
        | 'reset'
        | 'fail-start'
        | 'snapshot'
        | 'settle'
        | 'pass';
    };

const width = fc.constantFrom<AccessWidth[]>(1, 2, 4);

/** Registers that do something, and any other now and then. */
const register = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0x00, 0x08, 0x0c, 0x10, 0x18, 0x24, 0x30, 0x80) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x3ff }).map((index) => index * 4) },
);

const offset = fc
  .tuple(fc.integer({ min: 0, max: 4 }), register, fc.integer({ min: 0, max: 3 }), width)
  .map(([locality, at, lane, bytes]) => ({
    offset: locality * 0x1000 + at + (lane & ~(bytes - 1)),
    width: bytes,
  }));

/** What a driver writes, a byte or a whole register at a time. */
const driverWrite = fc
  .tuple(
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom<(readonly [number, AccessWidth, number])[]>(
      [0x00, 1, 0x02],
      [0x00, 1, 0x02],
      [0x00, 1, 0x08],
      [0x00, 1, 0x08],
      [0x00, 1, 0x10],
      [0x00, 1, 0x20],
      [0x00, 1, 0x20],
      [0x00, 1, 0x22],
      [0x08, 4, 0x8000_0087],
      [0x08, 4, 0x8000_0001],
      [0x10, 4, 0x87],
      [0x10, 1, 0x01],
      [0x18, 1, 0x40],
      [0x18, 1, 0x40],
      [0x18, 1, 0x20],
      [0x18, 1, 0x02],
      [0x18, 4, 0x0100_0000],
      [0x18, 4, 0x0200_0000],
      [0x24, 4, 0x0000_0180],
      [0x24, 1, 0x00],
      [0x30, 4, 0x0008_0000],
    ),
  )
  .map(([locality, [at, bytes, written]]) => ({
    type: 'write' as const,
    offset: locality * 0x1000 + at,
    width: bytes,
    value: written,
  }));

/** Single bits of the interesting registers, and noise. */
const value = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 31 }).map((bit) => 2 ** bit) },
  { weight: 2, arbitrary: fc.constantFrom(0x22, 0x2a, 0x60, 0x8000_0087, 0xff, 0) },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: driverWrite },
  { weight: 6, arbitrary: offset.map((at) => ({ type: 'read' as const, ...at })) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(offset, value)
      .map(([at, written]) => ({ type: 'write' as const, ...at, value: written })),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('command' as const),
      locality: fc.integer({ min: 0, max: 4 }),
      hex: fc.constantFrom(STARTUP, SHORT_COMMAND, '00c10000000a00000053', '800100000002', '8001'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom('hold', 'release', 'fail', 'reset', 'fail-start', 'snapshot', 'settle', 'pass')
      .map((type) => ({ type }) as Step),
  },
);

const life = fc.array(step, { maxLength: 150, size: 'max' });

class Life {
  readonly rig: Rig;
  /** Everything that the host waits for; all of it has to end. */
  readonly waits: Promise<unknown>[] = [];

  constructor(rig: Rig) {
    this.rig = rig;
  }

  /** @returns what a read gave */
  async run(step: Step): Promise<number | undefined> {
    const { rig } = this;
    switch (step.type) {
      case 'read': {
        const seen = rig.device.mmio.read(step.offset, step.width);
        expect(seen).toBe(Math.trunc(seen));
        expect(seen).toBeGreaterThanOrEqual(0);
        expect(seen).toBeLessThan(2 ** (8 * step.width));
        return seen;
      }
      case 'write':
        rig.device.mmio.write(step.offset, step.width, step.value);
        break;
      case 'command':
        rig.request(step.locality);
        rig.send(step.locality, step.hex);
        break;
      case 'hold':
        rig.backend.hold();
        break;
      case 'release':
        rig.backend.release();
        break;
      case 'fail':
        rig.backend.fail();
        break;
      case 'reset':
        rig.backend.startError = undefined;
        this.waits.push(rig.device.reset());
        break;
      case 'fail-start':
        rig.backend.startError = new TpmdevError('ERR_SCRIPTED', 'No TPM');
        this.waits.push(rig.device.reset());
        break;
      case 'snapshot':
        this.waits.push(rig.device.snapshot());
        break;
      case 'settle':
        rig.backend.release();
        await rig.device.settled();
        break;
      case 'pass':
        await Promise.resolve();
        break;
    }
    return undefined;
  }

  /** What holds at any moment. */
  checkInvariants(): void {
    const { rig } = this;
    const accesses = [0, 1, 2, 3, 4].map((locality) => rig.access(locality));
    const isDead = accesses[0] === 0;
    if (isDead) {
      expect(accesses).toEqual([0, 0, 0, 0, 0]);
      return;
    }
    expect(accesses.filter((access) => (access & 0x20) !== 0).length).toBeLessThanOrEqual(1);
    for (const [locality, access] of accesses.entries()) {
      expect(access & 0xc8).toBe(0x80);
      expect(rig.read(locality, 0x00) >>> 8).toBe(0);
      expect(rig.read(locality, 0x10) & ~0x87).toBe(0);
      expect(rig.read(locality, 0x08) & ~0x8000_009f).toBe(0);
      const isActive = (access & 0x20) !== 0;
      const status = rig.status(locality);
      if (isActive) expect(status & 0x23).toBe(0);
      else expect(status).toBe(0xffff_ffff);
    }
  }

  /** Whether a command was lost, which leaves a locality in Execution until the next reset. */
  get hasLost(): boolean {
    return this.rig.errors.some((error) => error.code === 'ERR_TIS_REQUEST_LOST');
  }

  /**
   * Everything ends once the back end answers.
   *
   * @param inheritedLoss a command was lost before the state that this life began with
   */
  async finish(inheritedLoss = false): Promise<void> {
    this.rig.backend.release();
    await this.rig.device.settled();
    await Promise.all(this.waits);
    const snapshot = await this.rig.device.snapshot();
    expect(snapshot.offset).toBeLessThanOrEqual(snapshot.configuration.bufferSize);
    expect(snapshot.offset).toBeGreaterThanOrEqual(0);
    const busy = snapshot.localities.filter((locality) => locality.state === 'execution');
    if (!this.hasLost && !inheritedLoss) expect(busy).toEqual([]);
    expect(this.rig.errors.filter((error) => error.code !== 'ERR_TIS_REQUEST_LOST')).toEqual([]);
  }
}

/** Whether a step leaves the back end as it is: that one is no part of the snapshot. */
function isSnapshotSafe({ type }: Step): boolean {
  return type !== 'fail' && type !== 'fail-start';
}

/** Everything that a guest sees of a device without FIFO reads, then the FIFO. */
function observe(rig: Rig): number[] {
  const seen: number[] = [];
  for (let locality = 0; locality < 5; locality++) {
    for (const at of [0x00, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x30, 0x24, 0x18]) {
      seen.push(rig.read(locality, at));
    }
  }
  return seen;
}

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`model.test.ts: TPMDEV_SEED=${SEED}`);

describe('TisDevice', () => {
  it('TisDevice keeps its invariants and ends every wait in any life', async () => {
    await fc.assert(
      fc.asyncProperty(
        life,
        fc.constantFrom(16, 64, 4096),
        fc.constantFrom('1.2' as const, '2.0' as const),
        async (steps, bufferSize, tpmVersion) => {
          const lived = new Life(await Rig.started({ bufferSize, tpmVersion }));
          for (const each of steps) {
            await lived.run(each);
            lived.checkInvariants();
          }
          await lived.finish();
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('TisDevice lives on the same after snapshot and restore, whatever happened and happens', async () => {
    await fc.assert(
      fc.asyncProperty(
        life,
        life,
        fc.constantFrom('1.2' as const, '2.0' as const),
        async (before, after, tpmVersion) => {
          const source = new Life(await Rig.started({ tpmVersion }));
          for (const each of before.filter(isSnapshotSafe)) await source.run(each);
          await source.run({ type: 'settle' });
          await Promise.all(source.waits.splice(0));
          const snapshot = await source.rig.device.snapshot();
          const target = new Life(await Rig.started({ tpmVersion }));
          target.rig.backend.established = source.rig.backend.established;
          target.rig.device.restore(structuredClone(snapshot));
          expect(target.rig.line).toBe(source.rig.line);
          for (const { rig } of [source, target]) rig.backend.exchanges.length = 0;
          for (const each of after.filter(isSnapshotSafe)) {
            const wanted = await source.run(each);
            expect(await target.run(each), JSON.stringify(each)).toBe(wanted);
          }
          const inheritedLoss = source.hasLost;
          for (const lived of [source, target]) await lived.finish(inheritedLoss);
          expect(observe(target.rig)).toEqual(observe(source.rig));
          expect(target.rig.line).toBe(source.rig.line);
          const commands = (lived: Life): string[] =>
            lived.rig.backend.exchanges.map(({ locality, command }) => `${locality} ${command}`);
          expect(commands(target)).toEqual(commands(source));
        },
      ),
      { seed: SEED, numRuns: 200 },
    );
  });
});
