import { readFileSync } from 'node:fs';
import { toHex } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { startTpm } from '../test/example.js';
import { IMPLEMENTED_COMMANDS } from './commands/command-table.js';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

describe('README.md', () => {
  it('README.md shows the example that runs here', async () => {
    const example = text('../test/example.ts').replace('../src/index.js', 'tpm-backend-embedded');
    expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
    expect(toHex(await startTpm())).toBe('80010000000a00000000');
  });

  it('README.md names exactly the commands that are there', () => {
    const section = text('../README.md').split('## What is there')[1]!.split('\n## ')[0]!;
    const table = section
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .join('\n');
    const named = IMPLEMENTED_COMMANDS.filter(({ name }) =>
      new RegExp(`\\b${name}\\b`).test(table),
    );
    expect(IMPLEMENTED_COMMANDS.filter((command) => !named.includes(command))).toEqual([]);
    const words = table.match(/\b(?:[A-Z]+_)?[A-Z][A-Za-z]*[a-z](?=[,: |])/g) ?? [];
    const known: readonly string[] = IMPLEMENTED_COMMANDS.map(({ name }) => name);
    expect(words.filter((word) => !known.includes(word))).toEqual([]);
  });
});
