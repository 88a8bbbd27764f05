import type { Tpm } from '../src/tpm.js';
import type { StreamStep } from './command-streams.js';
import type { ManualClock } from './fresh-tpm.js';
import { SavedContext } from './saved-context.js';

/** Milliseconds that pass with each step of a stream. */
const STEP_TIME = 7;

/** Plays a stream to a TPM in this process. */
export class StreamPlayer {
  readonly #context = new SavedContext();
  readonly #clock: ManualClock;
  /** The TPM; may be replaced by one with the same state between two steps. */
  tpm: Tpm;
  /** Command of the last step; empty when it had none. */
  command: Uint8Array = new Uint8Array(0);

  constructor(tpm: Tpm, clock: ManualClock) {
    this.tpm = tpm;
    this.#clock = clock;
  }

  /** @returns the answer; undefined of a step outside the command channel */
  play(step: StreamStep): Uint8Array | undefined {
    this.#clock.advance(STEP_TIME);
    if (step.type === 'init') {
      this.tpm.initialize();
      return undefined;
    }
    if (step.type === 'hash') {
      this.tpm.hashStart();
      this.tpm.hashData(step.data);
      this.tpm.hashEnd();
      return undefined;
    }
    this.command = this.#context.command(step)!;
    const response = this.tpm.execute(this.command, step.type === 'command' ? step.locality : 0);
    this.#context.note(this.command, response);
    return response;
  }
}
