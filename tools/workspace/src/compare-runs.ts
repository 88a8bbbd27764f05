// Whether a suite did on another runtime what it does on the tools' own Node.

import { relative } from 'node:path';

/** The part of vitest's JSON report that tells which tests ran. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly location?: { readonly line: number; readonly column: number } | null;
    }[];
  }[];
}

/**
 * By what two runs of a test are the same: its name, or the place in the file that defines it.
 * Releases of vitest abbreviate the values in names differently, and a browser maps the place of a
 * test in a table differently; in both cases the number of tests has to be the same. A test that a
 * function of another file defines has no place in the report and goes by its name.
 */
export type Identity = 'name' | 'place';

/** The tests that passed, as `file: name`, by their identity. */
function passed(
  report: Report,
  folder: string,
  identity: Identity,
  isWanted: (file: string) => boolean,
) {
  const tests = new Map<string, string[]>();
  for (const { name, assertionResults } of report.testResults) {
    const file = relative(folder, name).replaceAll('\\', '/');
    if (!isWanted(file)) continue;
    for (const { fullName, status, location } of assertionResults) {
      const test = `${file}: ${fullName}`;
      if (status !== 'passed') continue;
      const isPlaced = identity === 'place' && location;
      const key = isPlaced ? `${file}:${location.line}:${location.column}` : test;
      tests.set(key, [...(tests.get(key) ?? []), test]);
    }
  }
  return tests;
}

type Tests = ReturnType<typeof passed>;

/** For each identity, as many tests as are missing, by name where the names tell which. */
function without(left: Tests, right: Tests): string[] {
  return [...left].flatMap(([key, tests]) => {
    const others = right.get(key) ?? [];
    const isKnown = new Set(others);
    const foreign = tests.filter((test) => !isKnown.has(test));
    const count = Math.max(0, tests.length - others.length);
    return [...foreign, ...tests.filter((test) => isKnown.has(test))].slice(0, count);
  });
}

/**
 * @param folder the package, which file names are relative to
 * @param expected report of the run on the tools' Node
 * @param actual report of the other run
 * @param identity by what a test of the one run is that of the other
 * @param isWanted whether a test file belongs to the other run
 * @returns the tests that passed in the one run and not in the other, as `file: name`
 */
export function compareRuns(
  folder: string,
  expected: Report,
  actual: Report,
  identity: Identity,
  isWanted: (file: string) => boolean,
): { readonly missing: string[]; readonly added: string[]; readonly compared: number } {
  const wanted = passed(expected, folder, identity, isWanted);
  const found = passed(actual, folder, identity, () => true);
  return {
    missing: without(wanted, found),
    added: without(found, wanted),
    compared: [...wanted.values()].reduce((sum, tests) => sum + tests.length, 0),
  };
}
