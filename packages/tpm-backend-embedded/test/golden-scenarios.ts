import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import { readUint32, TPM_CC } from 'tpm-core';
import { findCommand } from '../src/commands/command-table.js';
import type { Tpm } from '../src/tpm.js';

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

/** What became of a step. */
export interface StepOutcome {
  readonly index: number;
  readonly step: GoldenStep;
  /** The answer, hexadecimal; empty of a platform step. */
  readonly answer: string;
  /** `'absent'`: the command isn't there yet. */
  readonly result: 'equal' | 'different' | 'absent' | 'platform';
}

/** Sends a recorded conversation to a TPM and compares each answer by the step's rule. */
export function replay(tpm: Tpm, scenario: GoldenScenario): StepOutcome[] {
  const captures = new Map<string, Uint8Array>();
  let locality = 0;
  return scenario.steps.map((step, index) => {
    if (step.platform !== undefined) {
      if (step.platform === 'locality') locality = step.value!;
      else runPlatformStep(tpm, step);
      return { index, step, answer: '', result: 'platform' };
    }
    const command = commandBytes(step, captures);
    const response = tpm.execute(command, locality);
    if (step.capture !== undefined) {
      captures.set(step.capture.name, response.slice(step.capture.offset));
    }
    const code = readUint32(command, 6);
    const isKnown = (Object.values(TPM_CC) as number[]).includes(code);
    const result =
      isKnown && step.recv!.slice(12, 20) !== '00000143' && findCommand(code) === undefined
        ? 'absent'
        : isEqual(step, toHex(response))
          ? 'equal'
          : 'different';
    return { index, step, answer: toHex(response), result };
  });
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

function isEqual(step: GoldenStep, answer: string): boolean {
  const expected = step.recv!;
  switch (step.compare) {
    case 'exact':
      return answer === expected;
    case 'mask': {
      if (answer.length !== expected.length) return false;
      const hidden = (text: string): string => {
        const digits = [...text];
        for (const [offset, length] of step.mask ?? []) {
          digits.fill('.', 2 * offset, 2 * (offset + length));
        }
        return digits.join('');
      };
      return hidden(answer) === hidden(expected);
    }
    case 'rc':
      return answer.slice(12, 20) === expected.slice(12, 20);
    default:
      // Tag and response code; that it parses is looked at where its fields are used.
      return (
        answer.slice(0, 4) === expected.slice(0, 4) &&
        answer.slice(12, 20) === expected.slice(12, 20) &&
        Number.parseInt(answer.slice(4, 12), 16) * 2 === answer.length
      );
  }
}
