import type { PcrSelection } from '../structures/buffers.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';
import { hasPcr, pcrMask, pcrSelectOf } from './pcr-attributes.js';
import { allocatedPcrs, findBank, pcrValue } from './pcr-banks.js';

/** Answer of TPM2_PCR_Read. */
export interface PcrReadResult {
  readonly pcrUpdateCounter: number;
  /** What of the selection is in `pcrValues`. */
  readonly pcrSelectionOut: readonly PcrSelection[];
  readonly pcrValues: readonly Uint8Array[];
}

/** @returns the values of the first eight PCR of a selection that are in use */
export function readPcrs(tpm: Tpm, selections: readonly PcrSelection[]): PcrReadResult {
  const pcrValues: Uint8Array[] = [];
  const pcrSelectionOut = selections.map(({ hash, pcrSelect }): PcrSelection => {
    const bank = findBank(tpm, hash);
    const wanted = pcrMask(pcrSelect) & allocatedPcrs(tpm, hash);
    let read = 0;
    if (bank !== undefined) {
      for (let pcr = 0; pcr < LIMIT.PCR && pcrValues.length < LIMIT.DIGEST_LIST; pcr++) {
        if (!hasPcr(wanted, pcr)) continue;
        pcrValues.push(pcrValue(bank, pcr));
        read |= 1 << pcr;
      }
    }
    return { hash, pcrSelect: pcrSelectOf(read) };
  });
  return { pcrUpdateCounter: tpm.state.reset.pcrCounter, pcrSelectionOut, pcrValues };
}
