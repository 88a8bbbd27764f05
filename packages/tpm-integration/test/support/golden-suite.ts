import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connectSwtpm } from 'tpm-backend-swtpm';
import { afterEach, describe, expect, test } from 'vitest';
import type { DeviceModel } from '../../src/description.js';
import { FakeSwtpm } from './fake-swtpm.js';
import { GoldenPlayer, type GoldenScript, readGolden } from './golden-script.js';
import {
  type Driven,
  type MachineChoice,
  startEmulator,
  startHeadless,
  systemCommand,
} from './peers.js';
import { Resources } from './resources.js';

const resources = new Resources();

function readScripts(model: string, file: string): GoldenScript[] {
  const fixtures = fileURLToPath(new URL(`../../../${model}/fixtures/`, import.meta.url));
  const name = readdirSync(fixtures).find((entry) => entry.startsWith(file));
  if (name === undefined) throw new Error(`No ${file} in ${fixtures}`);
  return readGolden(fixtures + name);
}

async function play(
  script: GoldenScript,
  start: (fake: FakeSwtpm) => Promise<Driven>,
): Promise<FakeSwtpm> {
  const fake = await FakeSwtpm.start(
    resources,
    { version: script.tpm, ...script.backend },
    script.exchange.map(({ response }) => response),
  );
  const driven = await start(fake);
  await new GoldenPlayer(driven, fake, script).play(script);
  return fake;
}

const commands = (script: GoldenScript) =>
  script.exchange.map(({ locality, command }) => ({ locality, command }));

/** SwtpmBackend sends no cancel request while another one is unanswered. */
function withoutRepeatedCancels(control: readonly (string | number)[][]): (string | number)[][] {
  return control.filter(([name], index) => name !== 'cancel' || control[index - 1]?.[0] !== name);
}

/**
 * Declares tests that play every recording of a device on QEMU, on our machine and on our command.
 *
 * @param model the device; its package has the recordings
 * @param file name of the recordings, which may be compressed
 * @param count number of the recordings
 */
export function goldenSuite(model: DeviceModel, file: string, count: number): void {
  const scripts = readScripts(model, file).map((script) => [script.name, script] as const);
  const choice = (script: GoldenScript): MachineChoice => {
    const properties = Object.fromEntries(
      Object.entries(script.props).map(([name, value]) => [name, String(value)]),
    );
    return { family: 'q35', model, properties };
  };
  afterEach(() => resources.release());

  test(`${file} has ${count} recordings`, () => {
    expect(scripts).toHaveLength(count);
  });

  describe('qemu-system-x86_64 gives the recorded answers to', () => {
    test.each(scripts)('%s', async (_, script) => {
      const fake = await play(script, (peer) =>
        startEmulator(resources, choice(script), peer.controlPath),
      );
      expect(fake.received).toEqual(commands(script));
      expect(fake.control).toEqual(script.control);
    });
  });

  describe('HeadlessMachine and SwtpmBackend give the recorded answers to', () => {
    test.each(scripts)('%s', async (_, script) => {
      const fake = await play(script, async (peer) => {
        const backend = await connectSwtpm({ controlPath: peer.controlPath });
        resources.add(() => backend.close());
        return startHeadless(resources, choice(script), backend);
      });
      expect(fake.received).toEqual(commands(script));
      expect(withoutRepeatedCancels(fake.control)).toEqual(withoutRepeatedCancels(script.control));
    });
  });

  describe('tpm-system-x86_64, a process driven like QEMU, gives the recorded answers to', () => {
    test.each(scripts)('%s', async (_, script) => {
      const machine = choice(script);
      const fake = await play(script, (peer) =>
        startEmulator(resources, machine, peer.controlPath, systemCommand(machine)),
      );
      expect(fake.received).toEqual(commands(script));
      expect(withoutRepeatedCancels(fake.control)).toEqual(withoutRepeatedCancels(script.control));
    });
  });
}
