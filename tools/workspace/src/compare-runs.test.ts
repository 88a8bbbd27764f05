import { describe, expect, it } from 'vitest';
import { compareRuns, type Identity, type Report } from './compare-runs.ts';

/** A report of tests given as `file:line: name` or `file:line: name (status)`. */
function report(...tests: string[]): Report {
  return {
    testResults: tests.map((test) => {
      const [, file = '', line, fullName = '', status = 'passed'] =
        /^(.*?):(\d+): (.*?)(?: \((\w+)\))?$/.exec(test) ?? [];
      const location = { line: Number(line), column: 3 };
      return { name: `/package/${file}`, assertionResults: [{ fullName, status, location }] };
    }),
  };
}

const compare = (
  expected: Report,
  actual: Report,
  identity: Identity = 'place',
  isWanted = (_file: string) => true,
) => compareRuns('/package', expected, actual, identity, isWanted);

describe('compareRuns', () => {
  it('compareRuns() finds nothing when the same tests passed in another order', () => {
    expect(
      compare(
        report('src/a.test.ts:1: one', 'src/b.test.ts:1: two'),
        report('src/b.test.ts:1: two', 'src/a.test.ts:1: one'),
      ),
    ).toEqual({ missing: [], added: [], compared: 2 });
  });

  it('compareRuns() takes tests of one name for the same, wherever they are in the file', () => {
    const expected = report('src/a.test.ts:1: one', 'src/a.test.ts:1: two');
    const actual = report('src/a.test.ts:2: one', 'src/a.test.ts:1: three');
    expect(compare(expected, actual, 'name')).toEqual({
      missing: ['src/a.test.ts: two'],
      added: ['src/a.test.ts: three'],
      compared: 2,
    });
  });

  it('compareRuns() takes tests of one place for the same, however their names are written', () => {
    expect(
      compare(
        report('src/a.test.ts:1: f({ …(1) })', 'src/a.test.ts:1: g'),
        report('src/a.test.ts:1: f({ x: 1 })', 'src/a.test.ts:1: g'),
      ),
    ).toEqual({ missing: [], added: [], compared: 2 });
  });

  it.each(['failed', 'pending', 'skipped', 'todo'])(
    'compareRuns() takes a test that is %s for missing',
    (status) => {
      const actual = report('src/a.test.ts:1: one', `src/a.test.ts:2: two (${status})`);
      expect(compare(report('src/a.test.ts:1: one', 'src/a.test.ts:2: two'), actual)).toEqual({
        missing: ['src/a.test.ts: two'],
        added: [],
        compared: 2,
      });
    },
  );

  it('compareRuns() names the row of a table that is missing', () => {
    const expected = report('src/a.test.ts:1: x', 'src/a.test.ts:1: y', 'src/a.test.ts:1: z');
    const actual = report('src/a.test.ts:1: z', 'src/a.test.ts:1: x');
    expect(compare(expected, actual).missing).toEqual(['src/a.test.ts: y']);
  });

  it('compareRuns() tells tests of the same name apart by file, by place and by count', () => {
    const expected = report(
      ...['src/a.test.ts:1: one', 'src/a.test.ts:1: one', 'src/a.test.ts:2: one'],
      'src/b.test.ts:1: one',
    );
    const actual = report('src/a.test.ts:1: one', 'src/c.test.ts:1: one');
    expect(compare(expected, actual)).toEqual({
      missing: ['src/a.test.ts: one', 'src/a.test.ts: one', 'src/b.test.ts: one'],
      added: ['src/c.test.ts: one'],
      compared: 4,
    });
  });

  it('compareRuns() leaves files out that do not belong to the run', () => {
    const expected = report('src/a.test.ts:1: one', 'src/a.node.test.ts:1: two');
    const actual = report('src/a.test.ts:1: one');
    const isWanted = (file: string) => !file.endsWith('.node.test.ts');
    expect(compare(expected, actual, 'name', isWanted)).toEqual({
      missing: [],
      added: [],
      compared: 1,
    });
  });

  it('compareRuns() goes by the name of a test whose place the report does not tell', () => {
    const unplaced = (...names: string[]): Report => ({
      testResults: names.map((fullName) => ({
        name: '/package/a.test.ts',
        assertionResults: [{ fullName, status: 'passed' }],
      })),
    });
    expect(compare(unplaced('one', 'two'), unplaced('one', 'three'))).toEqual({
      missing: ['a.test.ts: two'],
      added: ['a.test.ts: three'],
      compared: 2,
    });
  });
});
