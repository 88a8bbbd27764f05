import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, linkedTables } from '../test/fixtures.js';
import { definitionBlock, tpmSsdt } from './definition-block.js';
import { AcpiError } from './error.js';
import { readRootTable, readRsdp, rootTable, rsdp } from './root-tables.js';
import { acpiTable, checksumOf, readTable } from './table.js';
import { readTcpaTable, tcpaTable } from './tcpa-table.js';
import { readTpm2Table, tpm2Table } from './tpm2-table.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`table.test.ts: TPMDEV_SEED=${SEED}`);

const body = fromHex('010203');
const printable = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
});

describe('checksumOf', () => {
  it('checksumOf() makes the sum of any bytes zero', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const checksum = checksumOf(bytes);
        expect(checksum).toBeGreaterThanOrEqual(0);
        expect(checksumOf(Uint8Array.of(...bytes, checksum))).toBe(0);
      }),
      { seed: SEED },
    );
  });
});

describe('acpiTable', () => {
  it('acpiTable() fills the header in as QEMU does', () => {
    const table = acpiTable({ signature: 'TEST', revision: 7, body, checksum: false });
    expect(table).toEqual(
      fromHex(
        '54455354 27000000 07 00 424f43485320 4258504320202020 01000000 42585043 01000000 010203',
      ),
    );
  });

  it('acpiTable() pads the default OEM fields with blanks, options with zero bytes', () => {
    const table = acpiTable({ signature: 'TEST', revision: 1, body, oemId: 'AB', oemTableId: '' });
    expect(table.subarray(0x0a, 0x18)).toEqual(fromHex('414200000000 0000000000000000'));
    expect(readTable(table).header).toMatchObject({
      oemId: 'AB\0\0\0\0',
      oemTableId: '\0'.repeat(8),
      creatorId: 'BXPC',
    });
  });

  it.each([
    [{ oemId: '1234567' }, 'OEM ID "1234567" has 7 characters; use at most 6'],
    [{ oemTableId: '123456789' }, 'OEM table ID "123456789" has 9 characters; use at most 8'],
    [{ oemId: 'Ä' }, 'OEM ID "Ä" has the character U+00c4; use ASCII'],
    [{ oemTableId: 'a\n' }, 'OEM table ID "a\n" has the character U+000a; use ASCII'],
    [{ signature: 'TPM' }, '"TPM" is no table signature; use four ASCII characters'],
    [
      { revision: 256 },
      'Revision of a table is 256, which is not a whole number of 1 unsigned byte; use 0 to 0xff',
    ],
  ])('acpiTable(%o) says: %s', (options, message) => {
    const build = () => acpiTable({ signature: 'TEST', revision: 1, body, ...options });
    expect(build).toThrow(message);
    expect(build).toThrow(AcpiError);
  });

  it('acpiTable() and every other writer set a checksum that makes the sum zero', () => {
    const oem = fc.record({
      oemId: printable.map((text) => text.slice(0, 6)),
      oemTableId: printable.map((text) => text.slice(0, 8)),
    });
    const address = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const low = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(oem, address, low, fc.uint8Array(), (names, high, below4GiB, content) => {
        const device = { model: 'tpm-tis', tpmVersion: '1.2' } as const;
        for (const table of [
          acpiTable({ ...names, signature: 'TEST', revision: 1, body: content }),
          tpm2Table({ ...names, model: 'tpm-crb', logAddress: high, address: below4GiB }),
          tcpaTable({ ...names, logAddress: high, logLength: below4GiB }),
          rootTable({ ...names, signature: 'RSDT', entryAddresses: [below4GiB] }),
          rootTable({ ...names, signature: 'XSDT', entryAddresses: [high] }),
          definitionBlock({ ...names, signature: 'DSDT', revision: 2, body: [] }),
          tpmSsdt({ ...names, device }),
        ]) {
          expect(checksumOf(table)).toBe(0);
          expect(readTable(table).header.checksumValid).toBe(true);
        }
        for (const pointer of [
          rsdp({ ...names, to: 'RSDT', address: below4GiB }),
          rsdp({ ...names, to: 'XSDT', address: high }),
        ]) {
          expect(checksumOf(pointer.subarray(0, 20))).toBe(0);
          expect(checksumOf(pointer)).toBe(0);
          expect(readRsdp(pointer).checksumValid).toBe(true);
        }
      }),
      { seed: SEED },
    );
  });

  it('acpiTable() and every other writer leave the checksum zero for the table loader', () => {
    for (const table of [
      acpiTable({ signature: 'TEST', revision: 1, body, checksum: false }),
      tpm2Table({ model: 'tpm-tis' }),
      tcpaTable(),
      rootTable({ signature: 'RSDT', entryOffsets: [7, 8] }),
      rootTable({ signature: 'XSDT', entryOffsets: [] }),
      definitionBlock({ signature: 'DSDT', revision: 1, body: [], checksum: false }),
      tpmSsdt({ device: { model: 'tpm-tis', tpmVersion: '1.2' }, checksum: false }),
    ]) {
      expect(table[9]).toBe(0);
      expect(readTable(table).header.checksumValid).toBe(false);
    }
  });
});

describe('readTable', () => {
  it('readTable() ignores what follows the table, and keeps its view inside', () => {
    const table = acpiTable({ signature: 'TEST', revision: 3, body });
    const blob = Uint8Array.of(0xaa, ...table, 0xbb, 0xcc);
    const read = readTable(blob.subarray(1));
    expect(read.bytes).toEqual(table);
    expect(read.view.byteLength).toBe(table.length);
    expect(read.header).toEqual({
      signature: 'TEST',
      length: 39,
      revision: 3,
      oemId: 'BOCHS ',
      oemTableId: 'BXPC    ',
      oemRevision: 1,
      creatorId: 'BXPC',
      creatorRevision: 1,
      checksumValid: true,
    });
  });

  it.each([
    ['35 bytes', new Uint8Array(35)],
    ['a length of 35', fromHex(`54455354 23000000${'00'.repeat(40)}`)],
    ['a length beyond the end', fromHex(`54455354 25000000${'00'.repeat(28)}`)],
    ['a length of 4 GiB - 1', fromHex(`54455354 ffffffff${'00'.repeat(28)}`)],
  ])('readTable() refuses %s', (_, bytes) => {
    expect(() => readTable(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_ACPI_TABLE', name: 'AcpiError' }),
    );
  });

  it('readTable() names the table that was expected', () => {
    const table = acpiTable({ signature: 'A"\\Z', revision: 1, body });
    expect(() => readTable(table, ['RSDT', 'XSDT'])).toThrow(
      'The table is "A\\"\\\\Z"; expected RSDT or XSDT',
    );
  });
});

const readers = {
  readTable: (bytes: Uint8Array) => readTable(bytes),
  readTpm2Table,
  readTcpaTable,
  readRootTable,
  readRsdp,
} as const;

/** Bytes that get past the first checks of a reader, with damage. */
const damaged = fc
  .tuple(
    fc.constantFrom(
      tpm2Table({ model: 'tpm-crb', logAddress: 1 }),
      tcpaTable({ logAddress: 1 }),
      rootTable({ signature: 'XSDT', entryAddresses: [1, 2, 3] }),
      rsdp({ to: 'XSDT', address: 1 }),
      ...linkedTables().map(({ bytes }) => fromHex(bytes)),
    ),
    fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }),
    fc.nat(80),
  )
  .map(([table, changes, length]) => {
    const bytes = table.slice(0, Math.max(length, 8));
    for (const [offset, value] of changes) bytes[offset % bytes.length] = value;
    return bytes;
  });

describe('readers', () => {
  it.each(Object.entries(readers))(
    '%s() throws nothing but an AcpiError at any bytes',
    (_, read) => {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 120 }), damaged), (bytes) => {
          try {
            read(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(AcpiError);
            expect((error as Error).message).not.toContain('\n');
          }
        }),
        { seed: SEED, numRuns: 2000 },
      );
    },
  );
});
