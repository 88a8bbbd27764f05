import type { RandomSource } from 'tpm-core';
import { CtrDrbg, DRBG_STATE_SIZE } from './drbg.js';

/** Bytes that are drawn at a time: the set-up of a request costs more than these do. */
const RESERVE_SIZE = 240;

/** Largest exported state of {@link RandomGenerator} in bytes. */
export const RANDOM_STATE_LIMIT: number = DRBG_STATE_SIZE + RESERVE_SIZE;

/**
 * The TPM's own generator of random numbers (Part 1, section 11.4.10.2): a {@link CtrDrbg} that
 * hands out what it drew ahead. What was handed out is erased from memory.
 */
export class RandomGenerator implements RandomSource {
  readonly #source: CtrDrbg;
  /** Bytes drawn ahead and not handed out yet. */
  #reserve: Uint8Array;

  private constructor(source: CtrDrbg, reserve: Uint8Array) {
    this.#source = source;
    this.#reserve = reserve;
  }

  /** @param entropy gives the seed */
  static seeded(entropy: RandomSource): RandomGenerator {
    return new RandomGenerator(CtrDrbg.seeded(entropy), new Uint8Array(0));
  }

  /** @returns the generator with that state; `undefined` when it has not a possible size */
  static importState(state: Uint8Array): RandomGenerator | undefined {
    if (state.length > RANDOM_STATE_LIMIT) return undefined;
    const source = CtrDrbg.importState(state.subarray(0, DRBG_STATE_SIZE));
    return source && new RandomGenerator(source, state.slice(DRBG_STATE_SIZE));
  }

  /** @returns everything that foretells what this generator will give */
  exportState(): Uint8Array {
    const state = new Uint8Array(DRBG_STATE_SIZE + this.#reserve.length);
    state.set(this.#source.exportState());
    state.set(this.#reserve, DRBG_STATE_SIZE);
    return state;
  }

  /** Reseeds with fresh bytes and `additional` data; what was drawn ahead is dropped. */
  stir(entropy: RandomSource, ...additional: Uint8Array[]): void {
    this.#reserve.fill(0);
    this.#reserve = new Uint8Array(0);
    this.#source.stir(entropy, ...additional);
  }

  /** @returns `length` bytes */
  generate(length: number): Uint8Array {
    if (length > RESERVE_SIZE) return this.#source.generate(length);
    if (length > this.#reserve.length) {
      this.#reserve.fill(0);
      this.#reserve = this.#source.generate(RESERVE_SIZE);
    }
    const bytes = this.#reserve.slice(0, length);
    this.#reserve.fill(0, 0, length);
    this.#reserve = this.#reserve.subarray(length);
    return bytes;
  }

  /** Fills `target`. */
  fill(target: Uint8Array): void {
    target.set(this.generate(target.length));
  }
}
