import { readUint32 } from 'tpm-core';
import type { CommandName } from '../src/commands/command.js';
import {
  assemble,
  type CommandParts,
  catalogueCommand,
  HANDLES,
  wire,
} from './command-catalogue.js';
import type { Dice } from './dice.js';
import { absentCommand } from './golden-scenarios.js';

/** Something that happens to a TPM. */
export type StreamStep =
  | { readonly type: 'command'; readonly bytes: Uint8Array; readonly locality: number }
  /** ContextLoad of the newest context that this TPM saved, changed at an offset from its end. */
  | { readonly type: 'load-context'; readonly damage?: number }
  /** Power cycle. */
  | { readonly type: 'init' }
  /** Hash sequence of the platform. */
  | { readonly type: 'hash'; readonly data: Uint8Array };

/** Startup(CLEAR). */
export const STARTUP: StreamStep = {
  type: 'command',
  bytes: Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0),
  locality: 0,
};

/** Gives a command the size field that its length demands. */
export function withSize(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if (copy.length >= 6) new DataView(copy.buffer).setUint32(2, copy.length);
  return copy;
}

/** @returns a command of the catalogue, one that `name` names or any, changed in a random way */
export function mutatedCommand(dice: Dice, name?: CommandName): Uint8Array {
  const parts = mutatedParts(dice, catalogueCommand(dice, name));
  const bytes = assemble(parts);
  switch (dice.below(8)) {
    case 0:
      return withSize(bytes.subarray(0, dice.below(bytes.length)));
    case 1:
      return bytes.slice(0, dice.below(bytes.length));
    case 2:
      return withSize(wire(bytes, dice.bytes(1 + dice.below(8))));
    case 3: {
      const copy = bytes.slice();
      copy.set(
        dice.pick([
          [0x80, 1],
          [0x80, 2],
          [0, 0xc1],
          [0x80, 0],
          [0, 0xc4],
        ]),
      );
      return copy;
    }
    case 4:
      return bytes;
    default:
      return withChangedBytes(dice, bytes);
  }
}

function withChangedBytes(dice: Dice, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  for (let count = 1 + dice.below(2); count > 0; count--) {
    const at = dice.once(8) ? dice.below(copy.length) : 10 + dice.below(copy.length - 9);
    if (at >= copy.length) continue;
    const old = copy[at]!;
    copy[at] = dice.pick([0, 1, 0xff, old + 1, old - 1, old ^ 0x80, dice.below(256)]);
  }
  return copy;
}

/** Changes handles, sessions or their number, or none of them. */
function mutatedParts(dice: Dice, parts: CommandParts): CommandParts {
  switch (dice.below(6)) {
    case 0:
      return { ...parts, handles: parts.handles.map(() => dice.pick(HANDLES)) };
    case 1:
      return {
        ...parts,
        passwords: Array.from({ length: dice.below(5) }, () => new Uint8Array(0)),
      };
    case 2:
      return { ...parts, passwords: parts.passwords.map(() => dice.bytes(dice.below(20))) };
    default:
      return parts;
  }
}

/**
 * @param length number of steps
 * @param mutants one command in this many is left as the catalogue made it; 1 mutates none
 * @returns a stream for a TPM without power
 */
export function randomStream(dice: Dice, length: number, mutants: number): StreamStep[] {
  const steps: StreamStep[] = [{ type: 'init' }, STARTUP];
  while (steps.length < length) {
    if (dice.once(60)) steps.push(...powerCycle(dice));
    else if (dice.once(100)) steps.push({ type: 'hash', data: dice.bytes(dice.below(80)) });
    else if (dice.once(15)) {
      steps.push({ type: 'load-context', ...(dice.once(3) && { damage: dice.below(100) }) });
    } else steps.push(randomCommand(dice, mutants));
  }
  return steps;
}

function powerCycle(dice: Dice): StreamStep[] {
  const shutdown = wire([16, 0x8001], [32, 12], [32, 0x145], [16, dice.below(2)]);
  const startup = wire([16, 0x8001], [32, 12], [32, 0x144], [16, dice.below(2)]);
  return [
    ...(dice.once(3) ? [] : [{ type: 'command', bytes: shutdown, locality: 0 } as const]),
    { type: 'init' },
    ...(dice.once(4) ? [{ type: 'hash', data: dice.bytes(dice.below(80)) } as const] : []),
    { type: 'command', bytes: startup, locality: dice.once(6) ? 3 : 0 },
    STARTUP,
  ];
}

/** A command whose code isn't one that is still absent here. */
function randomCommand(dice: Dice, mutants: number): StreamStep {
  const locality = dice.once(4) ? dice.below(5) : 0;
  for (;;) {
    const bytes = dice.once(mutants) ? assemble(catalogueCommand(dice)) : mutatedCommand(dice);
    if (absentCommand(bytes) === undefined) return { type: 'command', bytes, locality };
  }
}

/** @returns what a step is, for people */
export function describeStep(step: StreamStep): string {
  switch (step.type) {
    case 'command': {
      const hex = Array.from(step.bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      return `${hex} at locality ${step.locality}`;
    }
    case 'load-context':
      return step.damage === undefined ? 'load context' : `load context, damaged at ${step.damage}`;
    case 'hash':
      return `hash sequence of ${step.data.length} bytes`;
    default:
      return step.type;
  }
}

/** @returns the command code; 0 of what has none */
export function commandCode(command: Uint8Array): number {
  return command.length < 10 ? 0 : readUint32(command, 6);
}
