import { TPM2B_DIGEST } from '../structures/buffers.js';
import { LIMIT } from '../structures/limits.js';
import {
  BOOLEAN,
  list,
  longBytes,
  structure,
  UINT8,
  UINT16,
  UINT32,
  UINT64,
  type WireType,
} from '../structures/wire-type.js';
import { HIERARCHY_AUTHORIZATION, type HierarchyAuthorization } from './permanent-state.js';

/** What survives TPM Restart and TPM Resume after Shutdown(STATE), and is made new by a Reset. */
export interface ResetState {
  nullSeed: Uint8Array;
  nullProof: Uint8Array;
  /** Startups(CLEAR) since the Reset. */
  clearCount: number;
  /** TPM Restarts and Resumes since the Reset. */
  restartCount: number;
  /** Sequence number of the last saved object context. */
  objectContextCounter: bigint;
  /** Sequence number of the last saved session context. */
  sessionContextCounter: bigint;
  /**
   * Slots of the active sessions whose contexts are saved, with their sequence numbers, in the
   * order of these.
   */
  savedSessions: { slot: number; sequence: bigint; isPolicy: boolean }[];
  /** PCR update counter. */
  pcrCounter: number;
  /** Command audit digest; empty before the first audited command. */
  commandAuditDigest: Uint8Array;
}

/** What survives TPM Restart and TPM Resume. */
export const RESET_STATE: WireType<ResetState> = structure<ResetState>({
  nullSeed: TPM2B_DIGEST,
  nullProof: TPM2B_DIGEST,
  clearCount: UINT32,
  restartCount: UINT32,
  objectContextCounter: UINT64,
  sessionContextCounter: UINT64,
  savedSessions: list(
    structure<ResetState['savedSessions'][number]>({
      slot: UINT16,
      sequence: UINT64,
      isPolicy: BOOLEAN,
    }),
    LIMIT.ACTIVE_SESSIONS,
  ) as WireType<ResetState['savedSessions']>,
  pcrCounter: UINT32,
  commandAuditDigest: TPM2B_DIGEST,
});

/** What survives TPM Resume after Shutdown(STATE), and is made new by Startup(CLEAR). */
export interface ClearState {
  shEnable: boolean;
  ehEnable: boolean;
  phEnableNV: boolean;
  platform: HierarchyAuthorization;
  /**
   * In a saved state: values of PCR 0 to 15, a bank for each implemented hash, empty where none was
   * in use. Empty list while the TPM runs.
   */
  savedPcrs: readonly Uint8Array[];
  /** Authorization values of PCR 20 to 22, which are the same for all three. */
  pcrAuthValues: Uint8Array[];
  /** Locality of the Startup(CLEAR); 4 after an H-CRTM sequence. */
  startupLocality: number;
}

/** What survives TPM Resume. */
export const CLEAR_STATE: WireType<ClearState> = structure<ClearState>({
  shEnable: BOOLEAN,
  ehEnable: BOOLEAN,
  phEnableNV: BOOLEAN,
  platform: HIERARCHY_AUTHORIZATION,
  savedPcrs: list(longBytes(LIMIT.PCR * LIMIT.DIGEST), 4),
  pcrAuthValues: list(TPM2B_DIGEST, 3) as WireType<Uint8Array[]>,
  startupLocality: UINT8,
});
