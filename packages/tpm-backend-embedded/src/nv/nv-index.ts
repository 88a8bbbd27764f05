import { tagged } from '../objects/object-name.js';
import type { NvIndexState } from '../state/nv-state.js';
import { TPMA_NV, TPMS_NV_PUBLIC } from '../structures/nv-public.js';
import { marshalled } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';

/** Types of an NV index (Part 2, section 13.2, TPM_NT). */
export const TPM_NT = {
  ORDINARY: 0x0,
  COUNTER: 0x1,
  BITS: 0x2,
  EXTEND: 0x4,
  PIN_FAIL: 0x8,
  PIN_PASS: 0x9,
} as const;

/** @returns the index of a handle, whether its hierarchy is enabled or not; undefined without one */
export function findNvIndex(tpm: Tpm, handle: number): NvIndexState | undefined {
  return tpm.state.permanent.nvIndexes.find(({ publicArea }) => publicArea.nvIndex === handle);
}

/** @returns whether an index has any of the {@link TPMA_NV} bits */
export function hasNvAttribute({ publicArea }: NvIndexState, bits: number): boolean {
  return (publicArea.attributes & bits) !== 0;
}

/** Sets and clears {@link TPMA_NV} bits; with them the Name changes. */
export function changeNvAttributes(index: NvIndexState, set: number, clear: number): void {
  const { publicArea } = index;
  const attributes = ((publicArea.attributes | set) & ~clear) >>> 0;
  index.publicArea = { ...publicArea, attributes };
}

/** @returns the type of an index, a {@link TPM_NT} value */
export function nvType({ publicArea }: Pick<NvIndexState, 'publicArea'>): number {
  return (publicArea.attributes & TPMA_NV.TYPE) >>> 4;
}

/** @returns whether an index is a counter */
export function isCounter(index: NvIndexState): boolean {
  return nvType(index) === TPM_NT.COUNTER;
}

/** @returns whether an index counts the uses of its authValue, right ones or wrong ones */
export function isPin(index: NvIndexState): boolean {
  const type = nvType(index);
  return type === TPM_NT.PIN_FAIL || type === TPM_NT.PIN_PASS;
}

/** @returns the Name of an index (Part 1, section 16) */
export function nvName({ publicArea }: NvIndexState): Uint8Array {
  return tagged(publicArea.nameAlg, marshalled(TPMS_NV_PUBLIC, publicArea));
}
