import { describe, expect, it } from 'vitest';
import { recordedMachines, toHex } from '../test/fixtures.js';
import { describedTable, describeTpm, TPM_CONFIGURATIONS } from './configuration.js';
import { AcpiError } from './error.js';
import { rsdp } from './root-tables.js';
import { tcpaTable } from './tcpa-table.js';
import { tpmDevice } from './tpm-device.js';

const machines = recordedMachines();

describe('describeTpm', () => {
  it('describeTpm() is compared with seven recorded machines', () => {
    expect(machines.length).toBe(7);
  });

  it.each(machines.map((recorded) => [recorded.variant, recorded] as const))(
    'describeTpm() leads to the bytes of QEMU 7.2 in %s',
    (_, recorded) => {
      const description = describeTpm({
        machine: recorded.machine,
        tpm: {
          model: recorded.device,
          tpmVersion: recorded.tpmVersion,
          ppi: recorded.ppi === true,
        },
      });
      expect(toHex(tpmDevice(description.device!))).toBe(recorded.aml);
      expect(toHex(describedTable(description)!)).toBe(recorded.tableBytes);
      expect(description).toMatchObject({
        scope: `\\${recorded.scope}`,
        table: recorded.table.signature,
        logSize: recorded.logSize,
        hasConfigFile: recorded.config,
      });
      const { signature, offset } = recorded.rootTable;
      expect(toHex(rsdp({ to: signature, offset }))).toBe(recorded.rsdp);
    },
  );

  it.each([
    ['pc', 'tpm-tis', true],
    ['q35', 'tpm-tis', true],
    ['pc', 'tpm-crb', false],
    ['q35', 'tpm-crb', false],
    ['microvm', 'tpm-tis', false],
    ['virt', 'tpm-tis-device', false],
  ] as const)(
    'describeTpm() gives the host bridge of %s with %s a range: %s',
    (machine, model, has) => {
      const { hostBridgeRange } = describeTpm({ machine, tpm: { model, tpmVersion: '2.0' } });
      expect(hostBridgeRange).toEqual(has ? { address: 0xfed4_0000, length: 0x5000 } : undefined);
    },
  );

  it('describeTpm() has no table and an empty log for a TPM 1.2 on virt, which shows a TPM 2.0', () => {
    const description = describeTpm({
      machine: 'virt',
      tpm: { model: 'tpm-tis-device', tpmVersion: '1.2' },
    });
    expect(description).toMatchObject({ table: undefined, startMethod: undefined, logSize: 0 });
    expect(describedTable(description)).toBeUndefined();
    const virt20 = machines.find(({ machine }) => machine === 'virt')!;
    expect(toHex(tpmDevice(description.device!))).toBe(virt20.aml);
  });

  it.each(['1.2', '2.0'] as const)(
    'describeTpm() has a device with PPI on microvm with a TPM %s, but no table and no file',
    (tpmVersion) => {
      const description = describeTpm({
        machine: 'microvm',
        tpm: { model: 'tpm-tis', tpmVersion, ppi: true },
      });
      expect(description).toEqual({
        device: { model: 'tpm-tis', tpmVersion, ppi: true },
        scope: '\\_SB',
        table: undefined,
        startMethod: undefined,
        logSize: undefined,
        hasConfigFile: false,
        hostBridgeRange: undefined,
      });
    },
  );

  it.each([
    ['pc', 0],
    ['q35', 0],
    ['virt', 0],
    ['microvm', undefined],
  ] as const)('describeTpm() of %s without a TPM has a log of %s bytes', (machine, logSize) => {
    const description = describeTpm({ machine });
    expect(description).toMatchObject({ device: undefined, logSize, hasConfigFile: false });
    expect(describedTable(description)).toBeUndefined();
  });

  it.each([
    ['pc', 'tpm-tis'],
    ['q35', 'tpm-crb'],
    ['virt', 'tpm-tis-device'],
    ['microvm', 'tpm-tis'],
  ] as const)('describeTpm() publishes nothing on %s without ACPI', (machine, model) => {
    const tpm = { model, tpmVersion: '2.0', ppi: machine !== 'virt' } as const;
    const description = describeTpm({ machine, tpm, acpi: false });
    expect(description).toEqual({
      device: undefined,
      scope: undefined,
      table: undefined,
      startMethod: undefined,
      logSize: undefined,
      hasConfigFile: false,
      hostBridgeRange: undefined,
    });
  });

  it.each(['pc', 'q35'] as const)(
    'describeTpm() gives tpm-crb of %s with a TPM 1.2 the object of a TPM 2.0 and the table TCPA',
    (machine) => {
      const crb = (tpmVersion: '1.2' | '2.0') =>
        describeTpm({ machine, tpm: { model: 'tpm-crb', tpmVersion } });
      expect(crb('1.2')).toMatchObject({ scope: '\\_SB', table: 'TCPA', startMethod: undefined });
      expect(toHex(tpmDevice(crb('1.2').device!))).toBe(toHex(tpmDevice(crb('2.0').device!)));
      expect(describedTable(crb('1.2'))).toEqual(tcpaTable());
    },
  );

  it('describeTpm() shows the configuration file only with PPI', () => {
    const tpm = { model: 'tpm-crb', tpmVersion: '2.0' } as const;
    expect(describeTpm({ machine: 'pc', tpm }).hasConfigFile).toBe(false);
    expect(describeTpm({ machine: 'pc', tpm: { ...tpm, ppi: true } }).hasConfigFile).toBe(true);
  });

  it.each([
    ['virt', 'tpm-tis', '2.0', false],
    ['pc', 'tpm-tis-device', '2.0', false],
    ['microvm', 'tpm-crb', '2.0', false],
    ['virt', 'tpm-crb', '1.2', false],
    ['virt', 'tpm-tis-device', '2.0', true],
  ] as const)(
    'describeTpm() refuses %s with %s, TPM %s, ppi %s',
    (machine, model, tpmVersion, ppi) => {
      for (const acpi of [true, false]) {
        expect(() => describeTpm({ machine, tpm: { model, tpmVersion, ppi }, acpi })).toThrow(
          AcpiError,
        );
      }
    },
  );
});

describe('TPM_CONFIGURATIONS', () => {
  it('TPM_CONFIGURATIONS has each combination once', () => {
    const keys = TPM_CONFIGURATIONS.map((row) => `${row.machine} ${row.model} ${row.tpmVersion}`);
    expect(new Set(keys).size).toBe(12);
    expect(keys.length).toBe(12);
  });

  it('TPM_CONFIGURATIONS describes a table exactly where a log area is', () => {
    for (const row of TPM_CONFIGURATIONS) {
      expect(row.table !== undefined).toBe((row.logSize ?? 0) > 0);
      expect(row.startMethod !== undefined).toBe(row.table === 'TPM2');
    }
  });
});
