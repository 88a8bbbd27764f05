import { describe, expect, it } from 'vitest';
import { freshTpm } from '../test/fresh-tpm.js';
import { replay, SCENARIOS } from '../test/golden-scenarios.js';

describe('Tpm.execute()', () => {
  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    'Tpm.execute() answers the recorded conversation %s as swtpm does',
    (_name, scenario) => {
      const outcomes = replay(freshTpm(), scenario);
      const different = outcomes.filter((outcome) => outcome.result === 'different');
      expect(
        different.map(({ index, step, answer }) => ({
          index,
          note: step.note,
          send: step.send,
          recv: step.recv,
          answer,
        })),
      ).toEqual([]);
    },
  );
});
