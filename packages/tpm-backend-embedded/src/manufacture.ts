import { TPM_CC } from 'tpm-core';
import { TESTED_ALGORITHMS } from './self-test/self-test.js';
import {
  type EntityPolicy,
  type HierarchyAuthorization,
  ORDERLY,
} from './state/permanent-state.js';
import type { ClearState, ResetState } from './state/saved-state.js';
import type { VolatileState } from './state/volatile-state.js';
import { TPM_ALG } from './structures/algorithm-ids.js';
import { HASHES } from './structures/algorithms.js';
import { LIMIT } from './structures/limits.js';
import { Unmarshaller } from './structures/wire-type.js';
import type { Tpm, TpmState } from './tpm.js';

/** Size of primary seeds and proofs in bytes: the largest digest. */
export const SEED_SIZE: number = LIMIT.DIGEST;

/** Dictionary attack parameters of a new TPM, and after TPM2_Clear. */
export const DA_DEFAULTS = { maxTries: 3, recoveryTime: 1000, lockoutRecovery: 1000 } as const;

/** No policy. */
export const NO_POLICY: EntityPolicy = { authPolicy: new Uint8Array(0), policyAlg: TPM_ALG.NULL };

/** @returns an authorization with an empty value and without a policy */
export function emptyAuthorization(): HierarchyAuthorization {
  return {
    authValue: new Uint8Array(0),
    authPolicy: new Uint8Array(0),
    policyAlg: TPM_ALG.NULL,
  };
}

/** @returns the state of a TPM that was never powered */
export function manufacture(tpm: Tpm): TpmState {
  const seed = (): Uint8Array => tpm.random.generate(SEED_SIZE);
  return {
    permanent: {
      endorsementSeed: seed(),
      storageSeed: seed(),
      platformSeed: seed(),
      endorsementProof: seed(),
      storageProof: seed(),
      platformProof: seed(),
      owner: emptyAuthorization(),
      endorsement: emptyAuthorization(),
      lockout: emptyAuthorization(),
      disableClear: false,
      totalResetCount: 0n,
      resetCount: 0,
      pcrAllocation: HASHES.map((hash) => ({
        hash,
        pcrSelect: new Uint8Array(LIMIT.PCR_SELECT).fill(tpm.pcrBanks.includes(hash) ? 0xff : 0),
      })),
      pcrPolicy: NO_POLICY,
      ppCommands: [TPM_CC.PP_Commands],
      auditCommands: [TPM_CC.SetCommandCodeAuditStatus],
      auditHashAlg: TPM_ALG.SHA256,
      auditCounter: 0n,
      failedTries: 0,
      ...DA_DEFAULTS,
      lockoutAuthEnabled: true,
      selfHealWait: 0n,
      lockoutWait: 0n,
      orderly: ORDERLY.CLEAR,
      persistentObjects: [],
      nvIndexes: [],
      highestCounter: 0n,
      clock: 0n,
      clockSafe: true,
    },
    saved: undefined,
    reset: newResetState(tpm),
    clear: newClearState(),
    volatile: newVolatileState(tpm, 0n),
  };
}

/** @returns what a TPM Reset makes new, before TPM2_Startup counted anything */
export function newResetState(tpm: Tpm): ResetState {
  return {
    nullSeed: tpm.random.generate(SEED_SIZE),
    nullProof: tpm.random.generate(SEED_SIZE),
    clearCount: 0,
    restartCount: 0,
    objectContextCounter: 0n,
    sessionContextCounter: BigInt(LIMIT.LOADED_SESSIONS),
    savedSessions: [],
    pcrCounter: 0,
    commandAuditDigest: new Uint8Array(0),
  };
}

/** @returns what Startup(CLEAR) makes new */
export function newClearState(): ClearState {
  return {
    shEnable: true,
    ehEnable: true,
    phEnableNV: true,
    platform: emptyAuthorization(),
    savedPcrs: [],
    pcrAuthValues: [new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)],
    startupLocality: 0,
  };
}

/**
 * @param clock the clock's time as it was kept
 * @returns what power-on makes new
 */
export function newVolatileState(tpm: Tpm, clock: bigint): VolatileState {
  return {
    started: false,
    phEnable: true,
    physicalPresence: false,
    pcrSelection: [],
    pcrBanks: [],
    hcrtmDigests: [],
    hashSequence: undefined,
    pcrReallocated: false,
    slots: new Array<undefined>(tpm.transientSlots).fill(undefined),
    sessions: [],
    exclusiveAuditSession: 0,
    wasOrderly: false,
    time: 0n,
    timeEpoch: new Unmarshaller(tpm.random.generate(8)).uint64(),
    clock,
    selfHealTime: 0n,
    lockoutTime: 0n,
    untestedAlgorithms: TESTED_ALGORITHMS,
  };
}
