import { describe, expect, it } from 'vitest';
import { AmlDecoder } from '../test/aml-decoder.js';
import { recordedMachines, toHex } from '../test/fixtures.js';
import * as aml from './aml/index.js';
import { AcpiError } from './error.js';
import { concatenate } from './little-endian.js';
import { ppiObjects } from './ppi-aml.js';
import { type TpmDeviceOptions, tpmDevice } from './tpm-device.js';

const recordedPpi = recordedMachines().find(({ ppi }) => ppi === true)!;

/** Methods of the device, for the decoder. */
const SIGNATURES = new Map([['TPFN', 1]]);

function childrenOf(options: TpmDeviceOptions): string[] {
  const [node] = new AmlDecoder(tpmDevice(options), SIGNATURES).all();
  const [kind, , children] = node!;
  expect(kind).toBe('Device');
  return (children as [string, string][]).map(([type, name]) => `${type} ${name}`);
}

describe('tpmDevice', () => {
  it.each([
    [{ model: 'tpm-tis', tpmVersion: '2.0' }, 80],
    [{ model: 'tpm-tis', tpmVersion: '1.2' }, 53],
    [{ model: 'tpm-crb', tpmVersion: '2.0' }, 80],
    [{ model: 'tpm-crb', tpmVersion: '1.2' }, 80],
    [{ model: 'tpm-tis-device', tpmVersion: '2.0' }, 73],
    [{ model: 'tpm-tis-device', tpmVersion: '1.2' }, 73],
    [{ model: 'tpm-tis', tpmVersion: '2.0', ppi: true }, 620],
    [{ model: 'tpm-tis', tpmVersion: '1.2', ppi: true }, 594],
    [{ model: 'tpm-crb', tpmVersion: '2.0', ppi: true }, 620],
  ] as const)('tpmDevice(%o) has %i bytes', (options, length) => {
    expect(tpmDevice(options).length).toBe(length);
  });

  const ppi = [
    'OperationRegion TPP2',
    'Field TPP2',
    'OperationRegion TPP3',
    'Field TPP3',
    'Method TPFN',
    'Name TPM2',
    'Name TPM3',
    'Method _DSM',
  ];
  it.each([
    ['tpm-tis', '2.0', ['_HID', '_STR', '_UID', '_STA', '_CRS']],
    ['tpm-tis', '1.2', ['_HID', '_UID', '_STA', '_CRS']],
    ['tpm-crb', '2.0', ['_HID', '_STR', '_CRS', '_STA', '_UID']],
  ] as const)(
    'tpmDevice() of %s with TPM %s has its objects in order, PPI last',
    (model, tpmVersion, names) => {
      const objects = names.map((name) => `Name ${name}`);
      expect(childrenOf({ model, tpmVersion })).toEqual(objects);
      expect(childrenOf({ model, tpmVersion, ppi: true })).toEqual([...objects, ...ppi]);
    },
  );

  it('tpmDevice() has the same PPI objects in every model', () => {
    const objects = toHex(concatenate(...ppiObjects()));
    for (const [model, tpmVersion] of [
      ['tpm-tis', '2.0'],
      ['tpm-tis', '1.2'],
      ['tpm-crb', '2.0'],
    ] as const) {
      expect(toHex(tpmDevice({ model, tpmVersion, ppi: true })).endsWith(objects)).toBe(true);
    }
  });

  it('tpmDevice() follows name and addresses', () => {
    const [node] = new AmlDecoder(
      tpmDevice({
        model: 'tpm-crb',
        tpmVersion: '2.0',
        ppi: true,
        name: 'CHIP',
        address: 0x8000_0000,
        ppiAddress: 0x9000_0000,
      }),
      SIGNATURES,
    ).all();
    const [, name, children] = node as [string, string, [string, string, ...unknown[]][]];
    expect(name).toBe('CHIP');
    expect(children).toContainEqual([
      'Name',
      '_CRS',
      ['Buffer', 14n, '8609000100000080001000007900'],
    ]);
    expect(children).toContainEqual([
      'OperationRegion',
      'TPP2',
      0,
      ['Integer', 0x9000_0100n],
      ['Integer', 0x5an],
    ]);
    expect(children).toContainEqual([
      'OperationRegion',
      'TPP3',
      0,
      ['Integer', 0x9000_015an],
      ['Integer', 1n],
    ]);
  });

  it.each([
    [{ model: 'tpm-tis-device', tpmVersion: '2.0', ppi: true }, 'ERR_ACPI_CONFIGURATION'],
    [{ model: 'tpm-spapr' as 'tpm-tis', tpmVersion: '2.0' }, 'ERR_ACPI_CONFIGURATION'],
    [{ model: 'toString' as 'tpm-tis', tpmVersion: '2.0' }, 'ERR_ACPI_CONFIGURATION'],
    [{ model: 'tpm-tis', tpmVersion: '2.0', address: 0x1_0000_0000 }, 'ERR_ACPI_VALUE'],
    [{ model: 'tpm-tis', tpmVersion: '2.0', name: 'tpm' }, 'ERR_ACPI_NAME'],
  ] as const)('tpmDevice(%o) is refused', (options, code) => {
    expect(() => tpmDevice(options)).toThrow(expect.objectContaining({ code }));
    expect(() => tpmDevice(options)).toThrow(AcpiError);
  });
});

describe('ppiObjects', () => {
  it('ppiObjects() are the 540 bytes that QEMU 7.2 has', () => {
    const bytes = concatenate(...ppiObjects());
    expect(bytes.length).toBe(540);
    expect(recordedPpi.aml.endsWith(toHex(bytes))).toBe(true);
  });

  it('ppiObjects() put TPFN at any address', () => {
    const bytes = toHex(concatenate(...ppiObjects(0x1_0000_0000)));
    expect(bytes).toContain(toHex(aml.add(0x1_0000_0000, aml.argument(0))));
    expect(bytes).toContain(toHex(aml.integer(0x1_0000_0100)));
    expect(bytes).toContain(toHex(aml.integer(0x1_0000_015a)));
  });
});
