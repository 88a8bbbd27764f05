import { readFileSync } from 'node:fs';
import { ScriptedBackend } from '@tpmdev/testing/scripted-backend';
import type { MmioRegion } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { plugTpm } from '../test/example.js';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

describe('README.md', () => {
  it('README.md shows the example that runs here', () => {
    const example = text('../test/example.ts').replace('../src/index.js', 'tpm-tis');
    expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('README.md has an example that makes a TPM answer at the base address', async () => {
    const regions = new Map<number, MmioRegion>();
    const lines: string[] = [];
    const tpm = await plugTpm(
      {
        map: (address, region) => regions.set(address, region),
        setIrq: (line, level) => lines.push(`${line} ${level}`),
      },
      new ScriptedBackend(),
    );
    const region = regions.get(0xfed4_0000);
    expect(region).toBe(tpm.mmio);
    region?.write(0, 1, 0x02);
    region?.write(0x08, 4, 0x8000_0080);
    region?.write(0x18, 4, 0x40);
    expect(region?.read(0x18, 4)).toBe(0x0410_0040);
    expect(lines).toEqual(['5 true']);
  });
});
