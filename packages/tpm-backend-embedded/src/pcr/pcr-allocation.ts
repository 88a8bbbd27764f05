import { TPM_RC } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import type { ResponseCode } from '../response-code.js';
import { HASHES } from '../structures/algorithms.js';
import type { PcrSelection } from '../structures/buffers.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';
import { DRTM_PCR, HCRTM_PCR, hasPcr, pcrMask } from './pcr-attributes.js';

/** Answer of TPM2_PCR_Allocate. */
export interface AllocationResult {
  readonly allocationSuccess: number;
  readonly maxPCR: number;
  /** Bytes of the PCR that are to be allocated. */
  readonly sizeNeeded: number;
  /** Bytes of all PCR in all banks. */
  readonly sizeAvailable: number;
}

/**
 * Chooses the PCR of each bank from the next start on (TPM2_PCR_Allocate). Banks that are not named
 * stay as they are now, whatever an earlier allocation in the same power cycle said; of a bank that
 * is named twice the last counts.
 *
 * @returns TPM_RC.PCR when no bank would have PCR 0 or none PCR 17
 */
export function allocatePcrs(
  tpm: Tpm,
  selections: readonly PcrSelection[],
): AllocationResult | ResponseCode {
  const { permanent, volatile } = tpm.state;
  const chosen = HASHES.map(
    (hash): PcrSelection =>
      selections.findLast((selection) => selection.hash === hash) ??
      volatile.pcrSelection.find((selection) => selection.hash === hash) ?? {
        hash,
        pcrSelect: new Uint8Array(LIMIT.PCR_SELECT),
      },
  );
  const all = chosen.reduce((mask, { pcrSelect }) => mask | pcrMask(pcrSelect), 0);
  if (!hasPcr(all, HCRTM_PCR) || !hasPcr(all, DRTM_PCR)) return TPM_RC.PCR;
  permanent.pcrAllocation = chosen;
  volatile.pcrReallocated = true;
  tpm.permanentChanged = true;
  return {
    allocationSuccess: 1,
    maxPCR: LIMIT.PCR,
    sizeNeeded: bytesOf(chosen.map(({ hash, pcrSelect }) => [hash, pcrMask(pcrSelect)])),
    sizeAvailable: bytesOf(HASHES.map((hash) => [hash, 0xff_ffff])),
  };
}

function bytesOf(banks: readonly (readonly [hash: number, mask: number])[]): number {
  let bytes = 0;
  for (const [hash, mask] of banks) {
    for (let pcr = 0; pcr < LIMIT.PCR; pcr++) {
      if (hasPcr(mask, pcr)) bytes += hashAlgorithm(hash)!.digestSize;
    }
  }
  return bytes;
}
