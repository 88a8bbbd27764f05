import { readUint16 } from 'tpm-core';
import type { Tpm } from '../src/tpm.js';

const SEED_SIZE = 64;

/** Gives a TPM the seeds and proofs in a new swtpm's state file: the six 64-byte values in a row. */
export function transplantSeeds(tpm: Tpm, file: Uint8Array): void {
  const step = 2 + SEED_SIZE;
  const start = file.findIndex((_byte, offset) =>
    [0, 1, 2, 3, 4, 5].every((index) => readUint16(file, offset + index * step) === SEED_SIZE),
  );
  if (start < 0) throw new Error('The state file of swtpm has no six seeds and proofs in a row');
  const value = (index: number): Uint8Array =>
    file.slice(start + index * step + 2, start + (index + 1) * step);
  Object.assign(tpm.state.permanent, {
    endorsementSeed: value(0),
    storageSeed: value(1),
    platformSeed: value(2),
    platformProof: value(3),
    storageProof: value(4),
    endorsementProof: value(5),
  });
}
