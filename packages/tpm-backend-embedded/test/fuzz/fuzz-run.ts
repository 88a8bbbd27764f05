import type { Tpm } from '../../src/tpm.js';
import { commandCode, describeStep, randomStream, type StreamStep } from '../command-streams.js';
import { Dice } from '../dice.js';
import { freshTpm, ManualClock, RepeatableRandom } from '../fresh-tpm.js';
import { responseDefect } from '../response-form.js';
import { restoredTpm } from '../restored-tpm.js';
import { SavedContext } from '../saved-context.js';
import { fuzzSession } from './session-fuzz.js';

/** Steps of one TPM's life. */
const STREAM_LENGTH = 2000;
/** One command in this many is left as it is. */
const MUTANTS = 4;
/** Steps between two restorations of the whole state. */
const RESTORE_INTERVAL = 97;
/** Steps between two uses of a valid session. */
const SESSION_INTERVAL = 211;
/** Most steps of one command: the search for an RSA key has the most. */
const STEP_LIMIT = 20_000;
const STEP_TIME = 7;

/** What a run did. */
export interface FuzzResult {
  commands: number;
  accepted: number;
  restored: number;
  /** Uses of valid sessions that succeeded. */
  sessionUses: number;
  /** Most steps that one command took. */
  mostSteps: number;
  /** Response codes that came, with how often. */
  readonly codes: Map<number, number>;
}

/**
 * Sends random and mutated commands to TPMs, each of which lives for some thousand commands, and
 * uses sessions in between.
 *
 * @param seed repeats the run
 * @param commands least number of commands
 * @param progress called after each TPM
 * @throws Error with the seed and the step when a TPM throws, hangs, answers with anything but a
 *   well-formed response, or has a state that isn't the same after it was serialised and restored
 */
export async function fuzz(
  seed: number,
  commands: number,
  progress: (result: FuzzResult) => void = () => {},
): Promise<FuzzResult> {
  const result: FuzzResult = {
    commands: 0,
    accepted: 0,
    restored: 0,
    sessionUses: 0,
    mostSteps: 0,
    codes: new Map(),
  };
  for (let life = 0; result.commands < commands; life++) {
    const dice = new Dice(seed + life);
    const stream = randomStream(dice, Math.min(STREAM_LENGTH, commands), MUTANTS);
    const one = new Life(seed + life, result);
    for (const [at, step] of stream.entries()) {
      await one.checked(at, describeStep(step), async () => {
        one.play(step);
        if (at % SESSION_INTERVAL === SESSION_INTERVAL - 1) await one.useSession(dice);
        if (at % RESTORE_INTERVAL === RESTORE_INTERVAL - 1) one.restore();
      });
    }
    progress(result);
  }
  return result;
}

/** One TPM. */
class Life {
  readonly #seed: number;
  readonly #result: FuzzResult;
  readonly #clock = new ManualClock();
  readonly #context = new SavedContext();
  #tpm: Tpm;

  constructor(seed: number, result: FuzzResult) {
    this.#seed = seed;
    this.#result = result;
    this.#tpm = freshTpm({ clock: this.#clock, random: new RepeatableRandom(seed) });
  }

  /** Names the step where something goes wrong. */
  async checked(at: number, what: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (cause) {
      throw new Error(`Seed ${this.#seed}, step ${at}, ${what}: ${String(cause)}`, { cause });
    }
  }

  play(step: StreamStep): void {
    this.#clock.advance(STEP_TIME);
    if (step.type === 'init') this.#tpm.initialize();
    else if (step.type === 'hash') {
      this.#tpm.hashStart();
      this.#tpm.hashData(step.data);
      this.#tpm.hashEnd();
    } else {
      const command = this.#context.command(step)!;
      const locality = step.type === 'command' ? step.locality : 0;
      this.#context.note(command, this.#execute(command, locality));
    }
  }

  async useSession(dice: Dice): Promise<void> {
    this.#result.sessionUses += await fuzzSession(dice, (command) => this.#execute(command, 0));
  }

  restore(): void {
    this.#tpm = restoredTpm(this.#tpm);
    this.#result.restored++;
  }

  #execute(command: Uint8Array, locality: number): Uint8Array {
    const response = this.#run(command, locality);
    if (this.#tpm.failure !== undefined) throw this.#tpm.failure;
    const defect = responseDefect(command, response);
    if (defect !== undefined) {
      throw new Error(`Response to command 0x${commandCode(command).toString(16)} ${defect}`);
    }
    const code = new DataView(response.buffer, response.byteOffset).getUint32(6);
    const { codes } = this.#result;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (code === 0) this.#result.accepted++;
    this.#result.commands++;
    return response;
  }

  #run(command: Uint8Array, locality: number): Uint8Array {
    const steps = this.#tpm.process(command, locality);
    for (let count = 1; count <= STEP_LIMIT; count++) {
      const step = steps.next();
      if (!step.done) continue;
      this.#result.mostSteps = Math.max(this.#result.mostSteps, count);
      return step.value;
    }
    throw new Error(`Command takes more than ${STEP_LIMIT} steps`);
  }
}
