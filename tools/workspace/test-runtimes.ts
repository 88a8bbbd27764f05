#!/usr/bin/env node
// Runs the hermetic suite of the package in the current folder on the other runtimes that it
// supports, or on those named as arguments, and compares what ran with `reports/test.json` of the
// run on the tools' own Node: a test that is missing there fails the run.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NODE_VERSIONS, requireNode } from './node-versions.mjs';
import { compareRuns } from './src/compare-runs.ts';

/** A runtime whose program, version or test runner differs from that of the main run. */
interface Runtime {
  readonly name: string;
  /** The Node that runs the test runner. */
  readonly program: () => string;
  /** Package of the test runner. */
  readonly runner: string;
  readonly environment: () => Readonly<Record<string, string>>;
  readonly runsFile: (file: string) => boolean;
}

const folder = process.cwd();
const mainReport = join(folder, 'reports', 'test.json');

const nodes = NODE_VERSIONS.map((version): Runtime => {
  const major = version.split('.')[0];
  return {
    name: `node-${major}`,
    program: () => requireNode(version),
    // The current vitest needs Node 22.12; the one before runs the same test files.
    runner: major === '20' ? 'vitest-node-20' : 'vitest',
    environment: () => ({}),
    runsFile: () => true,
  };
}).filter(({ name }) => name !== `node-${process.versions.node.split('.')[0]}`);

/** @throws Error with the line that installs it */
function requireChromium(): string {
  const program = process.env.TPMDEV_CHROMIUM ?? '/usr/bin/chromium';
  if (existsSync(program)) return program;
  throw new Error(
    `${program} is not installed; run: apt-get install -y --no-install-recommends chromium` +
      ' (or name another Chromium in TPMDEV_CHROMIUM)',
  );
}

const chromium: Runtime = {
  name: 'chromium',
  program: () => process.execPath,
  runner: 'vitest',
  environment: () => ({ TPMDEV_CHROMIUM: requireChromium() }),
  runsFile: (file) => !file.endsWith('.node.test.ts'),
};

const runtimes = [...nodes, chromium];

function runnerScript(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return join(dirname(manifest), 'vitest.mjs');
}

/** Adds failures that are none of a single test to a report, so that they are counted. */
function countFailures(path: string, failures: number): void {
  const report = existsSync(path)
    ? JSON.parse(readFileSync(path, 'utf8'))
    : { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  report.numFailedTests += failures;
  writeFileSync(path, JSON.stringify(report));
}

/** @returns problems beside tests that failed, which the test runner has reported by itself */
function comparisonProblems(path: string, runtime: Runtime): string[] {
  const [expected, actual] = [mainReport, path].map((file) =>
    JSON.parse(readFileSync(file, 'utf8')),
  );
  const identity = runtime.runner === 'vitest' ? 'name' : 'place';
  const { missing, added, compared } = compareRuns(
    folder,
    expected,
    actual,
    identity,
    runtime.runsFile,
  );
  if (compared === 0) return ['no test of the main run belongs to this runtime'];
  return [
    ...missing.map((test) => `passed on Node ${process.versions.node} only: ${test}`),
    ...added.map((test) => `did not pass on Node ${process.versions.node}: ${test}`),
  ];
}

/** @returns whether the same tests passed as in the main run */
function runOn(runtime: Runtime): boolean {
  const path = join(folder, 'reports', `test-${runtime.name}.json`);
  rmSync(path, { force: true });
  const { TPMDEV_RUNTIME: _, PEERS: __, ...inherited } = process.env;
  const started = spawnSync(runtime.program(), [runnerScript(runtime.runner), 'run'], {
    cwd: folder,
    env: { ...inherited, ...runtime.environment(), TPMDEV_RUNTIME: runtime.name },
    stdio: 'inherit',
  });
  if (started.status !== 0 && existsSync(path)) return false;
  const problems = existsSync(path)
    ? comparisonProblems(path, runtime)
    : [`the test runner left no report (${started.error?.message ?? `exit ${started.status}`})`];
  for (const problem of problems) console.error(`${runtime.name}: ${problem}`);
  if (problems.length > 0) countFailures(path, problems.length);
  return started.status === 0 && problems.length === 0;
}

function tryOn(runtime: Runtime): boolean {
  try {
    return runOn(runtime);
  } catch (error) {
    console.error(`${runtime.name}: ${error instanceof Error ? error.message : error}`);
    countFailures(join(folder, 'reports', `test-${runtime.name}.json`), 1);
    return false;
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !runtimes.some((runtime) => runtime.name === name));
if (unknown.length > 0) {
  const known = runtimes.map(({ name }) => name).join(', ');
  console.error(`Unknown runtime "${unknown.join('", "')}"; known are ${known}`);
  process.exitCode = 2;
} else if (!existsSync(mainReport)) {
  console.error(
    'There is no reports/test.json to compare with; run the tests of the package first',
  );
  process.exitCode = 1;
} else {
  const wanted = runtimes.filter(({ name }) => names.length === 0 || names.includes(name));
  if (wanted.map(tryOn).includes(false)) process.exitCode = 1;
}
