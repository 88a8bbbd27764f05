import { TPM_CC } from 'tpm-core';
import type { AuthRole } from '../commands/command.js';
import type { NvIndexState } from '../state/nv-state.js';
import { TPMA_NV } from '../structures/nv-public.js';
import type { Tpm } from '../tpm.js';
import { setData } from './nv-access.js';
import { findNvIndex, hasNvAttribute, isPin, nvType, TPM_NT } from './nv-index.js';

/** Commands that an index has to allow its authority as writing; all others are reading. */
const WRITING_COMMANDS: readonly number[] = [
  TPM_CC.NV_Write,
  TPM_CC.NV_Increment,
  TPM_CC.NV_Extend,
  TPM_CC.NV_SetBits,
  TPM_CC.NV_WriteLock,
];

/**
 * @param commandCode the command that the authorization is for
 * @returns whether the authValue of an index may be used; that of a PIN index may be before its
 *   limit, for reading whatever its attributes say
 */
export function isNvAuthValueAvailable(index: NvIndexState, commandCode: number): boolean {
  if (WRITING_COMMANDS.includes(commandCode)) return hasNvAttribute(index, TPMA_NV.AUTHWRITE);
  if (!isPin(index)) return hasNvAttribute(index, TPMA_NV.AUTHREAD);
  const { count, limit } = pinCount(index);
  return hasNvAttribute(index, TPMA_NV.WRITTEN) && count < limit;
}

/** @returns whether a policy session may authorize the use of an index; in the admin role always */
export function isNvPolicyAvailable(
  index: NvIndexState,
  role: AuthRole,
  commandCode: number,
): boolean {
  if (index.publicArea.authPolicy.length === 0) return false;
  if (role === 'admin') return true;
  const isWriting = WRITING_COMMANDS.includes(commandCode);
  return hasNvAttribute(index, isWriting ? TPMA_NV.POLICYWRITE : TPMA_NV.POLICYREAD);
}

/** TPMS_NV_PIN_COUNTER_PARAMETERS (Part 2, section 13.3). */
function pinCount({ data }: NvIndexState): { readonly count: number; readonly limit: number } {
  const view = new DataView(data.buffer, data.byteOffset);
  return { count: view.getUint32(0), limit: view.getUint32(4) };
}

/**
 * Counts that the authValue of a PIN index was used: PIN Pass counts right ones, PIN Fail wrong
 * ones since the last right one (Part 1, section 37.2.7). Of other entities nothing is counted.
 */
export function notePinUse(tpm: Tpm, handle: number, isRight: boolean): void {
  const index = findNvIndex(tpm, handle);
  if (index === undefined || !isPin(index)) return;
  const isPass = nvType(index) === TPM_NT.PIN_PASS;
  if (isPass && !isRight) return;
  const { count } = pinCount(index);
  const next = isPass || !isRight ? count + 1 : 0;
  if (next === count) return;
  const data = index.data.slice();
  new DataView(data.buffer).setUint32(0, next);
  setData(tpm, index, data);
}
