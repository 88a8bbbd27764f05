import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { withoutTrailingZeros } from '../entity.js';
import { undoShutdown } from '../orderly.js';
import { atHandle, atParameter, type ResponseCode } from '../response-code.js';
import type { NvIndexState } from '../state/nv-state.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import { TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import { TPMA_NV } from '../structures/nv-public.js';
import type { Tpm } from '../tpm.js';
import {
  changeNvAttributes,
  findNvIndex,
  hasNvAttribute,
  isCounter,
  isPin,
  nvType,
  TPM_NT,
} from './nv-index.js';
import { bigEndian, eightBytes } from './nv-number.js';
import { ORDERLY_INTERVAL } from './nv-startup.js';

/** What an index is used by: handles of a command, present and authorized. */
export interface NvUse {
  /** Owner, platform or the index itself. */
  readonly authHandle: number;
  readonly nvIndex: number;
}

/** Whether the authority may do this at all. That of the index itself was asked before. */
function isAuthority(
  { authHandle, nvIndex }: NvUse,
  index: NvIndexState,
  byOwner: number,
  byPlatform: number,
): boolean {
  if (authHandle === TPM_RH.OWNER) return hasNvAttribute(index, byOwner);
  if (authHandle === TPM_RH.PLATFORM) return hasNvAttribute(index, byPlatform);
  return authHandle === nvIndex;
}

function mayRead(use: NvUse, index: NvIndexState): boolean {
  return isAuthority(use, index, TPMA_NV.OWNERREAD, TPMA_NV.PPREAD);
}

function mayWrite(use: NvUse, index: NvIndexState): boolean {
  return isAuthority(use, index, TPMA_NV.OWNERWRITE, TPMA_NV.PPWRITE);
}

/**
 * The checks of all commands that read an index (Part 3, section 31.1).
 *
 * @returns TPM_RC_NV_LOCKED, TPM_RC_NV_AUTHORIZATION or TPM_RC_NV_UNINITIALIZED where one fails
 */
export function checkRead(tpm: Tpm, use: NvUse): ResponseCode {
  const index = findNvIndex(tpm, use.nvIndex)!;
  if (hasNvAttribute(index, TPMA_NV.READLOCKED)) return TPM_RC.NV_LOCKED;
  if (!mayRead(use, index)) return TPM_RC.NV_AUTHORIZATION;
  return hasNvAttribute(index, TPMA_NV.WRITTEN) ? TPM_RC.SUCCESS : TPM_RC.NV_UNINITIALIZED;
}

function checkWrite(use: NvUse, index: NvIndexState): ResponseCode {
  if (hasNvAttribute(index, TPMA_NV.WRITELOCKED)) return TPM_RC.NV_LOCKED;
  return mayWrite(use, index) ? TPM_RC.SUCCESS : TPM_RC.NV_AUTHORIZATION;
}

/**
 * Reads part of an index after {@link checkRead} (Part 3, section 31.13).
 *
 * @returns the bytes, or TPM_RC_VALUE or TPM_RC_NV_RANGE
 */
export function readData(
  tpm: Tpm,
  nvIndex: number,
  size: number,
  offset: number,
): Uint8Array | ResponseCode {
  const { data } = findNvIndex(tpm, nvIndex)!;
  if (size > LIMIT.NV_BUFFER) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
  if (offset > data.length) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 2);
  return offset + size > data.length ? TPM_RC.NV_RANGE : data.slice(offset, offset + size);
}

/**
 * Replaces data and notes that the index is written. What is orderly isn't stored now, but for a
 * counter at the end of an interval.
 */
export function setData(tpm: Tpm, index: NvIndexState, data: Uint8Array): void {
  const isFirst = !hasNvAttribute(index, TPMA_NV.WRITTEN);
  index.data = data;
  changeNvAttributes(index, TPMA_NV.WRITTEN, 0);
  if (!hasNvAttribute(index, TPMA_NV.ORDERLY)) {
    tpm.permanentChanged = true;
    return;
  }
  undoShutdown(tpm);
  const isStored = isCounter(index) && (isFirst || bigEndian(data) % ORDERLY_INTERVAL === 0n);
  if (isStored) tpm.permanentChanged = true;
}

/** TPM2_NV_Write (Part 3, section 31.7). */
export function writeIndex(tpm: Tpm, use: NvUse, bytes: Uint8Array, offset: number): ResponseCode {
  const index = findNvIndex(tpm, use.nvIndex)!;
  const refusal = checkWrite(use, index);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const type = nvType(index);
  if (type === TPM_NT.COUNTER || type === TPM_NT.BITS || type === TPM_NT.EXTEND) {
    return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  }
  const { length } = index.data;
  if (offset > length) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 2);
  if (offset + bytes.length > length) return TPM_RC.NV_RANGE;
  if (hasNvAttribute(index, TPMA_NV.WRITEALL) && bytes.length < length) return TPM_RC.NV_RANGE;
  const data = hasNvAttribute(index, TPMA_NV.WRITTEN) ? index.data.slice() : unwritten(index);
  data.set(bytes, offset);
  setData(tpm, index, data);
  return TPM_RC.SUCCESS;
}

/** What a first write leaves in the bytes that it doesn't write (libtpms). */
function unwritten(index: NvIndexState): Uint8Array {
  const isZero = isPin(index) || hasNvAttribute(index, TPMA_NV.ORDERLY);
  return new Uint8Array(index.data.length).fill(isZero ? 0 : 0xff);
}

/**
 * The commands that write another type than ordinary data.
 *
 * @param type the index's type, a {@link TPM_NT} value; TPM_RC_ATTRIBUTES for another one
 * @param change gets the data, undefined before the first write
 */
function change(
  tpm: Tpm,
  use: NvUse,
  type: number,
  change: (data: Uint8Array | undefined, index: NvIndexState) => Uint8Array,
): ResponseCode {
  const index = findNvIndex(tpm, use.nvIndex)!;
  const refusal = checkWrite(use, index);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  if (nvType(index) !== type) return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  const data = hasNvAttribute(index, TPMA_NV.WRITTEN) ? index.data : undefined;
  setData(tpm, index, change(data, index));
  return TPM_RC.SUCCESS;
}

/** TPM2_NV_Increment (Part 3, section 31.8): the first one goes above all deleted counters. */
export function incrementIndex(tpm: Tpm, use: NvUse): ResponseCode {
  return change(tpm, use, TPM_NT.COUNTER, (data) =>
    eightBytes(1n + (data === undefined ? tpm.state.permanent.highestCounter : bigEndian(data))),
  );
}

/** TPM2_NV_SetBits (Part 3, section 31.10). */
export function setIndexBits(tpm: Tpm, use: NvUse, bits: bigint): ResponseCode {
  return change(tpm, use, TPM_NT.BITS, (data) =>
    eightBytes(bits | (data === undefined ? 0n : bigEndian(data))),
  );
}

/** TPM2_NV_Extend (Part 3, section 31.9): digest' = H(digest ‖ bytes), from zeros on. */
export function extendIndex(tpm: Tpm, use: NvUse, bytes: Uint8Array): ResponseCode {
  return change(tpm, use, TPM_NT.EXTEND, (data, { publicArea }) => {
    const hash = hashAlgorithm(publicArea.nameAlg)!;
    return hash.digest(data ?? new Uint8Array(hash.digestSize), bytes);
  });
}

/** TPM2_NV_WriteLock (Part 3, section 31.11). What is locked already stays so, whoever asks. */
export function lockWriting(tpm: Tpm, use: NvUse): ResponseCode {
  const index = findNvIndex(tpm, use.nvIndex)!;
  if (hasNvAttribute(index, TPMA_NV.WRITELOCKED)) return TPM_RC.SUCCESS;
  if (!mayWrite(use, index)) return TPM_RC.NV_AUTHORIZATION;
  if (!hasNvAttribute(index, TPMA_NV.WRITEDEFINE | TPMA_NV.WRITE_STCLEAR)) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  return lock(tpm, index, TPMA_NV.WRITELOCKED);
}

/** TPM2_NV_ReadLock (Part 3, section 31.14). */
export function lockReading(tpm: Tpm, use: NvUse): ResponseCode {
  const index = findNvIndex(tpm, use.nvIndex)!;
  if (hasNvAttribute(index, TPMA_NV.READLOCKED)) return TPM_RC.SUCCESS;
  if (!mayRead(use, index)) return TPM_RC.NV_AUTHORIZATION;
  if (!hasNvAttribute(index, TPMA_NV.READ_STCLEAR)) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  return lock(tpm, index, TPMA_NV.READLOCKED);
}

/** TPM2_NV_GlobalWriteLock (Part 3, section 31.12): all indexes with GLOBALLOCK. */
export function lockAllWriting(tpm: Tpm): ResponseCode {
  for (const index of tpm.state.permanent.nvIndexes) {
    if (hasNvAttribute(index, TPMA_NV.GLOBALLOCK)) lock(tpm, index, TPMA_NV.WRITELOCKED);
  }
  return TPM_RC.SUCCESS;
}

/** Locks are stored at once, also those of orderly indexes. */
function lock(tpm: Tpm, index: NvIndexState, bit: number): ResponseCode {
  changeNvAttributes(index, bit, 0);
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

/** TPM2_NV_ChangeAuth (Part 3, section 31.15). */
export function changeIndexAuth(tpm: Tpm, nvIndex: number, newAuth: Uint8Array): ResponseCode {
  const index = findNvIndex(tpm, nvIndex)!;
  const authValue = withoutTrailingZeros(newAuth);
  if (authValue.length > DIGEST_SIZE[index.publicArea.nameAlg]!) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  }
  index.authValue = authValue;
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}
