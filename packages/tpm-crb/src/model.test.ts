import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { type AccessWidth, readUint32, TpmdevError, type TraceEvent } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { FAILURE, message, Rig, STARTUP } from '../test/rig.js';
import type { CrbDeviceOptions } from './crb-device.js';
import { CRB_DATA_BUFFER_OFFSET, CRB_DATA_BUFFER_SIZE, CTRL_START } from './registers.js';

/** One step of a random life; the guest's accesses, the back end's answers, the host's requests. */
type Step =
  | { readonly type: 'read'; readonly offset: number; readonly width: AccessWidth }
  | {
      readonly type: 'write';
      readonly offset: number;
      readonly width: AccessWidth;
      readonly value: number;
    }
  | { readonly type: 'fill'; readonly hex: string }
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

/** A byte of memory that belongs to nobody who speaks to the guest. */
const SECRET = 0xee;

/** Longest command and response that the back end takes: more than two pieces. */
const BACKEND_SIZE = 9000;

/** @returns a message of which no byte is {@link SECRET} */
function openMessage(length: number, seed: number): string {
  return toHex(fromHex(message(length, seed)).map((byte) => (byte === SECRET ? 1 : byte)));
}

const width = fc.constantFrom<AccessWidth[]>(1, 2, 4);

/** What a driver writes. */
const driverWrite = fc
  .constantFrom<(readonly [number, AccessWidth, number])[]>(
    [0x08, 4, 1],
    [0x08, 1, 1],
    [0x08, 4, 2],
    [0x40, 4, 1],
    [0x40, 2, 2],
    [0x48, 4, 1],
    [0x4c, 4, CTRL_START.start],
    [0x4c, 1, CTRL_START.start],
    [0x4c, 4, CTRL_START.nextChunk],
    [0x4c, 4, CTRL_START.nextChunk],
    [0x4c, 4, CTRL_START.nextChunk],
    [0x4c, 2, CTRL_START.crbRspRetry],
    [0x80, 4, 0x0180],
    [0x84, 4, 0x0c00],
  )
  .map(([offset, bytes, value]) => ({ type: 'write' as const, offset, width: bytes, value }));

const offset = fc
  .tuple(
    fc.oneof(
      fc.integer({ min: 0, max: 0x7f }),
      fc.integer({ min: 0x80, max: 0xa0 }),
      fc.integer({ min: 0, max: 0xfff }),
    ),
    width,
  )
  .map(([at, bytes]) => ({ offset: at - (at % bytes), width: bytes }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: driverWrite },
  { weight: 6, arbitrary: offset.map((at) => ({ type: 'read' as const, ...at })) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        offset,
        fc.oneof(
          fc.integer({ min: 0, max: 31 }).map((bit) => 2 ** bit),
          fc.nat(0x7f),
        ),
      )
      .map(([at, value]) => ({ type: 'write' as const, ...at, value })),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom(
        STARTUP,
        openMessage(10, 3),
        openMessage(CRB_DATA_BUFFER_SIZE, 9),
        openMessage(BACKEND_SIZE, 4).slice(0, 2 * CRB_DATA_BUFFER_SIZE),
        openMessage(5000, 5).slice(0, 2 * CRB_DATA_BUFFER_SIZE),
        '800100000009',
        '80017fffffff',
      )
      .map((hex) => ({ type: 'fill' as const, hex })),
  },
  {
    weight: 8,
    arbitrary: fc
      .constantFrom('hold', 'release', 'fail', 'reset', 'fail-start', 'snapshot', 'settle', 'pass')
      .map((type) => ({ type }) as Step),
  },
);

const life = fc.array(step, { maxLength: 120, size: 'max' });

/** What the data buffer has to contain, told by what the guest wrote and what the TPM answered. */
class ExpectedBuffer {
  readonly bytes: Uint8Array = new Uint8Array(CRB_DATA_BUFFER_SIZE);
  readonly #isChunking: boolean;
  #locAssigned = false;
  #executing = false;
  #response: Uint8Array = new Uint8Array(0);
  #shown = 0;
  #command = 0;

  constructor(isChunking: boolean) {
    this.#isChunking = isChunking;
  }

  clearPieces(): void {
    this.#response = new Uint8Array(0);
    this.#shown = 0;
    this.#command = 0;
  }

  #show(at: number): void {
    const piece = this.#response.slice(at, at + CRB_DATA_BUFFER_SIZE);
    this.bytes.fill(0);
    this.bytes.set(piece);
    this.#shown = at + piece.length;
  }

  take(event: TraceEvent): void {
    if (event.type === 'locality') this.#locAssigned = event.to === 0;
    if (event.type === 'state') this.#executing = event.to === 'execution';
    if (event.type === 'response') this.#answer(event.bytes);
    if (event.type !== 'register-write') return;
    if (event.offset === 0x4c && this.#locAssigned && !this.#executing && this.#isChunking) {
      this.#control(event.value % 2 ** (8 * event.width));
    }
    for (let lane = 0; lane < event.width; lane++) {
      const at = event.offset + lane - CRB_DATA_BUFFER_OFFSET;
      if (at >= 0) this.bytes[at] = event.value >>> (8 * lane);
    }
  }

  #answer(response: Uint8Array): void {
    if (!this.#isChunking) {
      this.bytes.set(response);
      return;
    }
    this.clearPieces();
    if (toHex(response) !== FAILURE) this.#response = response.slice();
    this.#show(0);
    if (!this.#executing) this.clearPieces();
  }

  #control(bits: number): void {
    const isAppending = (bits & 1) !== 0 || this.#shown >= this.#response.length;
    if ((bits & 5) !== 0 && isAppending) {
      if (this.#command === 0 && readUint32(this.bytes, 2) < 10) this.clearPieces();
      else this.#command += CRB_DATA_BUFFER_SIZE;
    } else if ((bits & 4) !== 0) this.#show(this.#shown);
    else if ((bits & 2) !== 0 && this.#response.length > 0) this.#show(0);
  }
}

class Life {
  readonly rig: Rig;
  readonly expected: ExpectedBuffer;
  /** Everything that the host waits for; all of it has to end. */
  readonly waits: Promise<unknown>[] = [];
  #answers = 0;

  private constructor(rig: Rig, expected: ExpectedBuffer) {
    this.rig = rig;
    this.expected = expected;
    const { backend } = rig;
    const execute = backend.execute.bind(backend);
    // Answers lie in the middle of the back end's memory, and are gone when they were taken.
    backend.execute = async (request) => {
      const length = [10, 300, 3968, 3969, BACKEND_SIZE][this.#answers % 5]!;
      backend.respond(openMessage(Math.min(length, request.responseCapacity), this.#answers++));
      const result = await execute(request);
      const memory = new Uint8Array(result.response.length + 8192).fill(SECRET);
      memory.set(result.response, 4096);
      const response = memory.subarray(4096, 4096 + result.response.length);
      void Promise.resolve()
        .then(() => undefined)
        .then(() => undefined)
        .then(() => undefined)
        .then(() => memory.fill(SECRET));
      return { ...result, response };
    };
  }

  static async begin(options: Partial<CrbDeviceOptions>): Promise<Life> {
    const expected = new ExpectedBuffer(options.chunking === true);
    const rig = await Rig.started(
      { bufferSize: BACKEND_SIZE },
      { ...options, trace: (event) => expected.take(event) },
    );
    return new Life(rig, expected);
  }

  /** Goes on with the answers where another life is. */
  skipAnswers(other: Life): void {
    this.#answers = other.#answers;
  }

  #reset(): void {
    this.expected.clearPieces();
    this.waits.push(this.rig.device.reset());
  }

  /** @returns what a read gave */
  async run(step: Step): Promise<number | undefined> {
    const { rig } = this;
    switch (step.type) {
      case 'read': {
        const seen = rig.read(step.offset, step.width);
        expect(Number.isInteger(seen) && seen >= 0 && seen < 2 ** (8 * step.width)).toBe(true);
        return seen;
      }
      case 'write':
        rig.write(step.offset, step.value, step.width);
        break;
      case 'fill':
        rig.fill(step.hex);
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
        this.#reset();
        break;
      case 'fail-start':
        rig.backend.startError = new TpmdevError('ERR_SCRIPTED', 'No TPM');
        this.#reset();
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
    expect(isSame(rig.device.dataBuffer, this.expected.bytes)).toBe(true);
    expect(rig.device.dataBuffer.includes(SECRET)).toBe(false);
    const state = rig.read(0x00);
    if (state === 0) {
      expect([0x0c, 0x30, 0x44, 0x4c, 0x58].map((at) => rig.read(at))).toEqual([0, 0, 0, 0, 0]);
      return;
    }
    expect(state & ~2).toBe(0x81);
    expect(rig.read(0x0c)).toBe((state >>> 1) & 1);
    expect(rig.status & ~3).toBe(0);
    expect(rig.running & ~1).toBe(0);
  }

  /** Everything ends once the back end answers. */
  async finish(): Promise<void> {
    this.rig.backend.release();
    await this.rig.device.settled();
    await Promise.all(this.waits);
    expect(this.rig.running).toBe(0);
    expect(this.rig.errors).toEqual([]);
    const { command, response, configuration } = await this.rig.device.snapshot();
    expect(command.length).toBeLessThanOrEqual(configuration.bufferSize);
    expect(response.length).toBeLessThanOrEqual(configuration.bufferSize);
  }
}

/** Whether a step leaves the back end as it is: that one is no part of the snapshot. */
/** What a matcher would do, but this runs after every step. */
function isSame(actual: Uint8Array, expected: Uint8Array): boolean {
  return (
    actual.length === expected.length && actual.every((byte, index) => byte === expected[index])
  );
}

function isSnapshotSafe({ type }: Step): boolean {
  return type !== 'fail' && type !== 'fail-start';
}

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`model.test.ts: TPMDEV_SEED=${SEED}`);

describe('CrbDevice', () => {
  it.each([false, true])(
    'CrbDevice shows only what the guest wrote and the TPM answered, and ends every wait (chunking %s)',
    async (chunking) => {
      await fc.assert(
        fc.asyncProperty(life, async (steps) => {
          const lived = await Life.begin({ chunking });
          for (const each of steps) {
            await lived.run(each);
            lived.checkInvariants();
          }
          await lived.finish();
          lived.checkInvariants();
        }),
        { seed: SEED, numRuns: 200 },
      );
    },
  );

  it.each([false, true])(
    'CrbDevice lives on the same after snapshot and restore, whatever happened and happens (chunking %s)',
    async (chunking) => {
      await fc.assert(
        fc.asyncProperty(life, life, async (before, after) => {
          const source = await Life.begin({ chunking });
          for (const each of before.filter(isSnapshotSafe)) await source.run(each);
          await source.run({ type: 'settle' });
          await Promise.all(source.waits.splice(0));
          const snapshot = await source.rig.device.snapshot();
          const target = await Life.begin({ chunking });
          target.rig.device.restore(structuredClone(snapshot));
          target.skipAnswers(source);
          for (const { rig } of [source, target]) rig.backend.exchanges.length = 0;
          for (const each of after.filter(isSnapshotSafe)) {
            const wanted = await source.run(each);
            expect(await target.run(each), JSON.stringify(each)).toBe(wanted);
          }
          for (const lived of [source, target]) await lived.finish();
          expect(await target.rig.device.snapshot()).toEqual(await source.rig.device.snapshot());
          expect(target.rig.backend.exchanges).toEqual(source.rig.backend.exchanges);
        }),
        { seed: SEED, numRuns: 100 },
      );
    },
  );
});
