import { expect, test } from 'vitest';
import { describeMachine, type MachineChoice } from '../../test/support/peers.js';
import { firmwareFiles, firmwareForm } from './firmware-files.js';

const PRESENT = { tables: 131_072, log: 65_536 };

/** Sizes of the files, by the end of their names. */
function sizes(choice: MachineChoice, version: '1.2' | '2.0' | undefined, withTpm = true) {
  const files = firmwareFiles(describeMachine(choice, withTpm), version);
  return Object.fromEntries(
    [...files].map(([name, { length }]) => [name.slice(name.lastIndexOf('/') + 1), length]),
  );
}

test.each<[string, MachineChoice, '1.2' | '2.0', Record<string, number>]>([
  ['pc', { family: 'pc' }, '2.0', { rsdp: 20, 'table-loader': 4096, config: 6, ...PRESENT }],
  ['q35', { family: 'q35' }, '2.0', { rsdp: 20, 'table-loader': 4096, config: 6, ...PRESENT }],
  ['q35', { family: 'q35' }, '1.2', { rsdp: 20, 'table-loader': 4096, config: 6, ...PRESENT }],
  [
    'q35 with tpm-crb',
    { family: 'q35', model: 'tpm-crb' },
    '2.0',
    { rsdp: 20, 'table-loader': 4096, config: 6, ...PRESENT },
  ],
  [
    'pc without PPI',
    { family: 'pc', properties: { ppi: 'off' } },
    '2.0',
    { rsdp: 20, 'table-loader': 4096, ...PRESENT },
  ],
  ['virt', { family: 'virt' }, '2.0', { rsdp: 36, 'table-loader': 1792, ...PRESENT }],
  [
    'virt with a TPM 1.2',
    { family: 'virt' },
    '1.2',
    { rsdp: 36, 'table-loader': 1280, ...PRESENT, log: 0 },
  ],
  ['q35 without ACPI', { family: 'q35', options: { acpi: 'off' } }, '2.0', {}],
  ['virt without ACPI', { family: 'virt', options: { acpi: 'off' } }, '2.0', {}],
])('firmwareFiles() publishes for %s', (_, choice, version, expected) => {
  expect(sizes(choice, version)).toEqual(expected);
});

test.each(['pc', 'virt'] as const)(
  'firmwareFiles() publishes an empty log for %s without a TPM',
  (family) => {
    expect(sizes({ family }, undefined, false)).toMatchObject({ tables: 131_072, log: 0 });
    expect(sizes({ family }, undefined, false)).not.toHaveProperty('config');
  },
);

test('firmwareFiles() says that the version of a TPM which does not start is unspecified', () => {
  const files = firmwareFiles(describeMachine({ family: 'q35' }, true), undefined);
  expect([...files.get('etc/tpm/config')!]).toEqual([0, 0x50, 0xd4, 0xfe, 0, 1]);
  expect(files.get('etc/tpm/log')).toHaveLength(0);
  const tables = Buffer.from(files.get('etc/acpi/tables')!).toString('latin1');
  expect(tables).toContain('DSDT');
  expect(tables).not.toMatch(/TPM|TCPA|MSFT0101/);
});

test('firmwareFiles() writes the OEM options into every table, padded with zero bytes', () => {
  const options = { 'x-oem-id': 'AB', 'x-oem-table-id': 'CDEFGHIJ' };
  for (const family of ['pc', 'q35', 'virt'] as const) {
    const files = firmwareFiles(describeMachine({ family, options }, true), '2.0');
    const text = Buffer.from(files.get('etc/acpi/tables')!).toString('latin1');
    expect(text.split('AB\0\0\0\0CDEFGHIJ\u0001\0\0\0BXPC')).toHaveLength(1 + 4);
    expect(Buffer.from(files.get('etc/acpi/rsdp')!).toString('latin1')).toContain('AB\0\0\0\0');
  }
});

test.each([
  ['pc-i440fx-2.6', 'pc', true, true, false, 0, 131_072],
  ['pc-i440fx-2.5', 'pc', true, true, true, 0, 131_072],
  ['pc-q35-2.4', 'q35', true, false, true, 0, 131_072],
  ['pc-i440fx-2.2', 'pc', true, false, true, 36, 131_072],
  ['pc-i440fx-2.0', 'pc', true, false, true, 36, 8192],
  ['pc-i440fx-1.6', 'pc', false, false, true, 36, 8192],
  ['virt-2.6', 'virt', true, true, false, 0, 131_072],
] as const)(
  'firmwareForm() knows how %s differs',
  (machine, family, hasAcpi, hasDma, isLegacyOrder, rsdpSize, tablesSize) => {
    const form = firmwareForm(describeMachine({ family, machine }, false));
    expect(form).toEqual({ hasAcpi, hasDma, isLegacyOrder, rsdpSize, tablesSize });
  },
);
