import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { findObject } from '../entity.js';
import { fitsNvMemory } from '../nv/nv-memory.js';
import { atHandle, atParameter, type ResponseCode } from '../response-code.js';
import type { ObjectState } from '../state/object-state.js';
import { HANDLE_FIRST, handleType, TPM_HT, TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';

/**
 * TPM2_EvictControl (Part 3, section 28.5): makes a loaded object persistent, or removes a
 * persistent one.
 *
 * @param auth owner or platform
 * @param objectHandle a transient object, or the persistent one that is to be removed
 * @param persistentHandle handle of the persistent object
 */
export function evictControl(
  tpm: Tpm,
  auth: number,
  objectHandle: number,
  persistentHandle: number,
): ResponseCode {
  const object = findObject(tpm, objectHandle);
  if (object === undefined || !canPersist(object)) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  const isPersistent = handleType(objectHandle) === TPM_HT.PERSISTENT;
  const isOfPlatform = object.hierarchy === TPM_RH.PLATFORM;
  const isPlatform = auth === TPM_RH.PLATFORM;
  // The platform may remove the objects of others, though not make them persistent.
  if (isOfPlatform !== isPlatform && !(isPersistent && isPlatform)) {
    return atHandle(TPM_RC_FORMAT_ONE.HIERARCHY, 2);
  }
  return isPersistent
    ? remove(tpm, objectHandle, persistentHandle)
    : keep(tpm, object, isPlatform, persistentHandle);
}

function canPersist({ sensitive, stClear, hierarchy }: ObjectState): boolean {
  return sensitive !== undefined && !stClear && hierarchy !== TPM_RH.NULL;
}

function remove(tpm: Tpm, objectHandle: number, persistentHandle: number): ResponseCode {
  if (objectHandle !== persistentHandle) return atHandle(TPM_RC_FORMAT_ONE.HANDLE, 2);
  const { permanent } = tpm.state;
  permanent.persistentObjects = permanent.persistentObjects.filter(
    ({ handle }) => handle !== objectHandle,
  );
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

function keep(tpm: Tpm, object: ObjectState, isPlatform: boolean, handle: number): ResponseCode {
  if (handle >= HANDLE_FIRST.PLATFORM_PERSISTENT !== isPlatform) {
    return atParameter(TPM_RC_FORMAT_ONE.RANGE, 1);
  }
  const { permanent } = tpm.state;
  if (permanent.persistentObjects.some((one) => one.handle === handle)) return TPM_RC.NV_DEFINED;
  const persistentObjects = [...permanent.persistentObjects, { handle, object }];
  if (!fitsNvMemory({ ...permanent, persistentObjects })) return TPM_RC.NV_SPACE;
  permanent.persistentObjects = persistentObjects;
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}
