import { TPM_RC, TPM_RC_WARNING } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { undoShutdown } from '../orderly.js';
import type { ResponseCode } from '../response-code.js';
import type { PcrBank } from '../state/volatile-state.js';
import { HASHES } from '../structures/algorithms.js';
import type { PcrSelection, TaggedDigest } from '../structures/buffers.js';
import { TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';
import { HCRTM_PCR, hasPcr, PCR_ATTRIBUTES, pcrMask, pcrSelectOf } from './pcr-attributes.js';

/** How many PCR Shutdown(STATE) keeps: PCR 0 to 15. */
export const SAVED_PCRS = 16;

/** Where PCR 0 of a start after an H-CRTM sequence begins: zeros ending in 4. */
export const HCRTM_LOCALITY = 4;

/**
 * Gives all PCR their values of a start (Part 1, section 17.3) and counts one change for each PCR
 * that counts.
 *
 * @param locality what PCR 0 shows in its last byte: the locality of Startup, or 4 after an H-CRTM
 *   sequence, whose digests are then extended
 */
export function startPcrs(tpm: Tpm, locality: number): void {
  const { permanent, reset, volatile } = tpm.state;
  volatile.pcrSelection = permanent.pcrAllocation;
  volatile.pcrBanks = permanent.pcrAllocation
    .filter(({ pcrSelect }) => pcrMask(pcrSelect) !== 0)
    .map(({ hash }) => startedBank(hash, locality));
  reset.pcrCounter = (reset.pcrCounter + countingPcrs(ALL_PCRS)) >>> 0;
  for (const [index, digest] of volatile.hcrtmDigests.entries()) {
    const bank = findBank(tpm, HASHES[index]!);
    if (bank !== undefined && isAllocated(tpm, bank.hashAlg, HCRTM_PCR)) {
      extendBank(bank, HCRTM_PCR, digest);
    }
  }
}

/**
 * Gives all PCR their values of a TPM Resume: the saved ones as they were, the others as at a
 * start. A bank that was allocated since the Shutdown begins as at a start.
 */
export function resumePcrs(tpm: Tpm): void {
  const { clear, reset } = tpm.state;
  const counter = reset.pcrCounter;
  tpm.state.volatile.hcrtmDigests = [];
  startPcrs(tpm, 0);
  for (const bank of tpm.state.volatile.pcrBanks) {
    bank.values.set(clear.savedPcrs[HASHES.indexOf(bank.hashAlg)] ?? NOTHING);
  }
  clear.savedPcrs = [];
  reset.pcrCounter = (counter + countingPcrs(ALL_PCRS & ~PCR_ATTRIBUTES.save)) >>> 0;
}

/** @returns values of the PCR that Shutdown(STATE) keeps, a bank for each hash, empty if unused */
export function savedPcrs(tpm: Tpm): Uint8Array[] {
  return HASHES.map((hash) => {
    const bank = findBank(tpm, hash);
    return bank === undefined ? NOTHING : bank.values.slice(0, SAVED_PCRS * digestSize(hash));
  });
}

/** Extends a PCR if the command's locality may; TPM_RH_NULL takes anything and keeps nothing. */
export function extendAtLocality(
  tpm: Tpm,
  pcrHandle: number,
  digests: readonly TaggedDigest[],
): ResponseCode {
  if (pcrHandle === TPM_RH.NULL) return TPM_RC.SUCCESS;
  if (!hasPcr(PCR_ATTRIBUTES.extend[tpm.locality]!, pcrHandle)) return TPM_RC_WARNING.LOCALITY;
  extendPcr(tpm, pcrHandle, digests);
  return TPM_RC.SUCCESS;
}

/**
 * Extends a PCR (Part 1, section 17.4) in the banks of `digests`, one after the other; banks
 * without that PCR are left out.
 */
export function extendPcr(tpm: Tpm, pcr: number, digests: readonly TaggedDigest[]): void {
  for (const { hashAlg, digest } of digests) {
    const bank = findBank(tpm, hashAlg);
    if (bank === undefined || !isAllocated(tpm, hashAlg, pcr)) continue;
    extendBank(bank, pcr, digest);
    countChange(tpm, pcr);
  }
  if (hasPcr(PCR_ATTRIBUTES.save, pcr)) undoShutdown(tpm);
}

/** Sets a PCR to zero in all banks and counts one change. */
export function resetPcr(tpm: Tpm, pcr: number): void {
  zeroPcr(tpm, pcr);
  countChange(tpm, pcr);
  if (hasPcr(PCR_ATTRIBUTES.save, pcr)) undoShutdown(tpm);
}

/** Sets a PCR to zero in all banks. */
export function zeroPcr(tpm: Tpm, pcr: number): void {
  for (const bank of tpm.state.volatile.pcrBanks) pcrValue(bank, pcr).fill(0);
}

/** @returns a view of a PCR's value */
export function pcrValue({ hashAlg, values }: PcrBank, pcr: number): Uint8Array {
  const size = digestSize(hashAlg);
  return values.subarray(pcr * size, (pcr + 1) * size);
}

/** @returns the bank of a hash; undefined when no PCR of it is allocated */
export function findBank(tpm: Tpm, hash: number): PcrBank | undefined {
  for (const bank of tpm.state.volatile.pcrBanks) if (bank.hashAlg === hash) return bank;
  return undefined;
}

/** @returns the PCR of a bank that are in use */
export function allocatedPcrs(tpm: Tpm, hash: number): number {
  for (const selection of tpm.state.volatile.pcrSelection) {
    if (selection.hash === hash) return pcrMask(selection.pcrSelect);
  }
  return 0;
}

/** @returns the selections without the PCR that aren't in use, as quotes and policies name them */
export function usedSelections(tpm: Tpm, selections: readonly PcrSelection[]): PcrSelection[] {
  return selections.map(({ hash, pcrSelect }) => ({
    hash,
    pcrSelect: pcrSelectOf(pcrMask(pcrSelect) & allocatedPcrs(tpm, hash)),
  }));
}

/**
 * @param selections PCR of several banks, as in a quote or a policy
 * @returns for each selection the PCR of it that are in use, with their values in order
 */
export function selectedValues(tpm: Tpm, selections: readonly PcrSelection[]): Uint8Array[] {
  const values: Uint8Array[] = [];
  for (const { hash, pcrSelect } of selections) {
    const bank = findBank(tpm, hash);
    if (bank === undefined) continue;
    const mask = pcrMask(pcrSelect) & allocatedPcrs(tpm, hash);
    for (let pcr = 0; pcr < LIMIT.PCR; pcr++) {
      if (hasPcr(mask, pcr)) values.push(pcrValue(bank, pcr));
    }
  }
  return values;
}

const NOTHING = new Uint8Array(0);
const ALL_PCRS = 0xff_ffff;

function digestSize(hash: number): number {
  return hashAlgorithm(hash)!.digestSize;
}

function startedBank(hashAlg: number, locality: number): PcrBank {
  const bank = { hashAlg, values: new Uint8Array(LIMIT.PCR * digestSize(hashAlg)) };
  for (let pcr = 0; pcr < LIMIT.PCR; pcr++) {
    if (hasPcr(PCR_ATTRIBUTES.drtmReset, pcr)) pcrValue(bank, pcr).fill(0xff);
  }
  bank.values[digestSize(hashAlg) - 1] = locality;
  return bank;
}

function isAllocated(tpm: Tpm, hash: number, pcr: number): boolean {
  return hasPcr(allocatedPcrs(tpm, hash), pcr);
}

function extendBank(bank: PcrBank, pcr: number, digest: Uint8Array): void {
  const value = pcrValue(bank, pcr);
  value.set(hashAlgorithm(bank.hashAlg)!.digest(value, digest));
}

function countChange(tpm: Tpm, pcr: number): void {
  if (hasPcr(PCR_ATTRIBUTES.noIncrement, pcr)) return;
  tpm.state.reset.pcrCounter = (tpm.state.reset.pcrCounter + 1) >>> 0;
}

function countingPcrs(mask: number): number {
  let count = 0;
  for (let pcr = 0; pcr < LIMIT.PCR; pcr++) {
    if (hasPcr(mask & ~PCR_ATTRIBUTES.noIncrement, pcr)) count++;
  }
  return count;
}
