#!/usr/bin/env node
// Entry point of the root's npm scripts. Needs nothing but the system's Node (20 or newer) and npm:
// it installs the workspace when the lock file changed, builds what is needed and runs the task.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { countTests, forgetReports, HERMETIC, PEERS, printCounts } from './count-tests.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.tpmdev-installed');
const environment = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
  DO_NOT_TRACK: '1',
  TURBO_TELEMETRY_DISABLED: '1',
  TURBO_NO_UPDATE_NOTIFIER: '1',
};

/** @returns the exit code; a signal counts as failure */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: environment,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  });
  if (result.error !== undefined) {
    console.error(`Running "${command}" failed: ${result.error.message}`);
    return 1;
  }
  return result.status ?? 1;
}

function installedAs() {
  const hash = createHash('sha256');
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']) {
    hash.update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

/** Installs the workspace unless it is installed from exactly this lock file. */
function install() {
  const wanted = installedAs();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 0;
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  console.error('Installing the workspace (first run, or the lock file changed)');
  const status = run('npx', ['-y', packageManager, 'install', '--frozen-lockfile'], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) return status;
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
  return 0;
}

function turbo(tasks, ...options) {
  return run('turbo', ['run', ...tasks, ...options], { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Node for the tools themselves: type stripping needs 22.18, which the workspace brings along. */
function toolsNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const system = major > 22 || (major === 22 && minor >= 18);
  return system ? process.execPath : join(bin, 'node');
}

const tasks = {
  build: () => turbo(['build'], '--output-logs=errors-only'),
  test() {
    forgetReports(HERMETIC);
    const status = turbo(
      ['build', 'typecheck', 'test', '//#lint', '//#check:dependencies'],
      '--output-logs=new-only',
      '--continue',
    );
    return printCounts(countTests(HERMETIC), status);
  },
  'test:peers'() {
    forgetReports(PEERS);
    const status = turbo(['test:peers', 'test:runtimes'], '--concurrency=1', '--continue');
    return printCounts(countTests(PEERS), status);
  },
  start(args) {
    const status = run('turbo', ['run', 'build', '--output-logs=errors-only'], {
      stdio: ['ignore', 2, 2],
    });
    if (status !== 0) return status;
    return run(process.execPath, [join('tools', 'start', 'start.mjs'), ...args], {
      env: process.env,
    });
  },
  playground(args) {
    const status = run(
      'turbo',
      ['run', 'build', '--filter=@tpmdev/playground', '--output-logs=errors-only'],
      { stdio: ['ignore', 2, 2] },
    );
    if (status !== 0) return status;
    return run(toolsNode(), [join('tools', 'playground', 'src', 'serve', 'main.ts'), ...args]);
  },
  bench(args) {
    const status = turbo(['build'], '--output-logs=errors-only');
    if (status !== 0) return status;
    return run(toolsNode(), [join('tools', 'bench', 'bench.ts'), ...args]);
  },
};

const [task = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(tasks, task)) {
  console.error(`Unknown task "${task}"; known are ${Object.keys(tasks).join(', ')}`);
  process.exit(2);
}
const status = install();
process.exit(status === 0 ? tasks[task](args) : status);
