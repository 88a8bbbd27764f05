import type { Clock, RandomSource } from 'tpm-core';
import { Tpm, type TpmOptions } from '../src/tpm.js';

/** A clock that a test moves. */
export class ManualClock implements Clock {
  #now = 0;

  now(): number {
    return this.#now;
  }

  /** Lets `milliseconds` pass. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** A random source that repeats itself from run to run: a linear congruential generator. */
export class RepeatableRandom implements RandomSource {
  #state: number;

  constructor(seed = 1) {
    this.#state = seed;
  }

  fill(target: Uint8Array): void {
    for (let index = 0; index < target.length; index++) {
      this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
      target[index] = this.#state >>> 24;
    }
  }
}

/** A TPM that was never powered, with a clock that stands still and repeatable random numbers. */
export function freshTpm(options: Partial<TpmOptions> = {}): Tpm {
  return new Tpm({ clock: new ManualClock(), random: new RepeatableRandom(), ...options });
}
