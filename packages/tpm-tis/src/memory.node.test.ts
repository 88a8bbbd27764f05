import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import type { AccessWidth, TpmResult } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { TisDevice } from './tis-device.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** A back end that never answers and keeps no record of what it was asked. */
class SilentBackend extends ScriptedBackend {
  override execute(): Promise<TpmResult> {
    return new Promise(() => {});
  }
  override cancel(): void {}
  override resetEstablished(): Promise<void> {
    return new Promise(() => {});
  }
}

const width = fc.constantFrom<AccessWidth>(1, 2, 4);
const locality = fc.integer({ min: 0, max: 4 }).map((number) => number * 0x1000);
/** Any access, and those that make a driver's sequence: request, ready, data, go, abort, cancel. */
const access = fc.oneof(
  fc
    .tuple(fc.boolean(), width, fc.nat(0x4fff), fc.nat(0xffff_ffff))
    .map(([isRead, bytes, at, value]) => ({ isRead, bytes, at: at - (at % bytes), value })),
  fc
    .tuple(
      locality,
      fc.constantFrom(
        [0x00, 0x02],
        [0x00, 0x08],
        [0x00, 0x20],
        [0x18, 0x40],
        [0x24, 0x0180],
        [0x24, 0],
        [0x18, 0x20],
        [0x18, 0x0100_0000],
        [0x18, 0x0200_0000],
      ),
    )
    .map(([page, [offset = 0, value = 0]]) => ({
      isRead: false,
      bytes: 4 as AccessWidth,
      at: page + offset,
      value,
    })),
);

const ROUNDS = 1000;
/** Bytes: below what a few objects a round would keep, above what the engine keeps for itself. */
const TOLERANCE = 128 * ROUNDS;

/** @returns bytes on the heap that something refers to */
function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('TisDevice', () => {
  it('TisDevice keeps nothing of any access sequence that a silent back end never ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(access, { minLength: 1, maxLength: 40 }), async (accesses) => {
        const device = new TisDevice({ backend: new SilentBackend() });
        await device.reset();
        const live = async (): Promise<void> => {
          for (let round = 0; round < ROUNDS; round++) {
            for (const { isRead, bytes, at, value } of accesses) {
              if (isRead) device.mmio.read(at, bytes);
              else device.mmio.write(at, bytes, value);
            }
            if (round % 50 === 0) void device.reset();
            await null;
          }
        };
        await live();
        // What is kept grows each time; what the engine does for itself doesn't.
        const growths: number[] = [];
        for (let used = heapUsed(); growths.length < 3; ) {
          await live();
          const now = heapUsed();
          growths.push(now - used);
          used = now;
        }
        expect(Math.min(...growths)).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 20 },
    );
  });
});
