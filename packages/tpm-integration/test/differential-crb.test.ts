import { afterEach, expect, test } from 'vitest';
import { CRB_COMPARED } from './support/compared-device.js';
import { CrbTraffic } from './support/crb-traffic.js';
import { accessCount, runDifferential, SEED } from './support/differential-run.js';
import { Duel, type DuelChoice } from './support/duel.js';
import { Random } from './support/random.js';
import { Resources } from './support/resources.js';

const ACCESSES = accessCount(20_000);

const PC = {
  model: 'tpm-crb',
  device: CRB_COMPARED,
  base: 0xfed4_0000,
  controller: 'ioapic',
  pin: 5,
} as const;

const RUNS: readonly DuelChoice[] = [
  { family: 'q35', version: '2.0', ...PC },
  { family: 'q35', version: '1.2', ...PC },
  { family: 'pc', version: '2.0', ...PC },
];

const resources = new Resources();
afterEach(() => resources.release());

test.each(RUNS)(
  'HeadlessMachine with tpm-crb answers random accesses like QEMU: $family, TPM $version',
  { timeout: 600_000 },
  async (choice) => {
    const traffic = new CrbTraffic(new Random(SEED), choice.base, choice.version);
    const duel = await runDifferential(resources, choice, traffic, ACCESSES);
    // A run in which the guest got nowhere would prove nothing.
    expect(duel.commands).toBeGreaterThan(ACCESSES / 200);
    const { isShorterThanHeader, isOfOtherCode } = duel.leftOut;
    expect(isShorterThanHeader + isOfOtherCode).toBeLessThan(duel.commands);
    expect(duel.interrupts).toBe(0);
  },
);

test('Duel finds a planted difference of a tpm-crb: chunking shows in the interface id', async () => {
  const planted = { 'cap-chunk': 'on' };
  const choice: DuelChoice = { family: 'q35', version: '2.0', ...PC, planted };
  const difference = await Duel.replay(choice, [{ line: 'readl 0xfed40030', mayStart: false }]);
  expect(difference).toMatchObject({
    qemu: 'OK 0x0000000000025811',
    ours: 'OK 0x0000000000025c11',
  });
});
