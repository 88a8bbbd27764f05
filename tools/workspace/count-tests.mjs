// Adds up the tests of all packages from the reports that their runs left behind. Run by itself,
// it prints the total of the hermetic and the peer suites.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Reports of `npm test`, and those of `npm run test:peers`: real peers and other runtimes. */
export const HERMETIC = /^test\.json$/;
export const PEERS = /^test-[\w-]+\.json$/;

function reportPaths(pattern) {
  return ['packages', 'tools']
    .flatMap((folder) => readdirSync(join(root, folder)).map((entry) => join(root, folder, entry)))
    .map((folder) => join(folder, 'reports'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => [folder, name]))
    .filter(([, name]) => pattern.test(name))
    .map(([folder, name]) => join(folder, name));
}

/** Deletes reports of earlier runs, so that only what runs now is counted. */
export function forgetReports(pattern) {
  for (const path of reportPaths(pattern)) rmSync(path);
}

/**
 * @param patterns of names of report files
 * @returns numbers of passed and failed tests; a suite that could not be loaded counts as failed
 */
export function countTests(...patterns) {
  const counts = { passed: 0, failed: 0 };
  for (const path of patterns.flatMap(reportPaths)) {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    counts.passed += report.numPassedTests;
    counts.failed += report.numFailedTests;
    for (const suite of report.testResults) {
      if (suite.status === 'failed' && suite.assertionResults.length === 0) counts.failed++;
    }
  }
  return counts;
}

/** Prints the closing line. @returns the exit code: the given one, or 1 when nothing ran */
export function printCounts(counts, status) {
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
  if (counts.passed + counts.failed === 0) return status || 1;
  return counts.failed > 0 ? status || 1 : status;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit(printCounts(countTests(HERMETIC, PEERS), 0));
}
