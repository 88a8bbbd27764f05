import { readFileSync } from 'node:fs';
import {
  fromHex,
  ScriptedBackend,
  SUCCESS_RESPONSE,
  toHex,
} from '@tpmdev/testing/scripted-backend';
import type { MmioRegion } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { plugTpm } from '../test/example.js';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

describe('README.md', () => {
  it('README.md shows the example that runs here', () => {
    const example = text('../test/example.ts').replace('../src/index.js', 'tpm-crb');
    expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
  });

  it('README.md has an example that makes a TPM answer at the base address', async () => {
    const regions = new Map<number, MmioRegion>();
    const tpm = await plugTpm(
      { map: (address, region) => regions.set(address, region) },
      new ScriptedBackend(),
    );
    const region = regions.get(0xfed4_0000)!;
    expect(region).toBe(tpm.mmio);
    region.write(0x08, 4, 1);
    region.write(0x40, 4, 1);
    for (const [index, byte] of fromHex('80010000000c000001440000').entries()) {
      region.write(0x80 + index, 1, byte);
    }
    region.write(0x4c, 4, 1);
    expect(region.read(0x4c, 4)).toBe(1);
    await tpm.settled();
    expect(region.read(0x4c, 4)).toBe(0);
    expect(toHex(tpm.dataBuffer.subarray(0, 10))).toBe(SUCCESS_RESPONSE);
  });
});
