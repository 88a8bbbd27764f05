import { SLOT_KIND, type SlotState } from '../state/object-state.js';
import { HANDLE_FIRST } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';

/** @returns whether a transient object can be loaded; otherwise TPM_RC_OBJECT_MEMORY is due */
export function hasFreeSlot(tpm: Tpm): boolean {
  return tpm.state.volatile.slots.includes(undefined);
}

/**
 * Puts an object or a sequence into the lowest free slot; one must be free.
 *
 * @returns its transient handle
 */
export function occupySlot(tpm: Tpm, state: SlotState): number {
  const { slots } = tpm.state.volatile;
  const index = slots.indexOf(undefined);
  slots[index] = state;
  return HANDLE_FIRST.TRANSIENT + index;
}

/** Flushes the loaded objects of a hierarchy. Sequences belong to none and stay. */
export function flushHierarchy(tpm: Tpm, hierarchy: number): void {
  const { slots } = tpm.state.volatile;
  for (const [index, slot] of slots.entries()) {
    if (slot?.kind === SLOT_KIND.OBJECT && slot.object.hierarchy === hierarchy) {
      slots[index] = undefined;
    }
  }
}
