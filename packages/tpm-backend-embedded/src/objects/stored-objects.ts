import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import type { Steps } from '../commands/command.js';
import { findObject, withoutTrailingZeros } from '../entity.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { type ObjectState, SLOT_KIND } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { DIGEST_SIZE, type PcrSelection } from '../structures/buffers.js';
import type { PublicArea, SensitiveArea, SensitiveCreate } from '../structures/public-area.js';
import type { Tpm } from '../tpm.js';
import { type CreationRecord, recordCreation } from './creation-data.js';
import { hasAttribute, isDerivationParent, isParent, isSealedData } from './object-attributes.js';
import { checkCreation, createObject } from './object-creation.js';
import { checkLoading } from './object-loading.js';
import { objectName, qualifiedName } from './object-name.js';
import { hasFreeSlot, occupySlot } from './object-slots.js';
import { protectSensitive, unprotectSensitive } from './protection.js';

/** @returns the storage key behind a handle, or a code without a number */
export function findStorageParent(tpm: Tpm, handle: number): ObjectState | ResponseCode {
  const parent = findObject(tpm, handle);
  return parent !== undefined &&
    isParent(parent.publicArea) &&
    !isDerivationParent(parent.publicArea)
    ? parent
    : TPM_RC_FORMAT_ONE.TYPE;
}

/** @returns an object beneath a storage key, with the names that it has there */
export function childOf(
  parent: ObjectState,
  publicArea: PublicArea,
  sensitive: SensitiveArea,
): ObjectState {
  const name = objectName(publicArea);
  return {
    publicArea,
    sensitive,
    name,
    qualifiedName: qualifiedName(publicArea.nameAlg, parent.qualifiedName, name),
    hierarchy: parent.hierarchy,
    stClear: hasAttribute(publicArea, 'stClear') || parent.stClear,
    external: false,
  };
}

/** Handles and parameters of TPM2_Create. */
export interface CreateInput {
  readonly parentHandle: number;
  readonly inSensitive: SensitiveCreate;
  readonly inPublic: PublicArea;
  readonly outsideInfo: Uint8Array;
  readonly creationPCR: readonly PcrSelection[];
}

/** Response of TPM2_Create. */
export interface CreateOutput extends CreationRecord {
  readonly outPrivate: Uint8Array;
  readonly outPublic: PublicArea;
}

/** Makes an object beneath a storage key, without loading it (Part 3, section 12.1). */
export function* createStored(tpm: Tpm, input: CreateInput): Steps<CreateOutput> {
  const { inSensitive, inPublic } = input;
  const parent = findStorageParent(tpm, input.parentHandle);
  if (isRefusal(parent)) return atHandle(parent, 1);
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  const refusal = checkCreation(inPublic, inSensitive, parent.publicArea);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const created = yield* createObject(tpm.random, inPublic, inSensitive);
  if (isRefusal(created)) return created;
  const object = childOf(parent, created.publicArea, created.sensitive);
  const { nameAlg } = parent.publicArea;
  return {
    outPrivate: protectSensitive(parent, object, created.sensitive, tpm.random),
    outPublic: object.publicArea,
    ...recordCreation(
      tpm,
      object,
      { nameAlg, name: parent.name, qualifiedName: parent.qualifiedName },
      input.outsideInfo,
      input.creationPCR,
    ),
  };
}

/** Handles and parameters of TPM2_Load. */
export interface LoadInput {
  readonly parentHandle: number;
  readonly inPrivate: Uint8Array;
  readonly inPublic: PublicArea;
}

/** Loads what TPM2_Create or TPM2_Import made (Part 3, section 12.2). */
export function loadStored(
  tpm: Tpm,
  { parentHandle, inPrivate, inPublic }: LoadInput,
): { readonly responseHandle: number; readonly name: Uint8Array } | ResponseCode {
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  if (inPrivate.length === 0) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  const parent = findStorageParent(tpm, parentHandle);
  if (isRefusal(parent)) return atHandle(parent, 1);
  const named = { publicArea: inPublic, name: objectName(inPublic) };
  const sensitive = unprotectSensitive(parent, named, inPrivate);
  if (isRefusal(sensitive)) return atParameter(sensitive, 1);
  const numbers = { sensitive: 1, public: 2 };
  const refusal = checkLoading(inPublic, sensitive, numbers, parent.publicArea);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const object = childOf(parent, inPublic, sensitive);
  return { responseHandle: occupySlot(tpm, { kind: SLOT_KIND.OBJECT, object }), name: object.name };
}

/** Hands sealed data out (Part 3, section 12.7). */
export function unseal(
  tpm: Tpm,
  itemHandle: number,
): { readonly outData: Uint8Array } | ResponseCode {
  const object = findObject(tpm, itemHandle);
  if (object?.publicArea.type !== TPM_ALG.KEYEDHASH) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  if (!isSealedData(object.publicArea) || hasAttribute(object.publicArea, 'restricted')) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  return { outData: object.sensitive!.sensitive };
}

/** Makes a private area with another authValue; the loaded object keeps its own (12.8). */
export function changeObjectAuth(
  tpm: Tpm,
  objectHandle: number,
  parentHandle: number,
  newAuth: Uint8Array,
): { readonly outPrivate: Uint8Array } | ResponseCode {
  const object = findObject(tpm, objectHandle);
  if (object === undefined) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  const authValue = withoutTrailingZeros(newAuth);
  const { nameAlg } = object.publicArea;
  if (authValue.length > (DIGEST_SIZE[nameAlg] ?? 0)) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  }
  const parent = findObject(tpm, parentHandle);
  const expected = parent && qualifiedName(nameAlg, parent.qualifiedName, object.name);
  const isOf = expected?.every((byte, at) => byte === object.qualifiedName[at]);
  if (parent === undefined || !isOf) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 2);
  const sensitive = { ...object.sensitive!, authValue };
  return { outPrivate: protectSensitive(parent, object, sensitive, tpm.random) };
}
