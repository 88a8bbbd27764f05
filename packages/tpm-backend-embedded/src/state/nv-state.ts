import { TPM2B_AUTH } from '../structures/buffers.js';
import { LIMIT } from '../structures/limits.js';
import { type NvPublic, TPMS_NV_PUBLIC } from '../structures/nv-public.js';
import { longBytes, structure, type WireType } from '../structures/wire-type.js';

/**
 * An NV index (Part 1, section 37). The data of an orderly one are here too: every command that
 * stores the permanent state stores them as they are, and what a stop without Shutdown takes from
 * them is taken at the next start.
 */
export interface NvIndexState {
  /** With the attributes of the moment. */
  publicArea: NvPublic;
  /** Without trailing zeros. */
  authValue: Uint8Array;
  /** As many bytes as the public area says; zeros where the index isn't written. */
  data: Uint8Array;
}

/** An NV index. */
export const NV_INDEX_STATE: WireType<NvIndexState> = structure<NvIndexState>({
  publicArea: TPMS_NV_PUBLIC,
  authValue: TPM2B_AUTH,
  data: longBytes(LIMIT.NV_INDEX),
});
