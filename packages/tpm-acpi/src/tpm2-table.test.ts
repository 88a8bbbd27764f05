import { describe, expect, it } from 'vitest';
import { fromHex, linkedTables, recordedMachines, toHex } from '../test/fixtures.js';
import { AcpiError } from './error.js';
import { acpiTable, TABLE_HEADER } from './table.js';
import { readTcpaTable, TCPA_TABLE, TCPA_TABLE_SIZE, tcpaTable } from './tcpa-table.js';
import { readTpm2Table, TPM2_TABLE, TPM2_TABLE_SIZE, tpm2Table } from './tpm2-table.js';

const linked = linkedTables();

/** A `TPM2` table with the content given; hexadecimal. */
function table(revision: number, content: string): Uint8Array {
  return acpiTable({ signature: 'TPM2', revision, body: fromHex(content) });
}

const CONTROL_AREA = '8877665544332211';

describe('tpm2Table', () => {
  it.each(['tpm-tis', 'tpm-tis-device'] as const)(
    'tpm2Table() of %s says memory mapped',
    (model) => {
      expect(readTpm2Table(tpm2Table({ model }))).toMatchObject({
        platformClass: 0,
        controlAreaAddress: 0n,
        startMethod: 6,
        log: { minimumLength: 0x1_0000, address: 0n },
      });
    },
  );

  it('tpm2Table() of a CRB points to its control area, wherever it is', () => {
    expect(readTpm2Table(tpm2Table({ model: 'tpm-crb' }))).toMatchObject({
      controlAreaAddress: 0xfed4_0040n,
      startMethod: 7,
    });
    const moved = tpm2Table({ model: 'tpm-crb', address: 0x9000_0000 });
    expect(readTpm2Table(moved).controlAreaAddress).toBe(0x9000_0040n);
    expect(readTpm2Table(tpm2Table({ model: 'tpm-tis', address: 1 })).controlAreaAddress).toBe(0n);
  });

  it('tpm2Table() comes back from readTpm2Table()', () => {
    const bytes = tpm2Table({
      model: 'tpm-crb',
      oemId: 'ABCDEF',
      logAddress: 0x1122_3344_5566_7788n,
      logLength: 0x2_0000,
    });
    expect(readTpm2Table(bytes)).toEqual({
      header: {
        signature: 'TPM2',
        length: TPM2_TABLE_SIZE,
        revision: 4,
        oemId: 'ABCDEF',
        oemTableId: 'BXPC    ',
        oemRevision: 1,
        creatorId: 'BXPC',
        creatorRevision: 1,
        checksumValid: true,
      },
      platformClass: 0,
      controlAreaAddress: 0xfed4_0040n,
      startMethod: 7,
      parameters: new Uint8Array(12),
      log: { minimumLength: 0x2_0000, address: 0x1122_3344_5566_7788n },
    });
  });

  it.each([-1, 0.5, 2n ** 64n])('tpm2Table() refuses the log address %s', (logAddress) => {
    expect(() => tpm2Table({ model: 'tpm-tis', logAddress })).toThrow(AcpiError);
  });
});

describe('tables after the loader', () => {
  it('tables after the loader are three', () => {
    expect(linked.length).toBe(3);
  });

  it.each(linked.map((one) => [one.file, one] as const))(
    'tpm2Table() or tcpaTable() finishes what a firmware finished, byte for byte: %s',
    (_, { device, tpm, logAreaStart, checksumByte, bytes }) => {
      const logAddress = Number(logAreaStart);
      const finished =
        tpm === '2' ? tpm2Table({ model: device, logAddress }) : tcpaTable({ logAddress });
      expect(toHex(finished)).toBe(bytes);
      expect(finished[TABLE_HEADER.checksum]).toBe(Number(checksumByte));
      const read = tpm === '2' ? readTpm2Table(fromHex(bytes)) : readTcpaTable(fromHex(bytes));
      expect(read.header.checksumValid).toBe(true);
      expect(Number(read.log!.address)).toBe(logAddress);
      expect(Number(read.log!.minimumLength)).toBe(0x1_0000);
    },
  );

  it.each(recordedMachines().map((one) => [one.variant, one] as const))(
    'TPM2_TABLE and TCPA_TABLE know what the loader patches in %s',
    (_, { table: { signature, length }, patched }) => {
      const isTpm2 = signature === 'TPM2';
      expect(patched).toMatchObject([
        { offset: TABLE_HEADER.checksum, size: 1 },
        { offset: isTpm2 ? TPM2_TABLE.logAddress : TCPA_TABLE.logAddress, size: 8 },
      ]);
      expect(length).toBe(isTpm2 ? TPM2_TABLE_SIZE : TCPA_TABLE_SIZE);
    },
  );
});

describe('readTpm2Table', () => {
  it('readTpm2Table() reads revision 3, which has flags, no platform class and no log', () => {
    const read = readTpm2Table(table(3, `00000000 ${CONTROL_AREA} 02000000`));
    expect(read).toMatchObject({ controlAreaAddress: 0x1122_3344_5566_7788n, startMethod: 2 });
    expect(read.platformClass).toBeUndefined();
    expect(read.log).toBeUndefined();
    expect(read.parameters.length).toBe(0);
    const long = readTpm2Table(table(3, `00000000 ${CONTROL_AREA} 02000000 ${'ab'.repeat(40)}`));
    expect(toHex(long.parameters)).toBe('ab'.repeat(40));
    expect(long.log).toBeUndefined();
  });

  it.each([
    [4, 0, undefined],
    [4, 5, undefined],
    [4, 12, undefined],
    [4, 23, undefined],
    [5, 0, undefined],
    [5, 16, undefined],
    [5, 24, undefined],
    [5, 27, undefined],
  ] as const)(
    'readTpm2Table() of revision %i with %i bytes of parameters has no log',
    (revision, length, log) => {
      const read = readTpm2Table(
        table(revision, `0100 0000 ${CONTROL_AREA} 0b000000 ${'cd'.repeat(length)}`),
      );
      expect(read).toMatchObject({ platformClass: 1, startMethod: 11 });
      expect(read.log).toBe(log);
      expect(read.parameters.length).toBe(Math.min(length, revision === 4 ? 12 : 16));
    },
  );

  it.each([
    [4, 12],
    [5, 16],
  ] as const)(
    'readTpm2Table() of revision %i has the log behind %i bytes of parameters',
    (revision, length) => {
      const parameters = 'ef'.repeat(length);
      const read = readTpm2Table(
        table(
          revision,
          `0000 0000 ${CONTROL_AREA} 0f000000 ${parameters} 00000100 0000ff0f00000000 99`,
        ),
      );
      expect(toHex(read.parameters)).toBe(parameters);
      expect(read.log).toEqual({ minimumLength: 0x1_0000, address: 0x0fff_0000n });
    },
  );

  it.each([
    ['51 bytes', table(4, '00'.repeat(15)), 'Table TPM2 has 51 bytes; it needs 52'],
    [
      'revision 2',
      table(2, '00'.repeat(16)),
      'Table TPM2 has revision 2; only 3, 4 and 5 are known',
    ],
    [
      'revision 6',
      table(6, '00'.repeat(44)),
      'Table TPM2 has revision 6; only 3, 4 and 5 are known',
    ],
    ['another table', tcpaTable(), 'The table is "TCPA"; expected TPM2'],
  ])('readTpm2Table() refuses %s', (_, bytes, message) => {
    expect(() => readTpm2Table(bytes)).toThrow(message);
    expect(() => readTpm2Table(bytes)).toThrow(AcpiError);
  });
});
