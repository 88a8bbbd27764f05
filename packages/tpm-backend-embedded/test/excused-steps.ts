import { TPM_CC } from 'tpm-core';
import type { CommandName } from '../src/commands/command.js';
import { findCommand } from '../src/commands/command-table.js';
import type { Tpm } from '../src/tpm.js';
import { absentCommand, type GoldenScenario, type StepOutcome } from './golden-scenarios.js';

/** Steps of a recorded conversation that can't be answered as recorded yet. */
export interface Excuse {
  readonly scenario: string;
  /** Indexes of the steps. */
  readonly steps: readonly number[];
  /**
   * What is missing: a command that an earlier step sends, the command that made the state which the
   * recorded TPM came with, or an algorithm.
   */
  readonly needs: CommandName | { readonly cameWith: CommandName } | { readonly algorithm: number };
  /** How the steps depend on it. */
  readonly reason: string;
}

const TDES = { algorithm: 0x0003 } as const;
const SM2 = { algorithm: 0x001b } as const;

/**
 * The reviewed list. A step in it that is answered as recorded fails the test, and so does an entry
 * whose command or algorithm is there: the list can only shrink.
 */
export const EXCUSES: readonly Excuse[] = [
  {
    scenario: 'hierarchies',
    steps: [62],
    needs: 'PP_Commands',
    reason: 'lists the commands that were added',
  },
  {
    scenario: 'create-primary-checks',
    steps: [62, 63],
    needs: TDES,
    reason: 'makes a parent with triple DES and flushes it',
  },
  { scenario: 'asymmetric', steps: [33], needs: SM2, reason: 'signs with SM2' },
];

/**
 * Judges a replayed conversation with the reviewed list.
 *
 * @param tpm the TPM that answered
 * @returns one line per unexcused difference and per excuse that doesn't hold
 */
export function problemsOf(
  scenario: Pick<GoldenScenario, 'name'>,
  outcomes: readonly StepOutcome[],
  tpm: Tpm,
): string[] {
  const excuses = EXCUSES.filter((excuse) => excuse.scenario === scenario.name);
  const problems: string[] = [];
  for (const excuse of excuses) {
    if (!isNeedOpen(excuse, outcomes, tpm)) {
      problems.push(
        `excuse for steps ${excuse.steps.join()} is out of date: what it needs is there`,
      );
    }
  }
  for (const outcome of outcomes) {
    const isExcused = excuses.some(({ steps }) => steps.includes(outcome.index));
    if (isExcused && outcome.result !== 'different') {
      problems.push(`step ${outcome.index} is excused, and yet it is ${outcome.result}`);
    }
    if (!isExcused && outcome.result === 'different') problems.push(describe(outcome));
  }
  return problems;
}

/** Whether what an excuse needs is missing; a command was sent before the first of its steps. */
function isNeedOpen({ needs, steps }: Excuse, outcomes: readonly StepOutcome[], tpm: Tpm): boolean {
  if (typeof needs === 'object') {
    return 'algorithm' in needs
      ? !hasAlgorithm(tpm, needs.algorithm)
      : findCommand(TPM_CC[needs.cameWith]) === undefined;
  }
  return outcomes.some(
    ({ index, result, command }) =>
      index < Math.min(...steps) &&
      result === 'absent' &&
      absentCommand(command)?.code === TPM_CC[needs],
  );
}

/** Asks the TPM by GetCapability. */
function hasAlgorithm(tpm: Tpm, algorithm: number): boolean {
  const command = Uint8Array.of(0x80, 1, 0, 0, 0, 22, 0, 0, 1, 0x7a, ...new Uint8Array(12));
  const view = new DataView(command.buffer);
  view.setUint32(14, algorithm);
  view.setUint32(18, 1);
  const response = tpm.execute(command, 0);
  const answer = new DataView(response.buffer, response.byteOffset);
  if (answer.getUint32(6) !== 0) throw new Error('GetCapability was refused');
  return answer.getUint32(15) === 1 && answer.getUint16(19) === algorithm;
}

function describe({ index, step, answer, difference }: StepOutcome): string {
  const name = `step ${index} (${step.command ?? '?'}${step.note ? `: ${step.note}` : ''})`;
  const sent = step.send ?? JSON.stringify(step.sendParts);
  return `${name}: ${difference}\n  sent     ${sent}\n  recorded ${step.recv}\n  answered ${answer}`;
}
