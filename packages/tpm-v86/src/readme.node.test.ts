import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

function text(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}

it('README.md shows the example that the test with a real v86 runs', () => {
  const example = text('../test/example.ts').replace('../src/index.js', 'tpm-v86');
  expect(text('../README.md')).toContain(`\`\`\`ts\n${example}\`\`\``);
});
