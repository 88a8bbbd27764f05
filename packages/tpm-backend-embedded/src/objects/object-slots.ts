import { SLOT_KIND, type SlotState } from '../state/object-state.js';
import { HANDLE_FIRST, handleType, TPM_HT } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';

/** @returns how many slots the command in progress has its persistent objects in */
function slotsInUse(tpm: Tpm): number {
  const handles = tpm.context?.handles ?? [];
  return handles.filter((handle) => handleType(handle) === TPM_HT.PERSISTENT).length;
}

/**
 * @param taken free slots that are needed for something else; those of the command's persistent
 *   objects unless given
 * @returns whether a transient object can be loaded; otherwise TPM_RC_OBJECT_MEMORY is due
 */
export function hasFreeSlot(tpm: Tpm, taken: number = slotsInUse(tpm)): boolean {
  const free = tpm.state.volatile.slots.filter((slot) => slot === undefined).length;
  return free > taken;
}

/**
 * Puts an object or a sequence into the lowest free slot; one must be free. The command's persistent
 * objects are in those before it.
 *
 * @returns its transient handle
 */
export function occupySlot(tpm: Tpm, state: SlotState): number {
  const { slots } = tpm.state.volatile;
  let index = slots.indexOf(undefined);
  for (let taken = slotsInUse(tpm); taken > 0; taken--) index = slots.indexOf(undefined, index + 1);
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
