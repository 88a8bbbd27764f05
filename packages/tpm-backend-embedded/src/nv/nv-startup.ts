import type { NvIndexState } from '../state/nv-state.js';
import { ORDERLY } from '../state/permanent-state.js';
import { TPMA_NV } from '../structures/nv-public.js';
import type { Tpm } from '../tpm.js';
import { changeNvAttributes, hasNvAttribute, isCounter } from './nv-index.js';
import { bigEndian, eightBytes } from './nv-number.js';

/** An orderly counter is stored when it reaches a multiple of this (TPM_PT_ORDERLY_COUNT + 1). */
export const ORDERLY_INTERVAL = 0x100n;

/**
 * What Startup(CLEAR) makes of the indexes (Part 1, section 37.7): locks that last until a start
 * end, and so do data with CLEAR_STCLEAR. A TPM Reset takes orderly data too, as swtpm has it, but
 * for those of counters: these go on where no value was ever seen if there was no Shutdown.
 *
 * @param isReset TPM Reset rather than TPM Restart
 */
export function restartNvIndexes(tpm: Tpm, isReset: boolean): void {
  const { permanent } = tpm.state;
  const isDisorderly = isReset && permanent.orderly !== ORDERLY.CLEAR;
  const ends = TPMA_NV.CLEAR_STCLEAR | (isReset ? TPMA_NV.ORDERLY : 0);
  for (const index of permanent.nvIndexes) {
    if (!isCounter(index)) {
      if (hasNvAttribute(index, ends)) forgetData(index);
    } else if (isDisorderly && hasNvAttribute(index, TPMA_NV.ORDERLY)) {
      skipInterval(index);
    }
    const staysLocked =
      hasNvAttribute(index, TPMA_NV.WRITEDEFINE) && hasNvAttribute(index, TPMA_NV.WRITTEN);
    changeNvAttributes(index, 0, TPMA_NV.READLOCKED | (staysLocked ? 0 : TPMA_NV.WRITELOCKED));
  }
}

function forgetData(index: NvIndexState): void {
  index.data = new Uint8Array(index.data.length);
  changeNvAttributes(index, 0, TPMA_NV.WRITTEN);
}

/** The value before the next one that is stored. */
function skipInterval(index: NvIndexState): void {
  if (!hasNvAttribute(index, TPMA_NV.WRITTEN)) return;
  index.data = eightBytes(bigEndian(index.data) | (ORDERLY_INTERVAL - 1n));
}
