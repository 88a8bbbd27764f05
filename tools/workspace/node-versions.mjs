#!/usr/bin/env node
// The releases of Node on which the packages are tried, beside the one that runs the tests. Run by
// itself, installs them from the npm registry below `.cache/node`, whole or not at all.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.cache', 'node');
const packageName = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

/** One release per major version that the packages support. */
export const NODE_VERSIONS = ['20.20.2', '22.23.3', '24.21.0', '26.10.0'];

function programPath(version) {
  return join(cache, version, 'node_modules', packageName, 'bin', 'node');
}

/**
 * @returns the program of an installed release
 * @throws Error with the line that installs it
 */
export function requireNode(version) {
  const program = programPath(version);
  if (existsSync(program)) return program;
  throw new Error(`Node ${version} is not installed; run: node tools/workspace/node-versions.mjs`);
}

function install(version) {
  if (existsSync(programPath(version))) return 0;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'incomplete-'));
  try {
    const flags = ['--no-audit', '--no-fund', '--no-save', '--prefix', folder];
    const args = ['install', ...flags, `${packageName}@${version}`];
    const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2] });
    if (status === 0) renameSync(folder, join(cache, version));
    else console.error(`Installing Node ${version} failed; see npm's message above`);
    return status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = NODE_VERSIONS.map(install).some((status) => status !== 0) ? 1 : 0;
}
