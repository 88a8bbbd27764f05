import { readFileSync } from 'node:fs';
import type { TpmVersion } from 'tpm-core';
import { afterEach, describe, expect, test } from 'vitest';
import type { DeviceModel } from '../src/description.js';
import { busOver, FwCfgClient } from './support/fw-cfg-client.js';
import {
  type DrivenProcess,
  type MachineChoice,
  startEmulator,
  startSwtpm,
  systemCommand,
} from './support/peers.js';
import { FIRMWARE_FILES, publishedTpm } from './support/published-files.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

/** QEMU and our program with the same options, each with a fresh TPM unless told otherwise. */
async function pair(choice: MachineChoice, version: TpmVersion | undefined) {
  const start = async (ours: boolean) => {
    const tpm = version && (await startSwtpm(resources, version));
    const command = ours ? [systemCommand(choice)] : [];
    return startEmulator(resources, choice, tpm?.controlPath, ...command);
  };
  return { qemu: await start(false), ours: await start(true) };
}

async function published({ client }: DrivenProcess, { family }: MachineChoice) {
  const isArm = family === 'virt';
  const reader = new FwCfgClient(busOver(client, isArm), isArm);
  return publishedTpm(await reader.files(FIRMWARE_FILES));
}

interface Recorded {
  readonly variant: string;
  readonly machine: 'pc' | 'q35' | 'virt';
  readonly device: DeviceModel;
  readonly tpmVersion: TpmVersion;
  readonly ppi: boolean | null;
  readonly aml: string;
  readonly table: string;
}

const RECORDED: readonly Recorded[] = readFileSync(
  new URL('../../tpm-acpi/fixtures/tables-qemu72.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const ppi = (on: boolean) => ({ ppi: on ? 'on' : 'off' });

describe('tpm-system publishes about the TPM what QEMU publishes', () => {
  test.each(RECORDED.map((recorded) => [recorded.variant, recorded] as const))(
    'as recorded: %s',
    async (_, { machine, device, tpmVersion, ppi: hasPpi, aml }) => {
      const properties = machine === 'virt' ? {} : ppi(hasPpi === true);
      const choice = { family: machine, model: device, properties, memory: 256 };
      const { qemu, ours } = await pair(choice, tpmVersion);
      const expected = await published(qemu, choice);
      expect(expected.device).toBe(aml);
      expect(expected.table?.length).toBe(tpmVersion === '2.0' ? 152 : 100);
      expect(expected.listed).toBe(1);
      expect(await published(ours, choice)).toEqual(expected);
    },
  );

  const OEM = { 'x-oem-id': 'TPMDEV', 'x-oem-table-id': 'HEADLESS' };
  test.each<[string, MachineChoice, TpmVersion | undefined]>([
    ['full OEM fields', { family: 'q35', options: OEM }, '2.0'],
    ['full OEM fields, TPM 1.2', { family: 'pc', options: OEM }, '1.2'],
    ['full OEM fields on virt', { family: 'virt', options: OEM }, '2.0'],
    [
      'short OEM fields',
      { family: 'q35', options: { 'x-oem-id': 'ab', 'x-oem-table-id': 'c' } },
      '2.0',
    ],
    ['empty OEM fields', { family: 'virt', options: { 'x-oem-id': '' } }, '2.0'],
    ['TPM 1.2 with PPI', { family: 'q35', properties: ppi(true) }, '1.2'],
    ['CRB with PPI', { family: 'pc', model: 'tpm-crb', properties: ppi(true) }, '2.0'],
    ['CRB with a TPM 1.2', { family: 'q35', model: 'tpm-crb' }, '1.2'],
    ['CRB with a TPM 1.2 on pc', { family: 'pc', model: 'tpm-crb' }, '1.2'],
    ['TPM 1.2 on virt', { family: 'virt' }, '1.2'],
    ['no TPM on pc', { family: 'pc' }, undefined],
    ['no TPM on q35', { family: 'q35' }, undefined],
    ['no TPM on virt', { family: 'virt' }, undefined],
    ['acpi=on', { family: 'q35', options: { acpi: 'on' } }, '2.0'],
    ['acpi=auto', { family: 'pc', options: { acpi: 'auto' } }, '2.0'],
    ['acpi=off', { family: 'q35', options: { acpi: 'off' } }, '2.0'],
    ['acpi=off on virt', { family: 'virt', options: { acpi: 'off' } }, '2.0'],
    ['machine version 3.1', { family: 'q35', machine: 'pc-q35-3.1' }, '2.0'],
    ['machine version 4.0', { family: 'pc', machine: 'pc-i440fx-4.0' }, '2.0'],
    ['the old order of files', { family: 'pc', machine: 'pc-i440fx-2.5' }, '2.0'],
    ['the oldest virt', { family: 'virt', machine: 'virt-2.6' }, '2.0'],
  ])('%s', async (_, choice, version) => {
    const { qemu, ours } = await pair(choice, version);
    const expected = await published(qemu, choice);
    const isOff = choice.options?.acpi === 'off';
    expect(expected.files).toHaveLength(isOff ? 0 : expected.config === undefined ? 4 : 5);
    expect(await published(ours, choice)).toEqual(expected);
  });
});

/** The directory read byte by byte, for machines without the DMA interface. */
async function portDirectory({ client }: DrivenProcess): Promise<string[]> {
  const read = async (length: number) => {
    const answers = await client.commands(Array.from({ length }, () => 'inb 0x511'));
    return Buffer.from(answers.map(({ answer }) => Number(answer.slice('OK '.length))));
  };
  await client.command('outw 0x510 0x19');
  const entries = (await read(4)).readUInt32BE(0);
  const files: string[] = [];
  for (let index = 0; index < entries; index++) {
    const entry = await read(64);
    const name = entry.toString('latin1', 8, entry.indexOf(0, 8));
    const isOurs = FIRMWARE_FILES.some((file) => file === name);
    if (isOurs) files.push(`${name} ${entry.readUInt32BE(0)}`);
  }
  return files;
}

describe('tpm-system lists the firmware files of a machine without DMA interface as QEMU', () => {
  test.each([
    ['pc-i440fx-2.4', 'pc', 4],
    ['pc-i440fx-2.2', 'pc', 4],
    ['pc-i440fx-2.0', 'pc', 4],
    ['pc-i440fx-1.7', 'pc', 4],
    ['pc-i440fx-1.6', 'pc', 0],
    ['pc-q35-2.4', 'q35', 4],
  ] as const)('%s', async (machine, family, count) => {
    const { qemu, ours } = await pair({ family, machine }, '2.0');
    const expected = await portDirectory(qemu);
    expect(expected).toHaveLength(count);
    expect(await portDirectory(ours)).toEqual(expected);
    for (const line of ['inl 0x514', 'inl 0x510', 'inb 0x512']) {
      expect((await ours.client.command(line)).answer).toBe(
        (await qemu.client.command(line)).answer,
      );
    }
  });
});
