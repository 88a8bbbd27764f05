import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AmlDecoder } from '../test/aml-decoder.js';
import { tpmTables } from '../test/example.js';
import { readTable, readTpm2Table } from './index.js';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

describe('README.md', () => {
  it('README.md shows the example that runs here', () => {
    const example = text('../test/example.ts').replace('../src/index.js', 'tpm-acpi');
    expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('README.md has an example that makes two tables a guest can read', () => {
    const tables = tpmTables(0x0fff_0000);
    expect([...tables.keys()]).toEqual(['acpi/ssdt', 'acpi/tpm2']);
    expect(readTpm2Table(tables.get('acpi/tpm2')!)).toMatchObject({
      header: { checksumValid: true },
      startMethod: 6,
      log: { minimumLength: 0x1_0000, address: 0x0fff_0000n },
    });
    const { header, bytes } = readTable(tables.get('acpi/ssdt')!, ['SSDT']);
    expect(header.checksumValid).toBe(true);
    const [scope] = new AmlDecoder(bytes.subarray(36), new Map([['TPFN', 1]])).all();
    expect(scope).toMatchObject([
      'Scope',
      '\\_SB_',
      [
        ['Device', 'TPM_', {}],
        ['Device', 'FWCF', {}],
      ],
    ]);
  });
});
