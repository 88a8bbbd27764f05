import { afterEach, expect, test } from 'vitest';
import { Duel, type DuelChoice, minimize } from './support/duel.js';
import { Random } from './support/random.js';
import { Resources } from './support/resources.js';
import { TisTraffic, type TrafficStep } from './support/tis-traffic.js';

/** Accesses per run, and the seed of a run to repeat: environment variables for people. */
const ACCESSES = Number(process.env.TPMDEV_ACCESSES ?? 40_000);
const SEED = Number(process.env.TPMDEV_SEED ?? Math.floor(Math.random() * 2 ** 32));

const PC = { base: 0xfed4_0000, controller: 'ioapic', pin: 5 } as const;
const VIRT = { base: 0x0c00_0000, controller: '/machine/unattached/device[1]', pin: 112 } as const;

const RUNS: readonly DuelChoice[] = [
  { family: 'q35', version: '2.0', ...PC },
  { family: 'q35', version: '1.2', ...PC },
  { family: 'pc', version: '2.0', ...PC, pin: 10, properties: { irq: '10', ppi: 'off' } },
  { family: 'virt', version: '2.0', ...VIRT },
];

const resources = new Resources();
afterEach(() => resources.release());

test.each(RUNS)(
  'HeadlessMachine answers random accesses like QEMU: $family, TPM $version',
  { timeout: 600_000 },
  async (choice) => {
    console.log(`TPMDEV_SEED=${SEED} TPMDEV_ACCESSES=${ACCESSES}`);
    const hasPpi = choice.family !== 'virt';
    const traffic = new TisTraffic(new Random(SEED), choice.base, choice.version, hasPpi);
    const duel = await Duel.start(resources, choice);
    const played: TrafficStep[] = [];
    while (played.length < ACCESSES) {
      const start = played.length;
      const episode = traffic.episode();
      played.push(...episode);
      const difference = await duel.play(episode);
      if (difference === undefined) continue;
      const failing = played.slice(0, start + difference.index + 1);
      console.log(`After ${failing.length} steps:`, difference);
      const script = await minimize((steps) => Duel.replay(choice, steps), failing);
      const last = await Duel.replay(choice, script);
      expect.fail(
        [
          `seed ${SEED}, access ${failing.length}: QEMU gives ${difference.qemu}, we ${difference.ours}`,
          ...script.map(({ line }) => (line === '' ? '(machine reset)' : line)),
          `QEMU: ${last?.qemu}`,
          `ours: ${last?.ours}`,
        ].join('\n'),
      );
    }
    console.log(`${played.length} accesses, ${duel.commands} TPM commands, ${duel.interrupts} IRQ`);
    // A run in which the guest got nowhere would prove nothing.
    expect(duel.commands).toBeGreaterThan(ACCESSES / 500);
    expect(duel.interrupts).toBeGreaterThan(ACCESSES / 500);
  },
);

test('minimize() reduces a session with a planted difference to the access that shows it', async () => {
  const choice: DuelChoice = { family: 'q35', version: '2.0', ...PC, planted: { irq: '9' } };
  const traffic = new TisTraffic(new Random(SEED), choice.base, choice.version, true);
  const steps = Array.from({ length: 40 }, () => traffic.episode()).flat();
  // The vector register is the only place where the number shows without interrupts.
  steps.push({ line: 'readl 0xfed4000c', mayStart: false });
  const difference = await Duel.replay(choice, steps);
  expect(difference).toBeDefined();
  const script = await minimize(
    (candidate) => Duel.replay(choice, candidate),
    steps.slice(0, difference!.index + 1),
  );
  expect((await Duel.replay(choice, script))?.index).toBe(script.length - 1);
  expect(script.length).toBeLessThanOrEqual(4);
});
