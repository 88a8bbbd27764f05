import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import {
  type SymmetricDefinition,
  TPMI_ALG_HASH,
  TPMT_SYM_DEF_OR_NULL,
} from '../structures/algorithms.js';
import { TPM2B_DIGEST, TPM2B_NONCE } from '../structures/buffers.js';
import { TPM_SE_TYPE } from '../structures/constants.js';
import {
  BOOLEAN,
  longBytes,
  optional,
  structure,
  UINT8,
  UINT16,
  UINT32,
  UINT64,
  type WireType,
} from '../structures/wire-type.js';

/** What a policy session has gathered (Part 1, section 19.7). */
export interface PolicyState {
  policyDigest: Uint8Array;
  /** Command that the policy allows; 0 for any. */
  commandCode: number;
  /** cpHash, nameHash or template hash that the policy asks for; empty for none. */
  boundHash: Uint8Array;
  /** What `boundHash` is a hash of: bits 1 cpHash, 2 nameHash, 4 template; 0 nothing. */
  boundHashKind: number;
  /** Localities as a bit field; 0 for any. */
  locality: number;
  /** PCR update counter at the first PolicyPCR. */
  pcrCounter: number | undefined;
  /** Time since power-on at which the session ends, in milliseconds. */
  timeout: bigint | undefined;
  authValueNeeded: boolean;
  passwordNeeded: boolean;
  physicalPresenceNeeded: boolean;
  /** Required NV_WRITTEN state. */
  nvWritten: boolean | undefined;
}

/** A loaded session (Part 1, section 19.6). */
export interface SessionState {
  /** TPM_SE: HMAC, policy or trial. */
  readonly sessionType: number;
  readonly authHash: number;
  readonly symmetric: SymmetricDefinition;
  readonly sessionKey: Uint8Array;
  nonceTPM: Uint8Array;
  /**
   * Size of the bound entity's Name (one byte), the Name and the authorization value as it was;
   * empty when the session is not bound, or not any more since it was used for audit.
   */
  boundEntity: Uint8Array;
  /** Bound to an entity that is under dictionary attack protection. */
  readonly isDaBound: boolean;
  /** Bound to lockout. */
  readonly isLockoutBound: boolean;
  /** Audit digest; absent until the session is used for audit. */
  auditDigest: Uint8Array | undefined;
  /** Time since power-on at which the session (or its policy) started, in milliseconds. */
  startTime: bigint;
  /** Policy and trial sessions. */
  policy: PolicyState;
}

/** What a policy session has gathered. */
export const POLICY_STATE: WireType<PolicyState> = structure<PolicyState>({
  policyDigest: TPM2B_DIGEST,
  commandCode: UINT32,
  boundHash: TPM2B_DIGEST,
  boundHashKind: UINT8,
  locality: UINT8,
  pcrCounter: optional(UINT32),
  timeout: optional(UINT64),
  authValueNeeded: BOOLEAN,
  passwordNeeded: BOOLEAN,
  physicalPresenceNeeded: BOOLEAN,
  nvWritten: optional(BOOLEAN),
});

/** AES is there in CFB mode alone. */
const SESSION_SYMMETRIC: WireType<SymmetricDefinition> = {
  unmarshal(reader) {
    const value = TPMT_SYM_DEF_OR_NULL.unmarshal(reader);
    if (value.algorithm === TPM_ALG.AES && value.mode !== TPM_ALG.CFB) {
      reader.fail(TPM_RC_FORMAT_ONE.MODE);
    }
    return value;
  },
  marshal: TPMT_SYM_DEF_OR_NULL.marshal,
};

/** A session. */
export const SESSION_STATE: WireType<SessionState> = structure<SessionState>({
  sessionType: TPM_SE_TYPE,
  authHash: TPMI_ALG_HASH,
  symmetric: SESSION_SYMMETRIC,
  sessionKey: TPM2B_DIGEST,
  nonceTPM: TPM2B_NONCE,
  boundEntity: longBytes(256),
  isDaBound: BOOLEAN,
  isLockoutBound: BOOLEAN,
  auditDigest: optional(TPM2B_DIGEST),
  startTime: UINT64,
  policy: POLICY_STATE,
});

/** A loaded session in the table of active sessions; saved ones are in `ResetState.savedSessions`. */
export interface ActiveSession {
  /** Slot, 0 to 63: the low part of the handle. */
  readonly slot: number;
  readonly session: SessionState;
}

/** A loaded session in the table of active sessions. */
export const ACTIVE_SESSION: WireType<ActiveSession> = structure<ActiveSession>({
  slot: UINT16,
  session: SESSION_STATE,
});
