import { afterEach, expect, test } from 'vitest';
import { CRB_COMPARED, TIS_COMPARED } from './support/compared-device.js';
import { CrbTraffic } from './support/crb-traffic.js';
import { accessCount, SEED } from './support/differential-run.js';
import { type DuelChoice, minimize, type Replay } from './support/duel.js';
import { HeldDuel, RELEASE } from './support/held-duel.js';
import { Random } from './support/random.js';
import { Resources } from './support/resources.js';
import { TisTraffic } from './support/tis-traffic.js';
import type { Traffic, TrafficStep } from './support/traffic.js';

const ACCESSES = accessCount(20_000) / 4;

const DEVICES = [
  { model: 'tpm-tis', device: TIS_COMPARED },
  { model: 'tpm-crb', device: CRB_COMPARED },
] as const;
const RUNS: readonly DuelChoice[] = DEVICES.flatMap((device) =>
  (['2.0', '1.2'] as const).map((version) => ({
    family: 'q35',
    version,
    ...device,
    base: 0xfed4_0000,
    controller: 'ioapic',
    pin: 5,
  })),
);

function trafficOf({ model, base, version }: DuelChoice, random: Random): Traffic {
  return model === 'tpm-crb'
    ? new CrbTraffic(random, base, version)
    : new TisTraffic(random, base, version, true);
}

/** Steps after which both sides start afresh, so that a difference has a short history. */
const LONGEST_SESSION = 2000;

/** Accesses between a command and its answer, at most. */
const LONGEST_WAIT = 30;

const resources = new Resources();
afterEach(() => resources.release());

/** Lets the TPM answer some steps after each command. */
function withAnswers(steps: readonly TrafficStep[], random: Random): TrafficStep[] {
  const result: TrafficStep[] = [];
  let left = -1;
  for (const step of steps) {
    result.push(step);
    if (step.mayStart && left < 0) left = random.below(LONGEST_WAIT);
    else if (left-- === 0) result.push(RELEASE);
  }
  result.push(RELEASE);
  return result;
}

test.each(RUNS)(
  'HeadlessMachine answers random accesses during a command like QEMU: $model, TPM $version',
  { timeout: 600_000 },
  async (choice) => {
    console.log(`TPMDEV_SEED=${SEED}`);
    const random = new Random(SEED);
    const traffic = trafficOf(choice, random);
    let session = await HeldDuel.start(resources, choice);
    let played: TrafficStep[] = [];
    let steps = 0;
    let commands = 0;
    const replay = (script: readonly TrafficStep[]) => HeldDuel.replay(choice, script);
    const confirm = async (failing: readonly TrafficStep[]) => {
      console.log(`A difference after ${failing.length} steps`);
      if ((await replay(failing)) !== undefined) await fail(failing, replay);
      console.log('QEMU was slow: with more patience there is no difference');
    };
    while (steps < ACCESSES) {
      const episode = withAnswers([...traffic.execution(), ...traffic.episode()], random);
      const start = played.length;
      played.push(...episode);
      steps += episode.length;
      const before = session.commands;
      const difference = await session.play(episode);
      commands += session.commands - before;
      if (difference === undefined && played.length < LONGEST_SESSION) continue;
      if (difference !== undefined) await confirm(played.slice(0, start + difference.index + 1));
      await resources.release();
      session = await HeldDuel.start(resources, choice);
      played = [];
    }
    console.log(`${steps} steps, ${commands} TPM commands`);
    expect(commands).toBeGreaterThan(ACCESSES / 400);
  },
);

/** Fails with the shortest script that shows a difference. */
async function fail(failing: readonly TrafficStep[], replay: Replay): Promise<never> {
  const script = await minimize(replay, failing);
  const last = await replay(script);
  expect.fail(
    [
      `seed ${SEED}, after ${failing.length} steps`,
      ...script.map(({ line }) => (line === '' ? '(machine reset)' : line)),
      `QEMU: ${last?.qemu}`,
      `ours: ${last?.ours}`,
    ].join('\n'),
  );
}
