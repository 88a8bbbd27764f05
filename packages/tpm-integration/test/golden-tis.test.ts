import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { connectSwtpm } from 'tpm-backend-swtpm';
import { afterEach, describe, expect, test } from 'vitest';
import { FakeSwtpm } from './support/fake-swtpm.js';
import { GoldenPlayer, type GoldenScript, readGolden } from './support/golden-script.js';
import { type Driven, startEmulator, startHeadless, systemCommand } from './support/peers.js';
import { Resources } from './support/resources.js';

const FIXTURES = fileURLToPath(new URL('../../tpm-tis/fixtures/', import.meta.url));

function scripts(): GoldenScript[] {
  const name = readdirSync(FIXTURES).find((file) => file.startsWith('tis-qemu72.jsonl'));
  if (name === undefined) throw new Error(`No tis-qemu72.jsonl in ${FIXTURES}`);
  return readGolden(FIXTURES + name);
}

const resources = new Resources();
afterEach(() => resources.release());

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

function choice(script: GoldenScript) {
  const properties = Object.fromEntries(
    Object.entries(script.props).map(([name, value]) => [name, String(value)]),
  );
  return { family: 'q35', properties } as const;
}

const commands = (script: GoldenScript) =>
  script.exchange.map(({ locality, command }) => ({ locality, command }));

/** SwtpmBackend sends no cancel request while another one is unanswered. */
function withoutRepeatedCancels(control: readonly (string | number)[][]): (string | number)[][] {
  return control.filter(([name], index) => name !== 'cancel' || control[index - 1]?.[0] !== name);
}

describe('qemu-system-x86_64 gives the recorded answers to', () => {
  test.each(scripts().map((script) => [script.name, script] as const))('%s', async (_, script) => {
    const fake = await play(script, (peer) =>
      startEmulator(resources, choice(script), peer.controlPath),
    );
    expect(fake.received).toEqual(commands(script));
    expect(fake.control).toEqual(script.control);
  });
});

describe('HeadlessMachine and SwtpmBackend give the recorded answers to', () => {
  test.each(scripts().map((script) => [script.name, script] as const))('%s', async (_, script) => {
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
  test.each(scripts().map((script) => [script.name, script] as const))('%s', async (_, script) => {
    const machine = choice(script);
    const fake = await play(script, (peer) =>
      startEmulator(resources, machine, peer.controlPath, systemCommand(machine)),
    );
    expect(fake.received).toEqual(commands(script));
    expect(withoutRepeatedCancels(fake.control)).toEqual(withoutRepeatedCancels(script.control));
  });
});
