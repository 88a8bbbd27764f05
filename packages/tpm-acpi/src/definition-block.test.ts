import { describe, expect, it } from 'vitest';
import { AmlDecoder } from '../test/aml-decoder.js';
import { toHex } from '../test/fixtures.js';
import { definitionBlock, tpmSsdt } from './definition-block.js';
import { AcpiError } from './error.js';
import { readTable, TABLE_HEADER_SIZE } from './table.js';
import { tpmDevice } from './tpm-device.js';

const device = { model: 'tpm-crb', tpmVersion: '2.0' } as const;

describe('tpmSsdt', () => {
  it.each([
    [undefined, '\\_SB_'],
    ['\\_SB.PCI0.S08', '\\_SB_.PCI0.S08_'],
  ])('tpmSsdt() puts the device into the scope %s', (scope, path) => {
    const table = tpmSsdt(scope === undefined ? { device } : { device, scope });
    expect(readTable(table).header).toMatchObject({
      signature: 'SSDT',
      revision: 1,
      checksumValid: true,
    });
    const body = table.subarray(TABLE_HEADER_SIZE);
    const [node] = new AmlDecoder(body).all();
    expect(node?.slice(0, 2)).toEqual(['Scope', path]);
    expect(toHex(body).endsWith(toHex(tpmDevice(device)))).toBe(true);
  });

  it('tpmSsdt() refuses a scope that is no path', () => {
    expect(() => tpmSsdt({ device, scope: '\\_SB/PCI0' })).toThrow(AcpiError);
  });
});

describe('definitionBlock', () => {
  it.each([1, 2] as const)('definitionBlock() is a DSDT of revision %i', (revision) => {
    const table = definitionBlock({ signature: 'DSDT', revision, body: [tpmDevice(device)] });
    expect(readTable(table, ['DSDT']).header).toMatchObject({ revision, checksumValid: true });
    expect(table.subarray(TABLE_HEADER_SIZE)).toEqual(tpmDevice(device));
  });
});
