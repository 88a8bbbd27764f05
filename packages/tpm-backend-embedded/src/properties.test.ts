import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutatedCommand, randomStream, STARTUP, type StreamStep } from '../test/command-streams.js';
import { Dice } from '../test/dice.js';
import { freshTpm, ManualClock, RepeatableRandom } from '../test/fresh-tpm.js';
import { responseDefect } from '../test/response-form.js';
import { restoredTpm } from '../test/restored-tpm.js';
import { StreamPlayer } from '../test/stream-player.js';
import { encodeSnapshot } from './state/tpm-state.js';
import type { Tpm } from './tpm.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
console.info(`properties.test.ts: TPMDEV_SEED=${SEED}`);

const STREAM = { length: 120, mutants: 2 } as const;
const stream = fc
  .integer()
  .map((seed) => randomStream(new Dice(seed), STREAM.length, STREAM.mutants));
const locality = fc.integer({ min: 0, max: 4 });

/** A TPM without power, in a power state that a command can find it in. */
function tpmIn(power: 'off' | 'on' | 'started'): Tpm {
  const tpm = freshTpm();
  if (power !== 'off') tpm.initialize();
  if (power === 'started' && STARTUP.type === 'command') tpm.execute(STARTUP.bytes, 0);
  return tpm;
}

function player(seed: number): StreamPlayer {
  const clock = new ManualClock();
  return new StreamPlayer(freshTpm({ clock, random: new RepeatableRandom(seed) }), clock);
}

function playAll(one: StreamPlayer, steps: readonly StreamStep[]): (Uint8Array | undefined)[] {
  return steps.map((step) => one.play(step));
}

function expectWellFormed(tpm: Tpm, command: Uint8Array, at: number): void {
  const before = command.slice();
  const response = tpm.execute(command, at);
  expect(responseDefect(command, response)).toBeUndefined();
  expect(tpm.failure).toBeUndefined();
  expect(command).toEqual(before);
}

describe('Tpm.execute()', () => {
  const power = fc.constantFrom('off', 'on', 'started');

  it('Tpm.execute() gives any byte string a well-formed answer and leaves it as it is', () => {
    fc.assert(
      fc.property(power, fc.uint8Array({ maxLength: 5000 }), locality, (state, bytes, at) => {
        expectWellFormed(tpmIn(state as 'on'), bytes, at);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('Tpm.execute() gives any mutation of a valid command a well-formed answer', () => {
    fc.assert(
      fc.property(power, fc.integer(), locality, (state, seed, at) => {
        expectWellFormed(tpmIn(state as 'on'), mutatedCommand(new Dice(seed)), at);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('Tpm.execute() answers the same in two runs with the same random numbers and clock', () => {
    fc.assert(
      fc.property(stream, fc.nat(), (steps, seed) => {
        const [one, other] = [player(seed), player(seed)];
        expect(playAll(one, steps)).toEqual(playAll(other, steps));
        expect(encodeSnapshot(one.tpm)).toEqual(encodeSnapshot(other.tpm));
      }),
      { seed: SEED, numRuns: 15 },
    );
  });

  it('Tpm.execute() answers the same however often state is serialised and restored in between', () => {
    fc.assert(
      fc.property(stream, fc.nat(), (steps, seed) => {
        const [one, other] = [player(seed), player(seed)];
        for (const step of steps) {
          const answer = one.play(step);
          expect(other.play(step)).toEqual(answer);
          other.tpm = restoredTpm(other.tpm);
        }
        expect(encodeSnapshot(other.tpm)).toEqual(encodeSnapshot(one.tpm));
      }),
      { seed: SEED, numRuns: 15 },
    );
  });

  it('Tpm.execute() of one TPM changes nothing about another one', () => {
    fc.assert(
      fc.property(stream, stream, (first, second) => {
        const [one, other] = [player(1), player(2)];
        const [alone, otherAlone] = [player(1), player(2)];
        const answers = [playAll(alone, first), playAll(otherAlone, second)];
        const mixed: (Uint8Array | undefined)[][] = [[], []];
        for (let index = 0; index < Math.max(first.length, second.length); index++) {
          if (index < first.length) mixed[0]!.push(one.play(first[index]!));
          if (index < second.length) mixed[1]!.push(other.play(second[index]!));
        }
        expect(mixed).toEqual(answers);
      }),
      { seed: SEED, numRuns: 10 },
    );
  });
});
