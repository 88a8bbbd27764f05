import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import {
  type PcrSelection,
  TPM2B_AUTH,
  TPM2B_DIGEST,
  TPML_CC,
  TPML_PCR_SELECTION,
} from '../structures/buffers.js';
import { TPMI_DH_PERSISTENT } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import {
  BOOLEAN,
  list,
  oneOf,
  structure,
  UINT16,
  UINT32,
  UINT64,
  type WireType,
} from '../structures/wire-type.js';
import { NV_INDEX_STATE, type NvIndexState } from './nv-state.js';
import { OBJECT_STATE, type ObjectState } from './object-state.js';

/** How the last power cycle ended: the kind of the Shutdown, or none. */
export const ORDERLY = {
  /** TPM2_Shutdown(CLEAR). */
  CLEAR: 0x0000,
  /** TPM2_Shutdown(STATE): the saved state is valid. */
  STATE: 0x0001,
  /** No Shutdown since the last Startup or since a change of saved state. */
  NONE: 0xffff,
  /** As NONE, and the authorization value of something protected was used (Part 1, section 19.8). */
  NONE_DA_USED: 0xfffe,
} as const;

/** A policy. */
export interface EntityPolicy {
  readonly authPolicy: Uint8Array;
  /** Hash of the policy; TPM_ALG_NULL where there is no policy. */
  readonly policyAlg: number;
}

/** Authorization of a hierarchy or of lockout. */
export interface HierarchyAuthorization {
  authValue: Uint8Array;
  authPolicy: Uint8Array;
  /** Hash of `authPolicy`; TPM_ALG_NULL without a policy. */
  policyAlg: number;
}

/** Authorization of a hierarchy or of lockout. */
export const HIERARCHY_AUTHORIZATION: WireType<HierarchyAuthorization> =
  structure<HierarchyAuthorization>({
    authValue: TPM2B_AUTH,
    authPolicy: TPM2B_DIGEST,
    policyAlg: TPMI_ALG_HASH_OR_NULL,
  });

/** A persistent object. */
export interface PersistentObject {
  readonly handle: number;
  readonly object: ObjectState;
}

/** What a TPM keeps for ever (Part 1, section 37; the specification's list of permanent data). */
export interface PermanentState {
  /** Endorsement primary seed. */
  endorsementSeed: Uint8Array;
  /** Storage primary seed. */
  storageSeed: Uint8Array;
  /** Platform primary seed. */
  platformSeed: Uint8Array;
  endorsementProof: Uint8Array;
  storageProof: Uint8Array;
  platformProof: Uint8Array;
  owner: HierarchyAuthorization;
  endorsement: HierarchyAuthorization;
  lockout: HierarchyAuthorization;
  /** TPM2_Clear is switched off (TPM2_ClearControl). */
  disableClear: boolean;
  /** TPM Resets in the TPM's life. */
  totalResetCount: bigint;
  /** TPM Resets since the last TPM2_Clear. */
  resetCount: number;
  /** PCR banks from the next start on (TPM2_PCR_Allocate). */
  pcrAllocation: readonly PcrSelection[];
  /** Policy of PCR 20 to 22 (TPM2_PCR_SetAuthPolicy); TPM_ALG_NULL and empty without one. */
  pcrPolicy: EntityPolicy;
  /** Commands that need physical presence with platform authorization. */
  ppCommands: readonly number[];
  /** Audited commands. */
  auditCommands: readonly number[];
  auditHashAlg: number;
  auditCounter: bigint;
  failedTries: number;
  maxTries: number;
  /** Seconds after which one failed try is forgotten. */
  recoveryTime: number;
  /** Seconds after which a failed lockoutAuth may be tried again. */
  lockoutRecovery: number;
  /** lockoutAuth may be used. */
  lockoutAuthEnabled: boolean;
  /** Milliseconds until the next failed try is forgotten, as of the last Shutdown. */
  selfHealWait: bigint;
  /** Milliseconds until lockoutAuth may be tried again, as of the last Shutdown. */
  lockoutWait: bigint;
  /** An {@link ORDERLY} value. */
  orderly: number;
  persistentObjects: PersistentObject[];
  /** NV indexes by ascending handle. */
  nvIndexes: NvIndexState[];
  /** Largest value that a deleted NV counter ever had. */
  highestCounter: bigint;
  /** The clock's time, as stored (milliseconds). */
  clock: bigint;
  /** No value of the clock above its present one was ever reported. */
  clockSafe: boolean;
}

/** What a TPM keeps for ever. */
export const PERMANENT_STATE: WireType<PermanentState> = structure<PermanentState>({
  endorsementSeed: TPM2B_DIGEST,
  storageSeed: TPM2B_DIGEST,
  platformSeed: TPM2B_DIGEST,
  endorsementProof: TPM2B_DIGEST,
  storageProof: TPM2B_DIGEST,
  platformProof: TPM2B_DIGEST,
  owner: HIERARCHY_AUTHORIZATION,
  endorsement: HIERARCHY_AUTHORIZATION,
  lockout: HIERARCHY_AUTHORIZATION,
  disableClear: BOOLEAN,
  totalResetCount: UINT64,
  resetCount: UINT32,
  pcrAllocation: TPML_PCR_SELECTION,
  pcrPolicy: structure<EntityPolicy>({
    authPolicy: TPM2B_DIGEST,
    policyAlg: TPMI_ALG_HASH_OR_NULL,
  }),
  ppCommands: TPML_CC,
  auditCommands: TPML_CC,
  auditHashAlg: TPMI_ALG_HASH_OR_NULL,
  auditCounter: UINT64,
  failedTries: UINT32,
  maxTries: UINT32,
  recoveryTime: UINT32,
  lockoutRecovery: UINT32,
  lockoutAuthEnabled: BOOLEAN,
  selfHealWait: UINT64,
  lockoutWait: UINT64,
  orderly: oneOf(UINT16, Object.values(ORDERLY), TPM_RC_FORMAT_ONE.VALUE),
  persistentObjects: list(
    structure<PersistentObject>({ handle: TPMI_DH_PERSISTENT, object: OBJECT_STATE }),
    LIMIT.PERSISTENT_OBJECTS,
  ) as WireType<PersistentObject[]>,
  nvIndexes: list(NV_INDEX_STATE, LIMIT.NV_INDEXES) as WireType<NvIndexState[]>,
  highestCounter: UINT64,
  clock: UINT64,
  clockSafe: BOOLEAN,
});
