import { concatBytes } from '@noble/hashes/utils.js';
import type { RandomSource } from 'tpm-core';
import type { HashAlgorithm } from './hash.js';
import { kdfaBlock } from './kdf.js';

/** Number of bits that each block says were asked for, whatever is taken (libtpms). */
const STREAM_BITS = 8_192;

/**
 * The bytes that a derived object is made of (Part 1, 28; TPM2_CreateLoaded under a derivation
 * parent): the blocks of KDFa one after the other. Requests go on where the last one ended, so
 * their cut does not matter.
 *
 * @example the secret of a derived ECC key
 * ```ts
 * const source = new DerivedSource(hash, parentSecret, label, context);
 * const { value } = createSecret(source, { type: 'ecc', curve }, { size: 0 }).next();
 * ```
 */
export class DerivedSource implements RandomSource {
  readonly #block: (counter: number) => Uint8Array;
  #counter = 1;
  #rest: Uint8Array = new Uint8Array(0);

  /**
   * @param hash hash of the parent's XOR scheme
   * @param parentSecret `sensitive` of the parent
   * @param label of the template's `unique`, or of the caller's sensitive data where that has one;
   *   ends in a zero byte, which is added where it is missing
   * @param context from the same place
   */
  constructor(
    hash: HashAlgorithm,
    parentSecret: Uint8Array,
    label: Uint8Array,
    context: Uint8Array,
  ) {
    this.#block = kdfaBlock(hash, parentSecret, label, context, new Uint8Array(0), STREAM_BITS);
  }

  fill(target: Uint8Array): void {
    while (this.#rest.length < target.length) {
      this.#rest = concatBytes(this.#rest, this.#block(this.#counter++));
    }
    target.set(this.#rest.subarray(0, target.length));
    this.#rest = this.#rest.slice(target.length);
  }
}
