import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { fuzz } from './fuzz-run.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
const COMMANDS = Number(process.env.TPMDEV_COMMANDS ?? 1_000_000);
/** Commands between two lines about the progress. */
const REPORT_INTERVAL = 50_000;
console.info(`TPMDEV_SEED=${SEED} TPMDEV_COMMANDS=${COMMANDS}`);

it('Tpm.process() survives malformed and mutated commands', { timeout: 0 }, async () => {
  const start = performance.now();
  let reported = 0;
  const report = ({
    commands,
    accepted,
    restored,
    sessionUses,
    mostSteps,
    codes,
  }: Awaited<ReturnType<typeof fuzz>>) => {
    const rate = Math.round((1000 * commands) / (performance.now() - start));
    console.info(
      `${commands} commands, ${accepted} accepted, ${codes.size} different codes, ` +
        `${sessionUses} uses of sessions, ${restored} times restored, at most ${mostSteps} steps; ${rate} commands a second`,
    );
  };
  const result = await fuzz(SEED, COMMANDS, (now) => {
    if (now.commands - reported < REPORT_INTERVAL) return;
    reported = now.commands;
    report(now);
  });
  report(result);
  expect(result.commands).toBeGreaterThanOrEqual(COMMANDS);
});
