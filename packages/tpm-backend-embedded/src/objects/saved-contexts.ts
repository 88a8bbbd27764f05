import { TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import { isHierarchyEnabled } from '../entity.js';
import { undoShutdown } from '../orderly.js';
import { atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import {
  addSession,
  isContextGapFull,
  removeSession,
  sessionAt,
} from '../sessions/session-table.js';
import { SLOT_KIND, SLOT_STATE, type SlotState } from '../state/object-state.js';
import { SESSION_STATE } from '../state/session-state.js';
import type { Context } from '../structures/contexts.js';
import { handleIndex, handleType, TPM_HT, TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { protectContext, SAVED_HANDLE, unprotectContext } from './context-blob.js';
import { hasFreeSlot, occupySlot } from './object-slots.js';

/** Saves a loaded object or sequence, which stays loaded (Part 3, section 28.2). */
export function saveObject(tpm: Tpm, slot: SlotState): Context {
  undoShutdown(tpm);
  const { reset } = tpm.state;
  const head = {
    sequence: ++reset.objectContextCounter,
    savedHandle: savedHandle(slot),
    hierarchy: slot.kind === SLOT_KIND.OBJECT ? slot.object.hierarchy : TPM_RH.NULL,
  };
  return protectContext(tpm, head, SLOT_STATE, slot);
}

function savedHandle(slot: SlotState): number {
  if (slot.kind === SLOT_KIND.SEQUENCE) return SAVED_HANDLE.SEQUENCE;
  return slot.object.stClear ? SAVED_HANDLE.ST_CLEAR : SAVED_HANDLE.ORDINARY;
}

/**
 * Loads a saved object or sequence into the lowest free slot (Part 3, section 28.3).
 *
 * @returns its handle, or a response code
 */
export function loadObjectContext(
  tpm: Tpm,
  context: Context,
): { readonly responseHandle: number } | ResponseCode {
  const slot = unprotectContext(tpm, context, SLOT_STATE);
  if (isRefusal(slot)) return atParameter(slot, 1);
  if (!isHierarchyEnabled(tpm, context.hierarchy)) {
    return atParameter(TPM_RC_FORMAT_ONE.HIERARCHY, 1);
  }
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  return { responseHandle: occupySlot(tpm, slot) };
}

/**
 * Saves a loaded session and frees its place; its handle stays taken until the session is loaded
 * again or flushed (Part 1, section 30.5).
 *
 * @param handle handle of a loaded session
 * @returns the context, or TPM_RC_CONTEXT_GAP while another session waits to be loaded for too long
 */
export function saveSession(tpm: Tpm, handle: number): Context | ResponseCode {
  if (isContextGapFull(tpm)) return TPM_RC_WARNING.CONTEXT_GAP;
  undoShutdown(tpm);
  const { reset } = tpm.state;
  const slot = handleIndex(handle);
  const session = sessionAt(tpm, slot)!;
  const sequence = ++reset.sessionContextCounter;
  const isPolicy = handleType(handle) === TPM_HT.POLICY_SESSION;
  removeSession(tpm, slot);
  reset.savedSessions.push({ slot, sequence, isPolicy });
  const head = { sequence, savedHandle: handle, hierarchy: TPM_RH.NULL };
  return protectContext(tpm, head, SESSION_STATE, session);
}

/**
 * Loads a saved session into a free place, once: its slot must still be waiting for this very
 * context.
 *
 * libtpms: a Shutdown before it is undone also when it is refused, once the context proved sound.
 *
 * @returns its handle, or a response code
 */
export function loadSessionContext(
  tpm: Tpm,
  context: Context,
): { readonly responseHandle: number } | ResponseCode {
  const session = unprotectContext(tpm, context, SESSION_STATE);
  if (isRefusal(session)) return atParameter(session, 1);
  undoShutdown(tpm);
  const { reset } = tpm.state;
  const slot = handleIndex(context.savedHandle);
  const saved = reset.savedSessions.find((one) => one.slot === slot);
  if (saved?.sequence !== context.sequence) return atParameter(TPM_RC_FORMAT_ONE.HANDLE, 1);
  const added = addSession(tpm, session, slot);
  if (isRefusal(added)) return added;
  reset.savedSessions = reset.savedSessions.filter((one) => one !== saved);
  return { responseHandle: added.handle };
}

/**
 * Ends a saved session: its context can't be loaded any more.
 *
 * libtpms: a Shutdown(STATE) before it stays valid, and brings the session back with it.
 *
 * @returns whether there was one in that slot
 */
export function flushSavedSession(tpm: Tpm, slot: number): boolean {
  const { reset } = tpm.state;
  const count = reset.savedSessions.length;
  reset.savedSessions = reset.savedSessions.filter((one) => one.slot !== slot);
  return reset.savedSessions.length < count;
}
