import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { isHierarchyEnabled, withoutTrailingZeros } from '../entity.js';
import { atHandle, atParameter, type ResponseCode } from '../response-code.js';
import type { NvIndexState } from '../state/nv-state.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import { TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import { type NvPublic, TPMA_NV } from '../structures/nv-public.js';
import type { Tpm } from '../tpm.js';
import { findNvIndex, hasNvAttribute, isCounter, nvType, TPM_NT } from './nv-index.js';
import { fitsNvMemory } from './nv-memory.js';
import { bigEndian } from './nv-number.js';

/** Bytes of a counter, a bit field and a PIN with its limit. */
const NUMBER_SIZE = 8;

const READ_AUTHORITIES = TPMA_NV.PPREAD | TPMA_NV.OWNERREAD | TPMA_NV.AUTHREAD | TPMA_NV.POLICYREAD;
const WRITE_AUTHORITIES =
  TPMA_NV.PPWRITE | TPMA_NV.OWNERWRITE | TPMA_NV.AUTHWRITE | TPMA_NV.POLICYWRITE;
/** What commands set later. */
const STATES = TPMA_NV.WRITTEN | TPMA_NV.READLOCKED | TPMA_NV.WRITELOCKED;
/** A PIN index can't be written by who knows the PIN, nor locked for ever or with others. */
const NOT_OF_PIN = TPMA_NV.AUTHWRITE | TPMA_NV.GLOBALLOCK | TPMA_NV.WRITEDEFINE;

/**
 * TPM2_NV_DefineSpace (Part 3, section 31.3).
 *
 * @param authHandle owner or platform
 * @param auth authorization value of the index
 */
export function defineSpace(
  tpm: Tpm,
  authHandle: number,
  auth: Uint8Array,
  publicArea: NvPublic,
): ResponseCode {
  const authValue = withoutTrailingZeros(auth);
  const refusal = checkDefinition(tpm, authHandle, authValue, publicArea);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  if (findNvIndex(tpm, publicArea.nvIndex) !== undefined) return TPM_RC.NV_DEFINED;
  const { permanent } = tpm.state;
  const index = { publicArea, authValue, data: new Uint8Array(publicArea.dataSize) };
  const nvIndexes = [...permanent.nvIndexes, index];
  if (!fitsNvMemory({ ...permanent, nvIndexes })) return TPM_RC.NV_SPACE;
  permanent.nvIndexes = nvIndexes.sort(
    (one, other) => one.publicArea.nvIndex - other.publicArea.nvIndex,
  );
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

function checkDefinition(
  tpm: Tpm,
  authHandle: number,
  authValue: Uint8Array,
  publicArea: NvPublic,
): ResponseCode {
  const { attributes, authPolicy, nameAlg } = publicArea;
  const digestSize = DIGEST_SIZE[nameAlg]!;
  if (![0, digestSize].includes(authPolicy.length)) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 2);
  if (authValue.length > digestSize) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  const isPlatform = authHandle === TPM_RH.PLATFORM;
  if (isPlatform && !isHierarchyEnabled(tpm, TPM_RH.PLATFORM_NV)) {
    return atHandle(TPM_RC_FORMAT_ONE.HIERARCHY, 1);
  }
  if (!hasSizeOfType(publicArea)) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 2);
  const isPlatformIndex = (attributes & TPMA_NV.PLATFORMCREATE) !== 0;
  if ((attributes & STATES) !== 0 || !hasSoundAttributes(publicArea)) {
    return atParameter(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  if (isPlatformIndex !== isPlatform) return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  if ((attributes & TPMA_NV.POLICY_DELETE) !== 0 && !isPlatformIndex) {
    return atParameter(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  return isWritable(publicArea) ? TPM_RC.SUCCESS : atParameter(TPM_RC_FORMAT_ONE.SIZE, 2);
}

/** @returns whether a command has room for all data where they have to be written at once */
export function isWritable({ attributes, dataSize }: NvPublic): boolean {
  return (attributes & TPMA_NV.WRITEALL) === 0 || dataSize <= LIMIT.NV_BUFFER;
}

/** @returns whether the size is one that the type can have */
export function hasSizeOfType(publicArea: NvPublic): boolean {
  switch (nvType({ publicArea })) {
    case TPM_NT.COUNTER:
    case TPM_NT.BITS:
    case TPM_NT.PIN_FAIL:
    case TPM_NT.PIN_PASS:
      return publicArea.dataSize === NUMBER_SIZE;
    case TPM_NT.EXTEND:
      return publicArea.dataSize === DIGEST_SIZE[publicArea.nameAlg];
    default:
      return true;
  }
}

/** @returns whether the type is known and the attributes that don't change go together */
export function hasSoundAttributes(publicArea: NvPublic): boolean {
  const { attributes } = publicArea;
  const has = (bits: number): boolean => (attributes & bits) !== 0;
  const type = nvType({ publicArea });
  if (!(Object.values(TPM_NT) as number[]).includes(type)) return false;
  if (!has(READ_AUTHORITIES) || !has(WRITE_AUTHORITIES)) return false;
  if (has(TPMA_NV.CLEAR_STCLEAR) && (type === TPM_NT.COUNTER || has(TPMA_NV.WRITEDEFINE))) {
    return false;
  }
  if (type === TPM_NT.PIN_FAIL && !has(TPMA_NV.NO_DA)) return false;
  return (type !== TPM_NT.PIN_FAIL && type !== TPM_NT.PIN_PASS) || !has(NOT_OF_PIN);
}

/**
 * TPM2_NV_UndefineSpace (Part 3, section 31.4).
 *
 * @param authHandle owner or platform
 */
export function undefineSpace(tpm: Tpm, authHandle: number, nvIndex: number): ResponseCode {
  const index = findNvIndex(tpm, nvIndex)!;
  if (hasNvAttribute(index, TPMA_NV.POLICY_DELETE)) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  if (authHandle === TPM_RH.OWNER && hasNvAttribute(index, TPMA_NV.PLATFORMCREATE)) {
    return TPM_RC.NV_AUTHORIZATION;
  }
  removeIndexes(tpm, (one) => one === index);
  return TPM_RC.SUCCESS;
}

/** TPM2_NV_UndefineSpaceSpecial (Part 3, section 31.5): with the policy of the index. */
export function undefineSpaceSpecial(tpm: Tpm, nvIndex: number): ResponseCode {
  const index = findNvIndex(tpm, nvIndex)!;
  if (!hasNvAttribute(index, TPMA_NV.POLICY_DELETE)) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  removeIndexes(tpm, (one) => one === index);
  return TPM_RC.SUCCESS;
}

/** Removes the owner's indexes, at TPM2_Clear. */
export function removeOwnerIndexes(tpm: Tpm): void {
  removeIndexes(tpm, (index) => !hasNvAttribute(index, TPMA_NV.PLATFORMCREATE));
}

/** Removes indexes. The next new counter begins above those of them that counted. */
function removeIndexes(tpm: Tpm, isRemoved: (index: NvIndexState) => boolean): void {
  const { permanent } = tpm.state;
  for (const index of permanent.nvIndexes.filter(isRemoved)) {
    if (!isCounter(index) || !hasNvAttribute(index, TPMA_NV.WRITTEN)) continue;
    const value = bigEndian(index.data);
    if (value > permanent.highestCounter) permanent.highestCounter = value;
  }
  permanent.nvIndexes = permanent.nvIndexes.filter((index) => !isRemoved(index));
  tpm.permanentChanged = true;
}
