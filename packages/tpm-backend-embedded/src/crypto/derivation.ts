import { ecb } from '@noble/ciphers/aes.js';

/** Bytes that the function gives: key and V of the AES-256 generator. */
export const DERIVED_SEED_SIZE = 48;

const BLOCK_SIZE = 16;
const CHAINS = DERIVED_SEED_SIZE / BLOCK_SIZE;
const DATA_OFFSET = 4;
const FINAL_BIT = 0x80;
const KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => index);

/**
 * One block for each of the three CBC-MAC chains.
 *
 * libtpms: what enters the cipher for one chain is combined into what enters it for the next, so
 * the block itself drops out of the second chain's input.
 */
function absorb(chains: Uint8Array, blocks: (chain: number) => Uint8Array): Uint8Array {
  const input = chains.slice();
  for (let chain = 0; chain < CHAINS; chain++) {
    const block = blocks(chain);
    for (let index = 0; index < BLOCK_SIZE; index++) {
      const at = chain * BLOCK_SIZE + index;
      input[at]! ^= block[index]! ^ (chain === 0 ? 0 : input[at - BLOCK_SIZE]!);
    }
  }
  return ecb(KEY, { disablePadding: true }).encrypt(input);
}

/**
 * Derivation function that makes generator seeds from any input. It is like Block_Cipher_df of
 * SP 800-90A, 10.3.2, for AES-256, with the differences that the TPM reference implementation has,
 * because primary keys must come out the same:
 *
 * - the chains are not independent, see `absorb`;
 * - the two length words stand in the first chaining value, not before the input; the input starts
 *   at offset 4 of the first block;
 * - the chaining values are the result; the closing encryption of the standard does not take place.
 *
 * @param parts the input, one part after the other
 * @returns 48 bytes
 */
export function deriveSeed(...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const counter = new Uint8Array(BLOCK_SIZE);
  let chains = absorb(new Uint8Array(DERIVED_SEED_SIZE), (chain) => {
    counter[3] = chain;
    return counter;
  });
  const lengths = new DataView(chains.buffer, chains.byteOffset);
  lengths.setUint32(0, length);
  lengths.setUint32(4, DERIVED_SEED_SIZE);

  const size = Math.ceil((DATA_OFFSET + length + 1) / BLOCK_SIZE) * BLOCK_SIZE;
  const input = new Uint8Array(size);
  let end = DATA_OFFSET;
  for (const part of parts) {
    input.set(part, end);
    end += part.length;
  }
  input[end] = FINAL_BIT;
  for (let offset = 0; offset < size; offset += BLOCK_SIZE) {
    const block = input.subarray(offset, offset + BLOCK_SIZE);
    chains = absorb(chains, () => block);
  }
  return chains;
}
