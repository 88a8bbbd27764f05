import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { accessCount, SEED } from './support/differential-run.js';
import { compareAnswers, type Difference, minimize } from './support/duel.js';
import { type FwCfgPair, startFwCfgPair, WRITABLE } from './support/fw-cfg-pair.js';
import { FwCfgTraffic } from './support/fw-cfg-traffic.js';
import type { Driven, MachineChoice } from './support/peers.js';
import { Random } from './support/random.js';
import { Resources } from './support/resources.js';
import type { TrafficStep } from './support/traffic.js';

const resources = new Resources();
afterEach(() => resources.release());

interface Transcript {
  readonly items: readonly { readonly name: string; readonly size: number }[];
  readonly ops: readonly (readonly string[])[];
}

function readTranscript(file: string): Transcript {
  const url = new URL(`../../tpm-fwcfg-ppi/fixtures/${file}`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(url)).toString());
}

/** @returns the qtest command of a recorded operation */
function qtestLine([operation, address, value = '']: readonly string[]): string {
  if (operation === 'memread') return `read ${address} ${(value.length - 1) / 2}`;
  if (operation === 'memwrite') return `write ${address} ${value.length / 2} 0x${value}`;
  const isRead = value.startsWith('=');
  return isRead ? `${operation} ${address}` : `${operation} ${address} ${value}`;
}

/** @returns what was answered, as the recording writes it */
function recordedAnswer([operation]: readonly string[], answer: string): string {
  const value = answer.slice('OK 0x'.length);
  return operation === 'memread' ? `=${value}` : `=0x${BigInt(`0x${value}`).toString(16)}`;
}

async function play({ client }: Driven, { ops }: Transcript): Promise<void> {
  let section = '';
  for (const operation of ops) {
    if (operation[0] === '#') section = operation[1]!;
    else {
      const { answer } = await client.command(qtestLine(operation));
      const value = operation[2]!;
      if (!value.startsWith('=')) expect(answer, section).toBe('OK');
      else expect(recordedAnswer(operation, answer), section).toBe(value);
    }
  }
}

describe('the recorded accesses to fw_cfg are answered as recorded by', () => {
  test.each<[string, MachineChoice]>([
    ['fw-cfg-io-qemu72.json.gz', { family: 'q35' }],
    ['fw-cfg-mmio-qemu72.json.gz', { family: 'virt' }],
  ])('QEMU and HeadlessMachine: %s', async (file, choice) => {
    const transcript = readTranscript(file);
    const { qemu, ours, directory } = await startFwCfgPair(resources, choice);
    expect([...directory.keys()]).toEqual(transcript.items.map(({ name }) => name));
    await play(qemu, transcript);
    await play(ours, transcript);
  });
});

/** Steps that are sent in one piece, at most. */
const BATCH = 256;

async function playSteps(
  { qemu, ours }: FwCfgPair,
  steps: readonly TrafficStep[],
): Promise<Difference | undefined> {
  for (let start = 0; start < steps.length; ) {
    const reset = steps.findIndex(({ line }, index) => index >= start && line === '');
    const end = Math.min(start + BATCH, reset < 0 ? steps.length : reset);
    const lines = steps.slice(start, end).map(({ line }) => line);
    const difference = await compareAnswers(qemu, ours, lines, -1);
    if (difference !== undefined) return { ...difference, index: start + difference.index };
    start = end;
    if (end !== reset) continue;
    const resets = await Promise.all([qemu.beginReset(), ours.beginReset()]);
    await Promise.all(resets.map(({ done }) => done));
    ours.machine.firmware!.device.contents(WRITABLE)?.fill(0);
    start++;
  }
  return undefined;
}

async function replay(
  choice: MachineChoice,
  steps: readonly TrafficStep[],
): Promise<Difference | undefined> {
  const fresh = new Resources();
  try {
    return await playSteps(await startFwCfgPair(fresh, choice), steps);
  } finally {
    await fresh.release();
  }
}

test.each<MachineChoice>([{ family: 'pc' }, { family: 'q35' }, { family: 'virt' }])(
  'HeadlessMachine answers random accesses to fw_cfg like QEMU: $family',
  { timeout: 600_000 },
  async (choice) => {
    const accesses = accessCount(20_000);
    console.log(`TPMDEV_SEED=${SEED} TPMDEV_ACCESSES=${accesses}`);
    const pair = await startFwCfgPair(resources, choice);
    const traffic = new FwCfgTraffic(new Random(SEED), choice.family === 'virt', pair.directory);
    const played: TrafficStep[] = [];
    while (played.length < accesses) {
      const start = played.length;
      const episode = traffic.episode();
      played.push(...episode);
      const difference = await playSteps(pair, episode);
      if (difference === undefined) continue;
      const failing = played.slice(0, start + difference.index + 1);
      const script = await minimize((steps) => replay(choice, steps), failing.slice(-60));
      expect.fail(
        [
          `seed ${SEED}, access ${failing.length}: ${difference.step}`,
          `QEMU gives ${difference.qemu}, we ${difference.ours}; shortest script found:`,
          ...script.map(({ line }) => (line === '' ? '(machine reset)' : line)),
        ].join('\n'),
      );
    }
    // A run in which nothing was transferred would prove nothing.
    expect(traffic.transfers).toBeGreaterThan(accesses / 50);
  },
);

test('a difference in one byte of one file is found', async () => {
  const pair = await startFwCfgPair(resources, { family: 'q35' });
  const traffic = new FwCfgTraffic(new Random(SEED), false, pair.directory);
  pair.ours.machine.firmware!.device.contents('etc/tpm/config')![5]! ^= 1;
  let difference: Difference | undefined;
  for (let episodes = 0; episodes < 2000 && difference === undefined; episodes++) {
    difference = await playSteps(pair, traffic.episode());
  }
  expect(difference).toBeDefined();
});
