// Checks the dependency rule over all packages.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ALLOWED, checkSource } from './src/dependency-rule.ts';

const root = join(import.meta.dirname, '..', '..');

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

function checkPackage(name: string): string[] {
  if (!ALLOWED.has(name)) return [`packages/${name} is not known to the dependency rule`];
  const folder = join(root, 'packages', name);
  const manifest: {
    dependencies?: Record<string, string>;
    peerDependencies?: Record<string, string>;
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const declared = new Set([
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {}),
  ]);
  const undue = [...declared].filter(
    (target) => ALLOWED.has(target) && !ALLOWED.get(name)?.includes(target),
  );
  return [
    ...undue.map((target) => `packages/${name} declares "${target}" against the dependency rule`),
    ...sourceFiles(join(folder, 'src')).flatMap((path) =>
      checkSource(
        name,
        relative(root, path).split(sep).join('/'),
        readFileSync(path, 'utf8'),
        declared,
      ),
    ),
  ];
}

const packages = readdirSync(join(root, 'packages'));
const problems = packages.flatMap(checkPackage);
for (const problem of problems) console.error(problem);
console.log(`Dependency rule: ${packages.length} packages checked, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
