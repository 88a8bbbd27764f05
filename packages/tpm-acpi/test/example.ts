import { aml, definitionBlock, describedTable, describeTpm, tpmDevice } from '../src/index.js';

/** Tables for a firmware that takes finished ones, such as SeaBIOS with files `acpi/…`. */
export function tpmTables(logAddress: number): Map<string, Uint8Array> {
  const tpm = describeTpm({
    machine: 'q35',
    tpm: { model: 'tpm-tis', tpmVersion: '2.0', ppi: true },
  });
  const ssdt = definitionBlock({
    signature: 'SSDT',
    revision: 1,
    body: [
      aml.scope('\\_SB', [
        tpmDevice(tpm.device!),
        aml.device('FWCF', [
          aml.name('_HID', aml.string('QEMU0002')),
          aml.name('_STA', 0x0b),
          aml.name('_CRS', aml.resourceTemplate([aml.io(0x510, 0x510, 0, 12)])),
        ]),
      ]),
    ],
  });
  return new Map([
    ['acpi/ssdt', ssdt],
    ['acpi/tpm2', describedTable(tpm, { logAddress })!],
  ]);
}
