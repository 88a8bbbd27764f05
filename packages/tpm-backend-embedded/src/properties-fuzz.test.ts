import { describe, expect, it } from 'vitest';
import { fuzz } from '../test/fuzz/fuzz-run.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
/** The long run, `pnpm run fuzz`, sends a million. */
const COMMANDS = 3000;
console.info(`properties-fuzz.test.ts: TPMDEV_SEED=${SEED}`);

describe('Tpm.process()', () => {
  it('Tpm.process() survives malformed and mutated commands, in a bounded number of steps', async () => {
    const { commands, accepted, codes, restored, sessionUses } = await fuzz(SEED, COMMANDS);
    expect(commands).toBeGreaterThanOrEqual(COMMANDS);
    expect(accepted).toBeGreaterThan(commands / 20);
    expect(codes.size).toBeGreaterThan(20);
    expect(sessionUses).toBeGreaterThan(5);
    expect(restored).toBeGreaterThan(10);
  }, 60_000);
});
