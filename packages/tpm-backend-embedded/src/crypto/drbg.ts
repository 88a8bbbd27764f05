import { unsafe } from '@noble/ciphers/aes.js';
import type { RandomSource } from 'tpm-core';
import { DERIVED_SEED_SIZE, deriveSeed } from './derivation.js';

const KEY_SIZE = 32;
const BLOCK_SIZE = 16;

/** Size of the state of {@link CtrDrbg} in bytes: key (32) ‖ V (16). */
export const DRBG_STATE_SIZE: number = KEY_SIZE + BLOCK_SIZE;

/**
 * The AES-256 counter-mode generator of SP 800-90A, 10.2.1. Each request refreshes the state, so
 * what it gives depends on how the requests are cut.
 *
 * V is counted up before each block, and a request ends with three more blocks that become the new
 * state: both together are one run of counter mode. It uses the library's `unsafe` functions, which
 * may change from version to version (the version is exact, and tests compare with NIST's vector):
 * they take half the time, and every GetRandom and every nonce comes from here.
 */
export class CtrDrbg implements RandomSource {
  #state: Uint8Array = new Uint8Array(DRBG_STATE_SIZE);

  /**
   * A generator for the TPM itself.
   *
   * @param entropy gives the 48 bytes of seed
   * @param personalization anything that tells this TPM from others; may be empty
   */
  static seeded(entropy: RandomSource, ...personalization: Uint8Array[]): CtrDrbg {
    const generator = new CtrDrbg();
    generator.stir(entropy, ...personalization);
    return generator;
  }

  /** @returns the generator with that state; `undefined` when it has not the right size */
  static importState(state: Uint8Array): CtrDrbg | undefined {
    if (state.length !== DRBG_STATE_SIZE) return undefined;
    const generator = new CtrDrbg();
    generator.#state = state.slice();
    return generator;
  }

  /** @returns key ‖ V: 48 bytes that foretell everything this generator will give */
  exportState(): Uint8Array {
    return this.#state.slice();
  }

  /** Takes `parts` in through the derivation function; the old state stays in the game. */
  reseed(...parts: Uint8Array[]): void {
    this.#state = this.#stream(deriveSeed(...parts));
  }

  /** Reseeds with 48 fresh bytes and `additional` data (TPM2_StirRandom). */
  stir(entropy: RandomSource, ...additional: Uint8Array[]): void {
    const fresh = new Uint8Array(DERIVED_SEED_SIZE);
    entropy.fill(fresh);
    this.reseed(fresh, ...additional);
  }

  /** @returns `length` bytes, from one request */
  generate(length: number): Uint8Array {
    const output = Math.ceil(length / BLOCK_SIZE) * BLOCK_SIZE;
    const stream = this.#stream(new Uint8Array(output + DRBG_STATE_SIZE));
    this.#state = stream.subarray(output);
    return stream.slice(0, length);
  }

  /** Fills `target` from one request. */
  fill(target: Uint8Array): void {
    target.set(this.generate(target.length));
  }

  #stream(input: Uint8Array): Uint8Array {
    const counter = this.#state.slice(KEY_SIZE);
    for (let index = BLOCK_SIZE - 1; index >= 0; index--) {
      counter[index]!++;
      if (counter[index] !== 0) break;
    }
    const key = unsafe.expandKeyLE(this.#state.subarray(0, KEY_SIZE));
    return unsafe.ctrCounter(key, counter, input, input);
  }
}
