import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERSION } from './version.js';

test('VERSION is the version of the package', () => {
  const path = new URL('../package.json', import.meta.url);
  expect(VERSION).toBe(JSON.parse(readFileSync(path, 'utf8')).version);
});
