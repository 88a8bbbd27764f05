import { afterAll, describe, expect, it } from 'vitest';
import {
  aml,
  definitionBlock,
  describedTable,
  describeTpm,
  rootTable,
  rsdp,
  TABLE_HEADER,
  TABLE_HEADER_SIZE,
  TPM_CONFIGURATIONS,
  tpmDevice,
  tpmSsdt,
} from '../src/index.js';
import { Acpica } from './acpica.js';
import { toHex } from './fixtures.js';

const acpica = new Acpica();
afterAll(() => acpica.close());

/** "Invalid object type for reserved name": QEMU's `_STR` is a string, ACPI wants a buffer. */
const STRING_IS_NO_BUFFER = 6105;

const variants = TPM_CONFIGURATIONS.flatMap((row) =>
  (row.hasPpi ? [false, true] : [false]).map((ppi) => {
    const { machine, model, tpmVersion } = row;
    const description = describeTpm({ machine, tpm: { model, tpmVersion, ppi } });
    return [`${machine} ${model} TPM ${tpmVersion} ppi=${ppi}`, description] as const;
  }),
);

/** The objects down to `path`, so that a DSDT stands alone. */
function nested(path: string, body: readonly aml.AmlStatement[]): aml.AmlStatement {
  const [first = '', ...rest] = path.split('.');
  const inner = rest.reduceRight((content, segment) => [aml.device(segment, content)], body);
  return aml.scope(first, inner);
}

const ignored = (table: Uint8Array) =>
  Array.from(table, (byte) => String.fromCharCode(byte))
    .join('')
    .includes('_STR')
    ? [STRING_IS_NO_BUFFER]
    : [];

describe('tables in the compiler of ACPICA', () => {
  it.each(variants)('definitionBlock() is what iasl makes of its own listing: %s', (_, variant) => {
    const table = definitionBlock({
      signature: 'DSDT',
      revision: 1,
      body: [nested(variant.scope!, [tpmDevice(variant.device!)])],
    });
    const again = acpica.recompile(table, ignored(table));
    expect(toHex(again.subarray(TABLE_HEADER_SIZE))).toBe(toHex(table.subarray(TABLE_HEADER_SIZE)));
    expect(toHex(again.subarray(0, TABLE_HEADER.checksum))).toBe(
      toHex(table.subarray(0, TABLE_HEADER.checksum)),
    );
  });

  it.each(variants)('tpmSsdt() is accepted by iasl and comes back whole: %s', (_, variant) => {
    const table = tpmSsdt({ device: variant.device!, scope: variant.scope! });
    const again = acpica.recompile(table, ignored(table));
    // The compiler puts declarations of external objects in front.
    expect(toHex(again).endsWith(toHex(table.subarray(TABLE_HEADER_SIZE)))).toBe(true);
  });

  it.each(variants.filter(([, { table }]) => table !== undefined))(
    'describedTable() is accepted by iasl and comes back unchanged: %s',
    (_, variant) => {
      for (const options of [{}, { logAddress: 0x0fff_0000 }]) {
        const table = describedTable(variant, options)!;
        const again = acpica.recompile(table);
        // The compiler puts its own name and a checksum into the header.
        for (const bytes of [table, again]) {
          bytes[TABLE_HEADER.checksum] = 0;
          bytes.fill(0, TABLE_HEADER.creatorId, TABLE_HEADER_SIZE);
        }
        expect(toHex(again)).toBe(toHex(table));
      }
    },
  );

  it.each([
    rootTable({ signature: 'RSDT', entryAddresses: [0x0ffd_0000, 0x0ffd_1000] }),
    rootTable({ signature: 'XSDT', entryAddresses: [0x0ffd_0000, 0x1_0000_0000n] }),
  ])('rootTable() is accepted by iasl and comes back unchanged (%#)', (table) => {
    const again = acpica.recompile(table);
    expect(toHex(again.subarray(TABLE_HEADER_SIZE))).toBe(toHex(table.subarray(TABLE_HEADER_SIZE)));
  });

  it('rsdp() is what iasl makes of a description of it', () => {
    const oem = 'Signature : "RSD PTR "\nChecksum : 00\nOem ID : "BOCHS "\n';
    const toRsdt = acpica.compile(`${oem}Revision : 00\nRSDT Address : 0FFD2000\n`);
    expect(toHex(rsdp({ to: 'RSDT', address: 0x0ffd_2000 }))).toBe(toHex(toRsdt));
    const toXsdt = acpica.compile(
      `${oem}Revision : 02\nRSDT Address : 00000000\nLength : 00000024\nXSDT Address : 00000001BFFD2000\nExtended Checksum : 00\nReserved : 000000\n`,
    );
    expect(toHex(rsdp({ to: 'XSDT', address: 0x1_bffd_2000 }))).toBe(toHex(toXsdt));
  });
});
