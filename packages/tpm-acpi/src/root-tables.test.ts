import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../test/fixtures.js';
import { AcpiError } from './error.js';
import { readRootTable, readRsdp, rootTable, rsdp } from './root-tables.js';

describe('rootTable', () => {
  it.each([
    ['RSDT', [1, 0xffff_ffff]],
    ['XSDT', [1, 0xffff_ffff_ffff_ffffn]],
    ['RSDT', []],
  ] as const)(
    'rootTable() of an %s of %s comes back from readRootTable()',
    (signature, entryAddresses) => {
      const read = readRootTable(rootTable({ signature, entryAddresses }));
      expect(read.header).toMatchObject({ signature, revision: 1, checksumValid: true });
      expect(read.entries).toEqual(entryAddresses.map(BigInt));
    },
  );

  it('rootTable() has entries of 4 bytes in an RSDT and of 8 in an XSDT', () => {
    const entryOffsets = [0x1122_3344];
    expect(toHex(rootTable({ signature: 'RSDT', entryOffsets }).subarray(36))).toBe('44332211');
    expect(toHex(rootTable({ signature: 'XSDT', entryOffsets }).subarray(36))).toBe(
      '4433221100000000',
    );
  });

  it('rootTable() refuses an address above 4 GiB in an RSDT', () => {
    expect(() => rootTable({ signature: 'RSDT', entryAddresses: [0x1_0000_0000] })).toThrow(
      'RSDT entry is 4294967296, which is not a whole number of 4 unsigned bytes; use 0 to 0xffffffff',
    );
  });
});

describe('readRootTable', () => {
  it('readRootTable() ignores an incomplete entry', () => {
    const bytes = rootTable({ signature: 'XSDT', entryAddresses: [1, 2] });
    bytes[4] = bytes.length - 1;
    expect(readRootTable(bytes).entries).toEqual([1n]);
  });
});

describe('rsdp', () => {
  it('rsdp() of revision 0 has 20 bytes and a checksum over them', () => {
    const bytes = rsdp({ to: 'RSDT', address: 0x0ffe_0000 });
    expect(bytes.length).toBe(20);
    expect(readRsdp(bytes)).toEqual({
      revision: 0,
      oemId: 'BOCHS ',
      rsdtAddress: 0x0ffe_0000,
      xsdtAddress: undefined,
      checksumValid: true,
    });
  });

  it('rsdp() of revision 2 has 36 bytes, two checksums and no RSDT', () => {
    const bytes = rsdp({ to: 'XSDT', address: 0x1_0000_0000n, oemId: 'A' });
    expect(bytes.length).toBe(36);
    expect(readRsdp(bytes)).toEqual({
      revision: 2,
      oemId: 'A\0\0\0\0\0',
      rsdtAddress: 0,
      xsdtAddress: 0x1_0000_0000n,
      checksumValid: true,
    });
  });

  it.each([0, 19, 20, 35])('rsdp() has a checksum that notices a change of byte %i', (offset) => {
    const bytes = rsdp({ to: 'XSDT', address: 0x1234 });
    const before = bytes[offset]!;
    bytes[offset] = before ^ 1;
    if (offset === 0) expect(() => readRsdp(bytes)).toThrow(AcpiError);
    else expect(readRsdp(bytes).checksumValid).toBe(false);
  });

  it('rsdp() refuses an OEM ID that is too long and an RSDT above 4 GiB', () => {
    expect(() => rsdp({ to: 'RSDT', address: 0, oemId: '1234567' })).toThrow(AcpiError);
    expect(() => rsdp({ to: 'RSDT', address: 2 ** 32 })).toThrow(AcpiError);
  });
});

describe('readRsdp', () => {
  it('readRsdp() does not count a valid first part with a broken second one', () => {
    const bytes = rsdp({ to: 'XSDT', address: 1 });
    bytes[32] = (bytes[32]! + 1) & 0xff;
    expect(readRsdp(bytes).checksumValid).toBe(false);
  });

  it.each([
    ['nothing', '', '0 bytes are no RSDP of revision 0; it has 20'],
    [
      'a short revision 2',
      `5253442050545220 00 000000000000 02 ${'00'.repeat(19)}`,
      '35 bytes are no RSDP of revision 2; it has 36',
    ],
    [
      'other bytes',
      '58'.repeat(8) + '00'.repeat(20),
      'An RSDP starts with "RSD PTR ", not "XXXXXXXX"',
    ],
  ])('readRsdp() refuses %s', (_, bytes, message) => {
    expect(() => readRsdp(fromHex(bytes))).toThrow(message);
    expect(() => readRsdp(fromHex(bytes))).toThrow(AcpiError);
  });
});
