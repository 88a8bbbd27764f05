import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { setClock } from '../clock.js';
import { hierarchyAuthorization, isHierarchyEnabled, withoutTrailingZeros } from '../entity.js';
import { DA_DEFAULTS, emptyAuthorization, NO_POLICY, SEED_SIZE } from '../manufacture.js';
import { removeOwnerIndexes } from '../nv/nv-definition.js';
import { undoShutdown } from '../orderly.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import { TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { flushHierarchy } from './object-slots.js';

/**
 * Switches a hierarchy, or the platform's NV indexes, on or off (Part 3, section 24.2). Each
 * hierarchy may switch itself off; all else is the platform's. Persistent objects of a hierarchy
 * that is off stay, out of reach.
 *
 * @param authHandle hierarchy that authorizes
 * @param enable what is switched
 */
export function controlHierarchy(
  tpm: Tpm,
  authHandle: number,
  enable: number,
  state: boolean,
): ResponseCode {
  if (authHandle !== TPM_RH.PLATFORM && authHandle !== enable) return TPM_RC.AUTH_TYPE;
  if (state === isHierarchyEnabled(tpm, enable)) return TPM_RC.SUCCESS;
  undoShutdown(tpm);
  setEnable(tpm, enable, state);
  if (!state) flushHierarchy(tpm, enable);
  return TPM_RC.SUCCESS;
}

function setEnable(tpm: Tpm, enable: number, state: boolean): void {
  const { clear, volatile } = tpm.state;
  if (enable === TPM_RH.OWNER) clear.shEnable = state;
  else if (enable === TPM_RH.ENDORSEMENT) clear.ehEnable = state;
  else if (enable === TPM_RH.PLATFORM) volatile.phEnable = state;
  else clear.phEnableNV = state;
}

/** Sets a hierarchy's authorization value (Part 3, section 24.8). */
export function changeHierarchyAuth(
  tpm: Tpm,
  authHandle: number,
  newAuth: Uint8Array,
): ResponseCode {
  if (authHandle === TPM_RH.PLATFORM) undoShutdown(tpm);
  else tpm.permanentChanged = true;
  hierarchyAuthorization(tpm, authHandle)!.authValue = withoutTrailingZeros(newAuth);
  return TPM_RC.SUCCESS;
}

/**
 * Sets a hierarchy's policy (Part 3, section 24.3). Its size must be that of the hash, and none of
 * no hash.
 */
export function setPrimaryPolicy(
  tpm: Tpm,
  authHandle: number,
  authPolicy: Uint8Array,
  policyAlg: number,
): ResponseCode {
  if (authPolicy.length !== (DIGEST_SIZE[policyAlg] ?? 0)) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  }
  if (authHandle === TPM_RH.PLATFORM) undoShutdown(tpm);
  else tpm.permanentChanged = true;
  Object.assign(hierarchyAuthorization(tpm, authHandle)!, { authPolicy, policyAlg });
  return TPM_RC.SUCCESS;
}

/**
 * TPM2_Clear (Part 3, section 24.6): the owner's part of the TPM as it was when new. The endorsement
 * seed stays, but with other proofs, so that nothing that was beneath its keys can be loaded again.
 */
export function clearOwner(tpm: Tpm): ResponseCode {
  const { permanent, clear, reset } = tpm.state;
  if (permanent.disableClear) return TPM_RC.DISABLED;
  undoShutdown(tpm);
  removeObjects(tpm, TPM_RH.OWNER);
  removeObjects(tpm, TPM_RH.ENDORSEMENT);
  removeOwnerIndexes(tpm);
  permanent.storageSeed = tpm.random.generate(SEED_SIZE);
  permanent.storageProof = tpm.random.generate(SEED_SIZE);
  permanent.endorsementProof = tpm.random.generate(SEED_SIZE);
  permanent.owner = emptyAuthorization();
  permanent.endorsement = emptyAuthorization();
  permanent.lockout = emptyAuthorization();
  clear.pcrAuthValues.fill(new Uint8Array(0));
  clear.shEnable = true;
  clear.ehEnable = true;
  Object.assign(permanent, DA_DEFAULTS, { failedTries: 0, lockoutAuthEnabled: true });
  setClock(tpm, 0n);
  permanent.resetCount = 0;
  reset.restartCount = 0;
  reset.pcrCounter = (reset.pcrCounter + 1) >>> 0;
  return TPM_RC.SUCCESS;
}

/**
 * Switches TPM2_Clear off or on (Part 3, section 24.7).
 *
 * @param auth lockout or platform; only the platform may switch it on
 */
export function controlClear(tpm: Tpm, auth: number, disable: boolean): ResponseCode {
  if (!disable && auth !== TPM_RH.PLATFORM) return TPM_RC_FORMAT_ONE.AUTH_FAIL;
  tpm.state.permanent.disableClear = disable;
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

/** TPM2_ChangePPS (Part 3, section 24.4): another platform hierarchy. */
export function changePlatformSeed(tpm: Tpm): ResponseCode {
  const { permanent, clear } = tpm.state;
  undoShutdown(tpm);
  removeObjects(tpm, TPM_RH.PLATFORM);
  permanent.platformSeed = tpm.random.generate(SEED_SIZE);
  permanent.platformProof = tpm.random.generate(SEED_SIZE);
  permanent.pcrPolicy = NO_POLICY;
  clear.platform = { ...emptyAuthorization(), authValue: clear.platform.authValue };
  return TPM_RC.SUCCESS;
}

/** TPM2_ChangeEPS (Part 3, section 24.5): another endorsement hierarchy. */
export function changeEndorsementSeed(tpm: Tpm): ResponseCode {
  const { permanent, clear } = tpm.state;
  undoShutdown(tpm);
  removeObjects(tpm, TPM_RH.ENDORSEMENT);
  permanent.endorsementSeed = tpm.random.generate(SEED_SIZE);
  permanent.endorsementProof = tpm.random.generate(SEED_SIZE);
  permanent.endorsement = emptyAuthorization();
  clear.ehEnable = true;
  return TPM_RC.SUCCESS;
}

/** Removes the objects of a hierarchy that gets another seed or proof, wherever they are. */
function removeObjects(tpm: Tpm, hierarchy: number): void {
  const { permanent } = tpm.state;
  flushHierarchy(tpm, hierarchy);
  permanent.persistentObjects = permanent.persistentObjects.filter(
    ({ object }) => object.hierarchy !== hierarchy,
  );
  tpm.primaries.clear();
  tpm.permanentChanged = true;
}
