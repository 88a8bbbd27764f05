import { hashAlgorithm } from './crypto/hash.js';
import { hasFreeSlot } from './objects/object-slots.js';
import { DRTM_PCR, hasPcr, PCR_ATTRIBUTES } from './pcr/pcr-attributes.js';
import { extendPcr, zeroPcr } from './pcr/pcr-banks.js';
import { HASHES } from './structures/algorithms.js';
import { LIMIT } from './structures/limits.js';
import type { Tpm } from './tpm.js';

/**
 * _TPM_Hash_Start (Part 3, section 22.9). A sequence that runs begins anew. The signal can't be
 * refused, and the sequence takes an object slot: where all are taken, the first one loses what it
 * has, as with swtpm.
 */
export function hashStart(tpm: Tpm): void {
  if (tpm.failure !== undefined) return;
  if (!hasFreeSlot(tpm)) tpm.state.volatile.slots[0] = undefined;
  tpm.state.volatile.hashSequence = HASHES.map((hash) =>
    hashAlgorithm(hash)!.start().exportState(),
  );
}

/** _TPM_Hash_Data (Part 3, section 22.10). */
export function hashData(tpm: Tpm, bytes: Uint8Array): void {
  const { volatile } = tpm.state;
  if (tpm.failure !== undefined) return;
  volatile.hashSequence = volatile.hashSequence?.map((state, index) =>
    hashAlgorithm(HASHES[index]!)!.importState(state)!.update(bytes).exportState(),
  );
}

/**
 * _TPM_Hash_End (Part 3, section 22.11). Before Startup the digests wait for it (H-CRTM; the last
 * sequence counts). After it they go into PCR 17, once PCR 17 to 22 are zero (DRTM), and
 * restartCount counts it as a start.
 */
export function hashEnd(tpm: Tpm): void {
  const { volatile } = tpm.state;
  if (tpm.failure !== undefined || volatile.hashSequence === undefined) return;
  const digests = volatile.hashSequence.map((state, index) =>
    hashAlgorithm(HASHES[index]!)!.importState(state)!.digest(),
  );
  volatile.hashSequence = undefined;
  if (!volatile.started) {
    volatile.hcrtmDigests = digests;
    return;
  }
  tpm.state.reset.restartCount = (tpm.state.reset.restartCount + 1) >>> 0;
  for (let pcr = 0; pcr < LIMIT.PCR; pcr++) {
    if (hasPcr(PCR_ATTRIBUTES.drtmReset, pcr)) zeroPcr(tpm, pcr);
  }
  extendPcr(
    tpm,
    DRTM_PCR,
    digests.map((digest, index) => ({ hashAlg: HASHES[index]!, digest })),
  );
}
