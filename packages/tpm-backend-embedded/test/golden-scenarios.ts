import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import type { Command } from '../src/commands/command.js';
import type { Tpm } from '../src/tpm.js';
import { commandRow, responseDefect } from './response-form.js';

/** A step of a recorded conversation with swtpm (see `fixtures/README.md`). */
export interface GoldenStep {
  readonly send?: string;
  readonly sendParts?: readonly {
    readonly hex?: string;
    readonly capture?: string;
    readonly xor?: readonly { readonly offset: number; readonly with: number }[];
  }[];
  readonly recv?: string;
  readonly compare?: 'exact' | 'mask' | 'rc' | 'structure';
  readonly mask?: readonly (readonly [number, number])[];
  readonly capture?: { readonly name: string; readonly offset: number };
  readonly note?: string;
  readonly command?: string;
  readonly platform?: 'init' | 'locality' | 'hash';
  readonly value?: number;
  readonly data?: string;
}

/** A recorded conversation with a fresh TPM. */
export interface GoldenScenario {
  readonly name: string;
  readonly note: string;
  readonly steps: readonly GoldenStep[];
}

/** The 22 recorded conversations. */
export const SCENARIOS: readonly GoldenScenario[] = (
  await fixtureJson<{ readonly scenarios: readonly GoldenScenario[] }>(
    new URL('../fixtures/differential.json.gz', import.meta.url),
  )
).scenarios;

/** TPM_RC_COMMAND_CODE. */
const COMMAND_CODE_RESPONSE = '80010000000a00000143';

/** TPM_RC_FAILURE. */
const FAILURE = '80010000000a00000101';
/** TPM_RC_VALUE. */
const VALUE = '80010000000a00000084';

/** What became of a step. */
export interface StepOutcome {
  readonly index: number;
  readonly step: GoldenStep;
  /** The command as it was sent; empty of a platform step. */
  readonly command: Uint8Array;
  /** The answer, hexadecimal; empty of a platform step. */
  readonly answer: string;
  /** How it differs; undefined of an equal answer. */
  readonly difference?: string;
  /**
   * `'absent'`: the command isn't there yet, and the answer says so. `'lost'`: different, and the
   * command contains bytes of an answer that an absent command would have given.
   */
  readonly result: 'equal' | 'different' | 'absent' | 'lost' | 'platform';
}

/**
 * Sends a recorded conversation to a TPM and compares each answer by the step's rule.
 *
 * @param successor gives the TPM that takes the next step; the same one unless given
 */
export function replay(
  first: Tpm,
  scenario: Pick<GoldenScenario, 'steps'>,
  successor: (tpm: Tpm) => Tpm = (tpm) => tpm,
): StepOutcome[] {
  let tpm = first;
  const captures = new Map<string, Uint8Array>();
  const lostCaptures = new Set<string>();
  let locality = 0;
  return scenario.steps.map((step, index): StepOutcome => {
    if (index > 0) tpm = successor(tpm);
    if (step.platform !== undefined) {
      if (step.platform === 'locality') locality = step.value!;
      else runPlatformStep(tpm, step);
      return { index, step, command: new Uint8Array(0), answer: '', result: 'platform' };
    }
    const command = commandBytes(step, captures);
    const response = tpm.execute(command, locality);
    const answer = toHex(response);
    if (step.capture !== undefined) {
      captures.set(step.capture.name, response.slice(step.capture.offset));
    }
    const difference = differenceOf(asStandard(step, command), command, response);
    if (difference === undefined) return { index, step, command, answer, result: 'equal' };
    const usesLost = step.sendParts?.some(({ capture }) => lostCaptures.has(capture ?? ''));
    const result = isRefusedAsAbsent(command, answer) ? 'absent' : usesLost ? 'lost' : 'different';
    if (result !== 'different' && step.capture !== undefined) lostCaptures.add(step.capture.name);
    return { index, step, command, answer, difference, result };
  });
}

/** @returns the row of a command that is in the table and has no action yet */
export function absentCommand(command: Uint8Array): Command | undefined {
  const row = commandRow(command);
  return row?.action === undefined ? row : undefined;
}

function isRefusedAsAbsent(command: Uint8Array, answer: string): boolean {
  return absentCommand(command) !== undefined && answer === COMMAND_CODE_RESPONSE;
}

function runPlatformStep(tpm: Tpm, step: GoldenStep): void {
  if (step.platform === 'init') tpm.initialize();
  else {
    tpm.hashStart();
    tpm.hashData(fromHex(step.data!));
    tpm.hashEnd();
  }
}

function commandBytes(step: GoldenStep, captures: ReadonlyMap<string, Uint8Array>): Uint8Array {
  if (step.sendParts === undefined) return fromHex(step.send!);
  const parts = step.sendParts.map((part) => {
    if (part.hex !== undefined) return fromHex(part.hex);
    const bytes = (captures.get(part.capture!) ?? new Uint8Array(0)).slice();
    for (const { offset, with: mask } of part.xor ?? []) {
      // The blob's layout is the TPM's own: what lies beyond its end is changed in its last byte.
      const at = Math.min(offset, bytes.length - 1);
      bytes[at] = bytes[at]! ^ mask;
    }
    return bytes;
  });
  const command = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    command.set(part, offset);
    offset += part.length;
  }
  new DataView(command.buffer).setUint32(2, command.length);
  return command;
}

/**
 * Compares an answer with the recorded one by the step's rule.
 *
 * @returns what differs, or undefined; an answer that isn't well-formed always differs
 */
export function differenceOf(
  step: GoldenStep,
  command: Uint8Array,
  response: Uint8Array,
): string | undefined {
  const defect = responseDefect(command, response);
  if (defect !== undefined) return `Response ${defect}`;
  const answer = toHex(response);
  const expected = step.recv!;
  const hidden = step.compare === 'mask' ? (step.mask ?? []) : [];
  switch (step.compare) {
    case 'exact':
    case 'mask':
      return masked(answer, hidden) === masked(expected, hidden) ? undefined : 'Bytes differ';
    case 'rc':
      return codeOf(answer) === codeOf(expected) ? undefined : 'Response code differs';
    case 'structure':
      return codeOf(answer) === codeOf(expected) && tagOf(answer) === tagOf(expected)
        ? undefined
        : 'Tag or response code differs';
    default:
      throw new Error(`Recorded step has the unknown comparison "${step.compare}"`);
  }
}

/**
 * libtpms answers TPM_RC_FAILURE where RSA_Encrypt and RSA_Decrypt can't use a number, a message or
 * a padding ("quirks" of the recordings).
 *
 * @returns the step with the code that the standard has for it, TPM_RC_VALUE; other steps as they are
 */
function asStandard(step: GoldenStep, command: Uint8Array): GoldenStep {
  const name = commandRow(command)?.name;
  const isRsa = name === 'RSA_Encrypt' || name === 'RSA_Decrypt';
  return isRsa && step.recv === FAILURE ? { ...step, recv: VALUE } : step;
}

function codeOf(hex: string): string {
  return hex.slice(12, 20);
}

function tagOf(hex: string): string {
  return hex.slice(0, 4);
}

/** Blanks byte ranges out; what is shorter stays shorter. */
function masked(hex: string, ranges: readonly (readonly [number, number])[]): string {
  const digits = [...hex];
  for (const [offset, length] of ranges) digits.fill('.', 2 * offset, 2 * (offset + length));
  return digits.join('');
}

/** Counts what became of the steps, in words for people. */
export function summary(outcomes: readonly StepOutcome[]): string {
  const count = (result: StepOutcome['result']): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  const absent = new Map<string, number>();
  for (const { result, command } of outcomes) {
    if (result !== 'absent') continue;
    const { name } = absentCommand(command)!;
    absent.set(name, (absent.get(name) ?? 0) + 1);
  }
  const list = [...absent].map(([name, times]) => `${name} ${times}`).join(', ');
  const steps = outcomes.length - count('platform');
  return [
    `${count('equal')} of ${steps} steps as recorded`,
    `${count('lost') + count('different')} depend on what isn't there yet`,
    `${count('absent')} are absent commands${list && ` (${list})`}`,
  ].join('; ');
}
