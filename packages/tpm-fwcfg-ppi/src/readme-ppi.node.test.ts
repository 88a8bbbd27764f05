import { readFileSync } from 'node:fs';
import { fromHex, ScriptedBackend, toHex } from '@tpmdev/testing/scripted-backend';
import type { TpmFrontEnd } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { checkBoot } from '../test/event-log-example.js';
import { recordedLog, recordedPcrs } from '../test/log-fixtures.js';
import { plugPpi } from '../test/ppi-example.js';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

describe('README.md', () => {
  it.each([
    ['ppi-example.ts', '../src/ppi.js', 'tpm-fwcfg-ppi/ppi'],
    ['event-log-example.ts', '../src/event-log.js', 'tpm-fwcfg-ppi/event-log'],
  ])('README.md shows %s as it runs here', (file, local, published) => {
    const example = text(`../test/${file}`).replace(local, published);
    expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('README.md has an example that clears the TPM and RAM when the guest asked for it', async () => {
    const backend = new ScriptedBackend();
    const ram = new Uint8Array(4096).fill(1);
    const resets: string[] = [];
    const frontEnd = {
      reset: async () => {
        resets.push(`after ${backend.exchanges.length} commands`);
        return { started: true };
      },
    } as unknown as TpmFrontEnd;
    const questions: string[] = [];
    const ask = async (question: string) => questions.push(question) > 0;
    const { memory, reset } = plugPpi({ ram, frontEnd, backend, ask });
    await reset();
    expect([ram[0], resets, questions]).toEqual([1, ['after 0 commands'], []]);
    memory.write(0x109, 4, 5);
    memory.write(0x15a, 1, 1);
    await reset();
    expect(ram.every((byte) => byte === 0)).toBe(true);
    expect(questions).toEqual(['The operating system asks for TPM operation clear (0). Go ahead?']);
    expect(resets).toEqual(['after 0 commands', 'after 0 commands', 'after 4 commands']);
    expect(memory.read(0x111, 4)).toBe(5);
  });

  it('README.md has an example that tells an honest log from an altered one', async () => {
    const pcrs = [...recordedPcrs('2.0').get(0x0b)!.values()];
    let next = 0;
    const execute = async (command: Uint8Array): Promise<Uint8Array> => {
      const selection = toHex(command.subarray(10));
      const digest = toHex(pcrs[next++ % pcrs.length]!);
      return fromHex(`80010000003e0000000000000001${selection}000000010020${digest}`);
    };
    expect(await checkBoot(recordedLog('2.0'), execute)).toBe('13 events, all PCRs agree');
    const altered = recordedLog('2.0');
    const at = Buffer.from(altered).indexOf('Calling INT 19h');
    altered[at]! ^= 1;
    expect(await checkBoot(altered, execute)).toBe(
      'Event 4 (EV_ACTION), PCR 4: digest-not-of-data',
    );
  });
});
