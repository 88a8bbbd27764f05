import { type PcrSelection, TPML_ALG, TPML_PCR_SELECTION } from '../structures/buffers.js';
import { LIMIT } from '../structures/limits.js';
import {
  BOOLEAN,
  list,
  longBytes,
  optional,
  structure,
  UINT32,
  UINT64,
  type WireType,
} from '../structures/wire-type.js';
import { SLOT_STATE, type SlotState } from './object-state.js';
import { ACTIVE_SESSION, type ActiveSession } from './session-state.js';

/** A PCR bank: the digests of all PCR one after the other. */
export interface PcrBank {
  readonly hashAlg: number;
  /** 24 digests. */
  readonly values: Uint8Array;
}

/** What is lost at power-off, and part of a snapshot of the emulator only. */
export interface VolatileState {
  /** TPM2_Startup succeeded since power-on. */
  started: boolean;
  /** Platform hierarchy enabled: always so after a start. */
  phEnable: boolean;
  /** Physical presence is asserted. */
  physicalPresence: boolean;
  /** Banks in use since the last start. */
  pcrSelection: readonly PcrSelection[];
  pcrBanks: PcrBank[];
  /** H-CRTM sequence ended before Startup: the digest of each implemented hash. */
  hcrtmDigests: readonly Uint8Array[];
  /** Running _TPM_Hash sequence: the exported state of each implemented hash. */
  hashSequence: readonly Uint8Array[] | undefined;
  /** TPM2_PCR_Allocate changed the banks since the start. */
  pcrReallocated: boolean;
  /** Transient slots. */
  slots: (SlotState | undefined)[];
  /** Active sessions by slot; loaded ones carry their state. */
  sessions: ActiveSession[];
  /** Handle of the session with exclusive audit; 0 for none. */
  exclusiveAuditSession: number;
  /** The start before this one was ended by a Shutdown that nothing undid. */
  wasOrderly: boolean;
  /** Time since power-on in milliseconds. */
  time: bigint;
  /** Random: tells `time` of one power-on from that of another, in tickets that have an end. */
  timeEpoch: bigint;
  /** The clock's time: milliseconds that the TPM was powered in its life. */
  clock: bigint;
  /** `time` at which the next failed try is forgotten. */
  selfHealTime: bigint;
  /** `time` at which lockoutAuth, once failed, may be tried again. */
  lockoutTime: bigint;
  /** Algorithms whose self test didn't run since power-on, ascending. */
  untestedAlgorithms: readonly number[];
}

/** What is lost at power-off. */
export const VOLATILE_STATE: WireType<VolatileState> = structure<VolatileState>({
  started: BOOLEAN,
  phEnable: BOOLEAN,
  physicalPresence: BOOLEAN,
  pcrSelection: TPML_PCR_SELECTION,
  pcrBanks: list(
    structure<PcrBank>({ hashAlg: UINT32, values: longBytes(LIMIT.PCR * LIMIT.DIGEST) }),
    4,
  ) as WireType<PcrBank[]>,
  hcrtmDigests: list(longBytes(LIMIT.DIGEST), 4),
  hashSequence: optional(list(longBytes(1024), 4)),
  pcrReallocated: BOOLEAN,
  slots: list(optional(SLOT_STATE), 64) as WireType<(SlotState | undefined)[]>,
  sessions: list(ACTIVE_SESSION, LIMIT.ACTIVE_SESSIONS) as WireType<ActiveSession[]>,
  exclusiveAuditSession: UINT32,
  wasOrderly: BOOLEAN,
  time: UINT64,
  timeEpoch: UINT64,
  clock: UINT64,
  selfHealTime: UINT64,
  lockoutTime: UINT64,
  untestedAlgorithms: TPML_ALG,
});
