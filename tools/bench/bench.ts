// Prints the project's figures: rates, and ratios between alternatives that ran in turn.

import { join } from 'node:path';
import { embeddedFigures } from './src/embedded.ts';
import type { Figure } from './src/measure.ts';
import { qtestFigures } from './src/qtest.ts';
import { registerFigures } from './src/registers.ts';
import { roundTripFigures } from './src/round-trip.ts';
import { sizeFigures } from './src/size.ts';

const root = join(import.meta.dirname, '..', '..');
const systemProgram = join(root, 'packages/tpm-integration/dist/bin/tpm-system-x86_64.js');
const embeddedEntry = join(root, 'packages/tpm-backend-embedded/dist/index.js');

function print(figures: readonly Figure[]): void {
  for (const { name, value, unit, aim } of figures) {
    const number = value.toFixed(value < 100 ? 2 : 0).padStart(10);
    console.log(`${name.padEnd(48)}${number} ${unit}${aim === undefined ? '' : `   (aim ${aim})`}`);
  }
}

console.log(`Node ${process.versions.node}, median of 9 rounds, alternatives in turn\n`);
print(await sizeFigures(embeddedEntry));
print(await registerFigures());
print(await embeddedFigures());
print(await roundTripFigures());
print(await qtestFigures(systemProgram));
