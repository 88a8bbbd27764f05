import { afterEach, expect, test } from 'vitest';
import { TIS_COMPARED } from './support/compared-device.js';
import { accessCount, runDifferential, SEED } from './support/differential-run.js';
import { Duel, type DuelChoice, minimize } from './support/duel.js';
import { Random } from './support/random.js';
import { Resources } from './support/resources.js';
import { TisTraffic } from './support/tis-traffic.js';

const ACCESSES = accessCount(40_000);

const TIS = { device: TIS_COMPARED } as const;
const PC = { ...TIS, base: 0xfed4_0000, controller: 'ioapic', pin: 5 } as const;
const VIRT = {
  ...TIS,
  base: 0x0c00_0000,
  controller: '/machine/unattached/device[1]',
  pin: 112,
} as const;

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
    const hasPpi = choice.family !== 'virt';
    const traffic = new TisTraffic(new Random(SEED), choice.base, choice.version, hasPpi);
    const duel = await runDifferential(resources, choice, traffic, ACCESSES);
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
