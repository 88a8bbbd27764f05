import { fromHex } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../test/excused-steps.js';
import { freshTpm } from '../test/fresh-tpm.js';
import {
  differenceOf,
  type GoldenStep,
  replay,
  SCENARIOS,
  type StepOutcome,
  summary,
} from '../test/golden-scenarios.js';
import { restoredTpm } from '../test/restored-tpm.js';
import { TRANSPLANT, transplantedTpm } from '../test/transplant.js';

const ALL = [...SCENARIOS, TRANSPLANT];

/** Recorded answers with algorithms that this TPM doesn't have, so that they don't parse. */
const FOREIGN_ANSWERS: readonly (readonly [string, number])[] = [
  // A parent with triple DES.
  ['create-primary-checks', 62],
  // A signature with SM2.
  ['asymmetric', 33],
];

const outcomes = new Map<string, StepOutcome[]>();
for (const scenario of ALL) {
  const tpm = scenario === TRANSPLANT ? transplantedTpm() : freshTpm();
  outcomes.set(scenario.name, replay(tpm, scenario));
}
for (const [name, steps] of outcomes) console.info(`${name}: ${summary(steps)}`);
console.info(`all scenarios: ${summary([...outcomes.values()].flat())}`);

describe('Tpm.execute()', () => {
  it.each(ALL.map((scenario) => [scenario.name, scenario] as const))(
    'Tpm.execute() answers the recorded conversation %s as swtpm does',
    (name, scenario) => {
      const tpm = freshTpm();
      tpm.initialize();
      tpm.execute(fromHex('80010000000c000001440000'), 0);
      expect(problemsOf(scenario, outcomes.get(name)!, tpm)).toEqual([]);
    },
  );
});

describe('restoredTpm()', () => {
  it.each(ALL.map((scenario) => [scenario.name, scenario] as const))(
    'restoredTpm() between any two steps of %s changes no answer',
    (name, scenario) => {
      const first = scenario === TRANSPLANT ? transplantedTpm() : freshTpm();
      const answers = replay(first, scenario, restoredTpm).map(({ answer }) => answer);
      expect(answers).toEqual(outcomes.get(name)!.map(({ answer }) => answer));
    },
  );
});

describe('differenceOf()', () => {
  it('differenceOf() finds no difference between a recorded answer and itself', () => {
    for (const { name, steps } of ALL) {
      for (const [index, step] of steps.entries()) {
        if (step.send === undefined) continue;
        if (FOREIGN_ANSWERS.some(([where, at]) => where === name && at === index)) continue;
        const difference = differenceOf(step, fromHex(step.send), fromHex(step.recv!));
        expect([name, index, difference]).toEqual([name, index, undefined]);
      }
    }
  });

  const STEP: GoldenStep = {
    send: '80010000000c0000017b0004',
    recv: '80010000001000000000000401020304',
  };
  const sent = fromHex(STEP.send!);
  it.each([
    ['another byte, comparing exactly', 'exact', '80010000001000000000000401020305'],
    ['a byte outside the mask', 'mask', '80010000001000000000000401020305'],
    ['another response code', 'rc', '80010000000a00000101'],
    ['parameters that do not parse', 'structure', '80010000001000000000000501020304'],
    ['parameters that do not parse, comparing codes', 'rc', '80010000000f000000000004010203'],
    ['a wrong size field', 'structure', '80010000001100000000000401020304'],
    ['another tag', 'structure', '80020000001000000000000401020304'],
    ['bytes after the parameters', 'structure', '8001000000110000000000040102030400'],
    ['a refusal longer than ten bytes', 'rc', '80010000000b0000010000'],
  ] as const)('differenceOf() notices %s', (_what, compare, answer) => {
    const step: GoldenStep = { ...STEP, compare, mask: [[12, 1]] };
    expect(differenceOf(step, sent, fromHex(answer))).toBeDefined();
  });

  it.each([
    ['bytes inside the mask', 'mask', '80010000001000000000000405020304'],
    [
      'other random bytes, comparing the structure',
      'structure',
      '80010000001000000000000409090909',
    ],
    ['other bytes, comparing codes', 'rc', '80010000000f00000000000301020a'],
  ] as const)('differenceOf() lets %s pass', (_what, compare, answer) => {
    const step: GoldenStep = { ...STEP, compare, mask: [[12, 1]] };
    expect(differenceOf(step, sent, fromHex(answer))).toBeUndefined();
  });
});
