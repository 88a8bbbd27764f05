import { readRootTable, readRsdp, readTable, readTcpaTable, readTpm2Table } from 'tpm-acpi';
import type { TpmVersion } from 'tpm-core';
import { runTableLoader } from 'tpm-fwcfg-ppi';
import { describe, expect, test } from 'vitest';
import { busOf, FwCfgClient } from '../../test/support/fw-cfg-client.js';
import { describeMachine, type MachineChoice } from '../../test/support/peers.js';
import { ScriptedBackend } from '../../test/support/scripted-backend.js';
import { HeadlessMachine } from '../machine/machine.js';

async function start(choice: MachineChoice, tpmVersion?: TpmVersion, broken = false) {
  const backend = new ScriptedBackend();
  backend.tpmVersion = tpmVersion ?? '2.0';
  backend.broken = broken;
  const withTpm = tpmVersion !== undefined;
  const machine = new HeadlessMachine(describeMachine(choice, withTpm), withTpm ? { backend } : {});
  await machine.reset();
  return machine;
}

const SCRIPT = 'etc/table-loader';

/** Does what firmware does with the ACPI files, in the machine's own memory. */
async function boot(machine: HeadlessMachine) {
  const isArm = machine.description.family === 'virt';
  const bus = busOf(machine);
  const client = new FwCfgClient(bus, isArm);
  const files = await client.files([...(await client.directory()).keys()]);
  let next = isArm ? 0x4400_0000 : 0x0700_0000;
  const placements = runTableLoader(files.get(SCRIPT)!, files, {
    memory: machine.memory,
    allocate: ({ size, alignment }) => {
      const address = Math.ceil(next / alignment) * alignment;
      next = address + size;
      return address;
    },
  });
  const memory = (address: number | bigint, length = 0x2000) =>
    bus.readMemory(Number(address), length);
  const rsdp = readRsdp(await memory(placements.get('etc/acpi/rsdp')!.address, 36));
  const root = readRootTable(await memory(rsdp.xsdtAddress ?? rsdp.rsdtAddress));
  const tables = new Map<string, Uint8Array>();
  for (const address of root.entries) {
    const table = readTable(await memory(address));
    expect(table.header.checksumValid, table.header.signature).toBe(true);
    tables.set(table.header.signature, table.bytes);
  }
  return { placements, rsdp, root, tables, memory };
}

const VARIANTS: readonly [string, MachineChoice, TpmVersion, table: 'TPM2' | 'TCPA'][] = [
  ['pc', { family: 'pc' }, '2.0', 'TPM2'],
  ['pc with a TPM 1.2', { family: 'pc' }, '1.2', 'TCPA'],
  ['pc with tpm-crb', { family: 'pc', model: 'tpm-crb' }, '2.0', 'TPM2'],
  ['q35 with tpm-crb and a TPM 1.2', { family: 'q35', model: 'tpm-crb' }, '1.2', 'TCPA'],
  ['q35', { family: 'q35', properties: { ppi: 'off' } }, '2.0', 'TPM2'],
  ['virt', { family: 'virt' }, '2.0', 'TPM2'],
];

describe('Firmware that links the ACPI files of a HeadlessMachine finds', () => {
  test.each(VARIANTS)('the TPM of %s', async (_, choice, version, signature) => {
    const { placements, rsdp, root, tables } = await boot(await start(choice, version));
    expect(rsdp.checksumValid).toBe(true);
    expect(root.header.checksumValid).toBe(true);
    expect([...tables.keys()]).toEqual(['FACP', signature]);
    const table = tables.get(signature)!;
    const read = signature === 'TPM2' ? readTpm2Table(table) : readTcpaTable(table);
    const log = placements.get('etc/tpm/log')!;
    expect(Number(read.log?.address)).toBe(log.address);
    expect([Number(read.log?.minimumLength), log.size]).toEqual([0x1_0000, 0x1_0000]);
  });

  test.each(['pc', 'q35', 'virt'] as const)('DSDT and FACS of %s by the FADT', async (family) => {
    const { tables, memory } = await boot(await start({ family }, '2.0'));
    const fadt = tables.get('FACP')!;
    const view = new DataView(fadt.buffer, fadt.byteOffset, fadt.length);
    const pointer = family === 'virt' ? view.getBigUint64(140, true) : view.getUint32(40, true);
    if (family === 'q35') expect(view.getBigUint64(140, true)).toBe(BigInt(pointer));
    const dsdt = readTable(await memory(pointer), ['DSDT']);
    expect(dsdt.header.checksumValid).toBe(true);
    expect(Buffer.from(dsdt.bytes).includes('MSFT0101')).toBe(true);
    if (family === 'virt') return;
    const facs = await memory(view.getUint32(36, true), 64);
    expect(Buffer.from(facs).toString('latin1', 0, 4)).toBe('FACS');
    expect(view.getUint32(36, true) % 64).toBe(0);
  });

  test('no TPM and no log in a machine without one', async () => {
    const { placements, tables } = await boot(await start({ family: 'q35' }));
    expect([...tables.keys()]).toEqual(['FACP']);
    expect(placements.has('etc/tpm/log')).toBe(false);
  });

  test('no TPM in a machine whose TPM could not be started', async () => {
    const machine = await start({ family: 'q35' }, '2.0', true);
    expect([...(await boot(machine)).tables.keys()]).toEqual(['FACP']);
    expect(machine.firmware?.device.contents('etc/tpm/config')?.[4]).toBe(0);
  });
});

describe('FirmwareInterface', () => {
  test('has the signature selected after each reset of the machine', async () => {
    const machine = await start({ family: 'pc' }, '2.0');
    machine.ports.write(0x510, 2, 0x19);
    machine.ports.read(0x511, 1);
    await machine.reset();
    const read = () => machine.ports.read(0x511, 1);
    expect(String.fromCharCode(read(), read(), read(), read())).toBe('QEMU');
  });

  test('tells an access of 8 bytes on virt from two of 4', async () => {
    const machine = await start({ family: 'virt' }, '2.0');
    const bytes = new Uint8Array(8);
    machine.memory.busWrite(0x0902_0008, Uint8Array.of(0x00, 0x19));
    machine.memory.busRead(0x0902_0000, bytes);
    expect([...bytes]).toEqual([0, 0, 0, 4, 0, 0, 0, 20 + 16]);
  });

  test('has no DMA interface on machines that predate it', async () => {
    const machine = await start({ family: 'pc', machine: 'pc-i440fx-2.4' }, '2.0');
    expect(machine.ports.read(0x514, 4)).toBe(0xffff_ffff);
    machine.ports.write(0x510, 2, 1);
    expect(machine.ports.read(0x511, 1)).toBe(1);
  });

  test('is not there on pseries', () => {
    const description = { ...describeMachine({ family: 'pc' }, false), family: 'pseries' as const };
    expect(new HeadlessMachine(description).firmware).toBeUndefined();
  });

  test('refuses OEM fields that do not fit when the machine is built', () => {
    const options = { 'x-oem-id': 'ABCDEFG' };
    const description = describeMachine({ family: 'pc', options }, false);
    expect(() => new HeadlessMachine(description)).toThrow('use at most 6');
  });
});
