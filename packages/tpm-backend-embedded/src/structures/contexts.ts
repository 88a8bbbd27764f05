import { TPMI_DH_SAVED, TPMI_RH_HIERARCHY } from './handles.js';
import { LIMIT } from './limits.js';
import { sizedBytes, structure, UINT64, type WireType } from './wire-type.js';

/** A saved object or session (Part 2, section 14.5, TPMS_CONTEXT). */
export interface Context {
  readonly sequence: bigint;
  readonly savedHandle: number;
  readonly hierarchy: number;
  /** Integrity value and encrypted state: private to the TPM that made it. */
  readonly contextBlob: Uint8Array;
}
/** A saved object or session. */
export const TPMS_CONTEXT: WireType<Context> = structure<Context>({
  sequence: UINT64,
  savedHandle: TPMI_DH_SAVED,
  hierarchy: TPMI_RH_HIERARCHY,
  contextBlob: sizedBytes(LIMIT.CONTEXT_DATA),
});
