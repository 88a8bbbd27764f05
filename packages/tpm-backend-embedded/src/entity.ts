import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING, WireWriter } from 'tpm-core';
import type { AuthRole } from './commands/command.js';
import { NO_POLICY } from './manufacture.js';
import { isNvAuthValueAvailable, isNvPolicyAvailable } from './nv/nv-authorization.js';
import { findNvIndex, hasNvAttribute, nvName } from './nv/nv-index.js';
import { hasPcr, PCR_ATTRIBUTES } from './pcr/pcr-attributes.js';
import { atHandle, type ResponseCode } from './response-code.js';
import { findSession, sessionAt } from './sessions/session-table.js';
import { type ObjectState, SLOT_KIND, type SlotState } from './state/object-state.js';
import type { EntityPolicy, HierarchyAuthorization } from './state/permanent-state.js';
import { TPM_ALG } from './structures/algorithm-ids.js';
import {
  HANDLE_FIRST,
  handleIndex,
  handleType,
  isVendorAuth,
  TPM_HT,
  TPM_RH,
} from './structures/handles.js';
import { TPMA_NV } from './structures/nv-public.js';
import { TPMA_OBJECT } from './structures/public-area.js';
import type { Tpm } from './tpm.js';

/** @returns the hierarchy's or lockout's authorization; undefined of other handles and of null */
export function hierarchyAuthorization(
  tpm: Tpm,
  handle: number,
): HierarchyAuthorization | undefined {
  if (handle === TPM_RH.OWNER) return tpm.state.permanent.owner;
  if (handle === TPM_RH.ENDORSEMENT) return tpm.state.permanent.endorsement;
  if (handle === TPM_RH.LOCKOUT) return tpm.state.permanent.lockout;
  if (handle === TPM_RH.PLATFORM) return tpm.state.clear.platform;
  return undefined;
}

/** @returns whether a hierarchy is switched on; the null hierarchy and lockout always are */
export function isHierarchyEnabled(tpm: Tpm, handle: number): boolean {
  if (handle === TPM_RH.OWNER) return tpm.state.clear.shEnable;
  if (handle === TPM_RH.ENDORSEMENT) return tpm.state.clear.ehEnable;
  if (handle === TPM_RH.PLATFORM) return tpm.state.volatile.phEnable;
  if (handle === TPM_RH.PLATFORM_NV) return tpm.state.clear.phEnableNV;
  return true;
}

/** @returns the hierarchy's proof, which authenticates its tickets and contexts (Part 1, 13) */
export function hierarchyProof(tpm: Tpm, hierarchy: number): Uint8Array {
  const { permanent, reset } = tpm.state;
  if (hierarchy === TPM_RH.OWNER) return permanent.storageProof;
  if (hierarchy === TPM_RH.ENDORSEMENT) return permanent.endorsementProof;
  if (hierarchy === TPM_RH.PLATFORM) return permanent.platformProof;
  return reset.nullProof;
}

/** @returns the hierarchy's primary seed, from which its primary objects are made */
export function hierarchySeed(tpm: Tpm, hierarchy: number): Uint8Array {
  const { permanent, reset } = tpm.state;
  if (hierarchy === TPM_RH.OWNER) return permanent.storageSeed;
  if (hierarchy === TPM_RH.ENDORSEMENT) return permanent.endorsementSeed;
  if (hierarchy === TPM_RH.PLATFORM) return permanent.platformSeed;
  return reset.nullSeed;
}

/** @returns the hierarchy whose proof speaks for an entity; lockout and PCR belong to the owner */
export function entityHierarchy(tpm: Tpm, handle: number): number {
  const object = findObject(tpm, handle);
  if (object !== undefined) return object.hierarchy;
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) {
    return hasNvAttribute(index, TPMA_NV.PLATFORMCREATE) ? TPM_RH.PLATFORM : TPM_RH.OWNER;
  }
  return handle === TPM_RH.ENDORSEMENT || handle === TPM_RH.PLATFORM || handle === TPM_RH.NULL
    ? handle
    : TPM_RH.OWNER;
}

/** @returns what the transient slot or persistent handle holds, or undefined */
export function findSlot(tpm: Tpm, handle: number): SlotState | undefined {
  if (handleType(handle) === TPM_HT.TRANSIENT) {
    return tpm.state.volatile.slots[handleIndex(handle)];
  }
  const persistent = tpm.state.permanent.persistentObjects.find((one) => one.handle === handle);
  return persistent && { kind: SLOT_KIND.OBJECT, object: persistent.object };
}

/** @returns the object behind a transient or persistent handle; undefined of a sequence too */
export function findObject(tpm: Tpm, handle: number): ObjectState | undefined {
  const slot = findSlot(tpm, handle);
  return slot?.kind === SLOT_KIND.OBJECT ? slot.object : undefined;
}

/**
 * Looks whether the entity of a handle is there and its hierarchy enabled (the checks after the
 * handle area is read).
 *
 * @param number the handle's number in the command, from 1
 * @returns `TPM_RC.SUCCESS`, or the code with the handle's number
 */
export function checkPresence(tpm: Tpm, handle: number, number: number): ResponseCode {
  switch (handleType(handle)) {
    case TPM_HT.TRANSIENT:
      if (handleIndex(handle) >= tpm.transientSlots) {
        return atHandle(TPM_RC_FORMAT_ONE.VALUE, number);
      }
      return findSlot(tpm, handle) === undefined
        ? TPM_RC_WARNING.REFERENCE_H0 + number - 1
        : TPM_RC.SUCCESS;
    case TPM_HT.PERSISTENT: {
      if (!isPersistentRangeEnabled(tpm, handle)) {
        return atHandle(TPM_RC_FORMAT_ONE.HANDLE, number);
      }
      const object = findObject(tpm, handle);
      return object === undefined || !isHierarchyEnabled(tpm, object.hierarchy)
        ? atHandle(TPM_RC_FORMAT_ONE.HANDLE, number)
        : TPM_RC.SUCCESS;
    }
    case TPM_HT.HMAC_SESSION:
    case TPM_HT.POLICY_SESSION:
      if (sessionAt(tpm, handleIndex(handle)) === undefined) {
        return TPM_RC_WARNING.REFERENCE_H0 + number - 1;
      }
      return findSession(tpm, handle) === undefined
        ? atHandle(TPM_RC_FORMAT_ONE.HANDLE, number)
        : TPM_RC.SUCCESS;
    case TPM_HT.NV_INDEX:
      return isIndexThere(tpm, handle)
        ? TPM_RC.SUCCESS
        : atHandle(TPM_RC_FORMAT_ONE.HANDLE, number);
    case TPM_HT.PERMANENT:
      if (isVendorAuth(handle)) return atHandle(TPM_RC_FORMAT_ONE.VALUE, number);
      return isHierarchyEnabled(tpm, handle)
        ? TPM_RC.SUCCESS
        : atHandle(TPM_RC_FORMAT_ONE.HIERARCHY, number);
    default:
      return TPM_RC.SUCCESS;
  }
}

/**
 * @returns whether a persistent handle is of a range that can be used; that of the owner holds
 *   objects of the endorsement hierarchy too
 */
export function isPersistentRangeEnabled(tpm: Tpm, handle: number): boolean {
  const isOfPlatform = handle >= HANDLE_FIRST.PLATFORM_PERSISTENT;
  return isHierarchyEnabled(tpm, isOfPlatform ? TPM_RH.PLATFORM : TPM_RH.OWNER);
}

/** An index of a hierarchy that is off is as good as not defined. */
function isIndexThere(tpm: Tpm, handle: number): boolean {
  const index = findNvIndex(tpm, handle);
  if (index === undefined) return false;
  const isOfPlatform = hasNvAttribute(index, TPMA_NV.PLATFORMCREATE);
  return isHierarchyEnabled(tpm, isOfPlatform ? TPM_RH.PLATFORM_NV : TPM_RH.OWNER);
}

/** @returns whether the entity of a handle is there (see {@link checkPresence}) */
export function isPresent(tpm: Tpm, handle: number): boolean {
  return checkPresence(tpm, handle, 1) === TPM_RC.SUCCESS;
}

/** @returns the Name of an entity (Part 1, section 16); empty where there is none */
export function entityName(tpm: Tpm, handle: number): Uint8Array {
  const type = handleType(handle);
  if (type === TPM_HT.TRANSIENT || type === TPM_HT.PERSISTENT) {
    return findObject(tpm, handle)?.name ?? new Uint8Array(0);
  }
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) return nvName(index);
  return new WireWriter(4).uint32(handle).finish();
}

/** @returns an entity's authorization value without trailing zeros */
export function entityAuthValue(tpm: Tpm, handle: number): Uint8Array {
  const hierarchy = hierarchyAuthorization(tpm, handle);
  if (hierarchy !== undefined) return hierarchy.authValue;
  if (handleType(handle) === TPM_HT.PCR) {
    return tpm.state.clear.pcrAuthValues[handle - 20] ?? new Uint8Array(0);
  }
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) return index.authValue;
  const slot = findSlot(tpm, handle);
  if (slot?.kind === SLOT_KIND.SEQUENCE) return withoutTrailingZeros(slot.sequence.authValue);
  return withoutTrailingZeros(slot?.object.sensitive?.authValue ?? new Uint8Array(0));
}

/**
 * @param commandCode the command that the authorization is for
 * @returns whether an entity may be used by password or HMAC session in a role (Part 1, 19.2)
 */
export function isAuthValueAvailable(
  tpm: Tpm,
  handle: number,
  role: AuthRole,
  commandCode: number,
): boolean {
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) return isNvAuthValueAvailable(index, commandCode);
  const slot = findSlot(tpm, handle);
  if (slot?.kind !== SLOT_KIND.OBJECT) return true;
  const { publicArea, sensitive } = slot.object;
  if (sensitive === undefined) return false;
  return role !== 'user' || (publicArea.objectAttributes & TPMA_OBJECT.userWithAuth) !== 0;
}

/** @returns whether a handle is a PCR that can have a policy */
function hasPcrPolicy(handle: number): boolean {
  return handleType(handle) === TPM_HT.PCR && hasPcr(PCR_ATTRIBUTES.policy, handle);
}

/** @returns whether a role wants a policy session, so that others are TPM_RC_AUTH_TYPE */
export function needsPolicy(tpm: Tpm, handle: number, role: AuthRole): boolean {
  if (hasPcrPolicy(handle)) return tpm.state.permanent.pcrPolicy.policyAlg !== TPM_ALG.NULL;
  if (role !== 'admin') return role === 'dup';
  if (handleType(handle) === TPM_HT.NV_INDEX) return true;
  const object = findObject(tpm, handle);
  return (
    object !== undefined && (object.publicArea.objectAttributes & TPMA_OBJECT.adminWithPolicy) !== 0
  );
}

/** @returns the policy that a session has to fulfil for an entity */
export function entityPolicy(tpm: Tpm, handle: number): EntityPolicy {
  const object = findObject(tpm, handle);
  if (object !== undefined) {
    return { authPolicy: object.publicArea.authPolicy, policyAlg: object.publicArea.nameAlg };
  }
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) {
    return { authPolicy: index.publicArea.authPolicy, policyAlg: index.publicArea.nameAlg };
  }
  if (hasPcrPolicy(handle)) return tpm.state.permanent.pcrPolicy;
  return hierarchyAuthorization(tpm, handle) ?? NO_POLICY;
}

/**
 * @returns whether a policy session may authorize an entity at all, be the policy right or wrong:
 *   objects always, hierarchies that have a policy, PCR of the group that can have one, NV indexes
 *   as their attributes say
 */
export function isPolicyAvailable(
  tpm: Tpm,
  handle: number,
  role: AuthRole,
  commandCode: number,
): boolean {
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) return isNvPolicyAvailable(index, role, commandCode);
  const hierarchy = hierarchyAuthorization(tpm, handle);
  if (hierarchy !== undefined) return hierarchy.policyAlg !== TPM_ALG.NULL;
  if (handleType(handle) === TPM_HT.PCR) return hasPcrPolicy(handle);
  return findObject(tpm, handle) !== undefined;
}

/** @returns whether an NV index was written; undefined of what is no index, as all else here */
export function isNvIndexWritten(tpm: Tpm, handle: number): boolean | undefined {
  const index = findNvIndex(tpm, handle);
  return index && hasNvAttribute(index, TPMA_NV.WRITTEN);
}

/** @returns an authorization value as it is kept (Part 1, section 19.6.4.3) */
export function withoutTrailingZeros(authValue: Uint8Array): Uint8Array {
  let length = authValue.length;
  while (length > 0 && authValue[length - 1] === 0) length--;
  return length === authValue.length ? authValue : authValue.subarray(0, length);
}

/** @returns whether failures with the entity's authorization value count as attacks */
export function isDaProtected(tpm: Tpm, handle: number): boolean {
  if (handle === TPM_RH.LOCKOUT) return true;
  const index = findNvIndex(tpm, handle);
  if (index !== undefined) return !hasNvAttribute(index, TPMA_NV.NO_DA);
  const object = findObject(tpm, handle);
  return object !== undefined && (object.publicArea.objectAttributes & TPMA_OBJECT.noDA) === 0;
}
