import { describe, expect, it } from 'vitest';
import { fromHex } from '../test/fixtures.js';
import { AcpiError } from './error.js';
import { acpiTable } from './table.js';
import { readTcpaTable, TCPA_TABLE_SIZE, tcpaTable } from './tcpa-table.js';

const table = (content: string) =>
  acpiTable({ signature: 'TCPA', revision: 2, body: fromHex(content) });

describe('tcpaTable', () => {
  it('tcpaTable() comes back from readTcpaTable()', () => {
    const bytes = tcpaTable({ logAddress: 0x1_2345_6789, logLength: 0x2_0000, oemTableId: 'X' });
    expect(bytes.length).toBe(TCPA_TABLE_SIZE);
    expect(readTcpaTable(bytes)).toMatchObject({
      header: { revision: 2, oemTableId: 'X\0\0\0\0\0\0\0', checksumValid: true },
      platformClass: 'client',
      log: { minimumLength: 0x2_0000n, address: 0x1_2345_6789n },
    });
  });

  it.each([{ logAddress: -1 }, { logAddress: 2n ** 64n }, { logLength: 2 ** 32 }])(
    'tcpaTable(%o) is refused',
    (options) => {
      expect(() => tcpaTable(options)).toThrow(AcpiError);
    },
  );
});

describe('readTcpaTable', () => {
  it('readTcpaTable() reads the server form', () => {
    const server = table(`0100 0000 8877665544332211 0000ff0f00000000 ${'00'.repeat(44)}`);
    expect(readTcpaTable(server)).toMatchObject({
      platformClass: 'server',
      log: { minimumLength: 0x1122_3344_5566_7788n, address: 0x0fff_0000n },
    });
  });

  it.each([
    ['no platform class', table('00'), 'Table TCPA has 37 bytes; it needs 50'],
    ['a short client', table('00'.repeat(13)), 'Table TCPA has 49 bytes; it needs 50'],
    ['a short server', table(`0100${'00'.repeat(17)}`), 'Table TCPA has 55 bytes; it needs 56'],
    [
      'another class',
      table(`0200${'00'.repeat(60)}`),
      'Table TCPA has platform class 2; only 0 (client) and 1 (server) are known',
    ],
  ])('readTcpaTable() refuses %s', (_, bytes, message) => {
    expect(() => readTcpaTable(bytes)).toThrow(message);
    expect(() => readTcpaTable(bytes)).toThrow(AcpiError);
  });
});
