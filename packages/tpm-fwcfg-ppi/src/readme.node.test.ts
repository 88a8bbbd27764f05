import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeFwCfg } from '../test/example.js';
import { GuestRam } from '../test/guest-ram.js';
import { fromHex, machines, toHex } from '../test/recordings.js';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

describe('README.md', () => {
  it('README.md shows the example that runs here', () => {
    const example = text('../test/example.ts').replace('../src/index.js', 'tpm-fwcfg-ppi');
    expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('README.md has an example that gives firmware the script of QEMU', () => {
    const machine = machines.find(({ name }) => name === 'pc-tpm-tis-tpm2-ppi_on')!;
    const fwCfg = makeFwCfg(new GuestRam(0, 0x1000), () => ({
      blob: new Uint8Array(machine.blobSize),
      rsdp: fromHex(machine.rsdp),
      list: machine.tables,
    }));
    const file = fwCfg.files.find(({ name }) => name === 'etc/table-loader')!;
    fwCfg.writePort(0x510, 2, file.key);
    const seen = Uint8Array.from({ length: file.size }, () => fwCfg.readPort(0x511, 1));
    expect(toHex(seen)).toBe(machine.tableLoader);
  });
});
