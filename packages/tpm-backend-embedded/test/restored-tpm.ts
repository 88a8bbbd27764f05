import type { RandomSource } from 'tpm-core';
import { applySnapshot, decodeSnapshot, encodeSnapshot } from '../src/state/tpm-state.js';
import { Tpm } from '../src/tpm.js';

/**
 * Serialises a TPM's whole state and goes on from it in another instance.
 *
 * @returns the other instance, with the clock and from now on the random source of the first
 * @throws Error when the state is refused, or is another one when it is written again
 */
export function restoredTpm(tpm: Tpm): Tpm {
  const bytes = encodeSnapshot(tpm);
  const snapshot = decodeSnapshot(bytes, tpm.transientSlots);
  if (typeof snapshot === 'string') throw new Error(`State written by the TPM ${snapshot}`);
  const random = new HandedOverRandom();
  const restored = new Tpm({ clock: tpm.clock, random, transientSlots: tpm.transientSlots });
  applySnapshot(restored, snapshot);
  random.source = tpm.entropy;
  const again = encodeSnapshot(restored);
  if (again.length !== bytes.length || again.some((byte, index) => byte !== bytes[index])) {
    throw new Error('State of the restored TPM is written in another way');
  }
  return restored;
}

/** Zeros while a TPM is made, whose state is replaced anyway; then what the source gives. */
class HandedOverRandom implements RandomSource {
  source: RandomSource | undefined;

  fill(target: Uint8Array): void {
    if (this.source === undefined) target.fill(0);
    else this.source.fill(target);
  }
}
