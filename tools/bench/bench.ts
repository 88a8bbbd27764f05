// Prints the project's figures: rates, and ratios between alternatives that ran in turn. Takes names
// of groups; all of them unless told otherwise.

import { join } from 'node:path';
import { embeddedFigures } from './src/embedded.ts';
import type { Figure } from './src/measure.ts';
import { qtestFigures } from './src/qtest.ts';
import { registerFigures } from './src/registers.ts';
import { roundTripFigures } from './src/round-trip.ts';
import { sizeFigures } from './src/size.ts';
import { v86Figures } from './src/v86.ts';

const root = join(import.meta.dirname, '..', '..');
const systemProgram = join(root, 'packages/tpm-integration/dist/bin/tpm-system-x86_64.js');
const embeddedEntry = join(root, 'packages/tpm-backend-embedded/dist/index.js');

const GROUPS: ReadonlyMap<string, () => Promise<Figure[]>> = new Map([
  ['size', () => sizeFigures(embeddedEntry)],
  ['registers', registerFigures],
  ['embedded', embeddedFigures],
  ['round-trip', roundTripFigures],
  ['qtest', () => qtestFigures(systemProgram)],
  ['v86', () => v86Figures(root)],
]);

function print(figures: readonly Figure[]): void {
  for (const { name, value, unit, aim } of figures) {
    const number = value.toFixed(value < 100 ? 2 : 0).padStart(10);
    console.log(`${name.padEnd(48)}${number} ${unit}${aim === undefined ? '' : `   (aim ${aim})`}`);
  }
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...GROUPS.keys()];
const unknown = wanted.find((name) => !GROUPS.has(name));
if (unknown !== undefined) {
  console.error(`bench: group "${unknown}" is unknown; use ${[...GROUPS.keys()].join(', ')}`);
  process.exit(2);
}
const rounds = 'median of 9 rounds (v86: of 3), alternatives in turn';
console.log(`Node ${process.versions.node}, ${rounds}\n`);
for (const name of wanted) print(await GROUPS.get(name)!());
