import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { findSlot } from '../entity.js';
import { evictControl } from '../objects/persistent-objects.js';
import {
  flushSavedSession,
  loadObjectContext,
  loadSessionContext,
  saveObject,
  saveSession,
} from '../objects/saved-contexts.js';
import { atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { removeSession, sessionAt } from '../sessions/session-table.js';
import { type Context, TPMS_CONTEXT } from '../structures/contexts.js';
import {
  handleIndex,
  handleType,
  TPM_HT,
  TPMI_DH_CONTEXT,
  TPMI_DH_OBJECT,
  TPMI_DH_PERSISTENT,
  TPMI_RH_PROVISION,
} from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { type Command, command, plain, user } from './command.js';

/** Context management (TPM 2.0 Library, Part 3, section 28). */
export const CONTEXT_MANAGEMENT: readonly Command[] = [
  command(
    'ContextSave',
    {
      sessions: 'none',
      handles: { saveHandle: plain(TPMI_DH_CONTEXT) },
      response: { context: TPMS_CONTEXT },
    },
    contextSave,
  ),
  command(
    'ContextLoad',
    { sessions: 'none', parameters: { context: TPMS_CONTEXT }, responseHandle: true },
    (tpm, { context }) =>
      isTransient(context.savedHandle)
        ? loadObjectContext(tpm, context)
        : loadSessionContext(tpm, context),
  ),
  command(
    'FlushContext',
    { sessions: 'none', parameters: { flushHandle: TPMI_DH_CONTEXT } },
    flushContext,
  ),
  command(
    'EvictControl',
    {
      nv: true,
      handles: { auth: user(TPMI_RH_PROVISION), objectHandle: plain(TPMI_DH_OBJECT) },
      parameters: { persistentHandle: TPMI_DH_PERSISTENT },
    },
    (tpm, { auth, objectHandle, persistentHandle }) =>
      evictControl(tpm, auth, objectHandle, persistentHandle),
  ),
];

function isTransient(handle: number): boolean {
  return handleType(handle) === TPM_HT.TRANSIENT;
}

function contextSave(
  tpm: Tpm,
  { saveHandle }: { readonly saveHandle: number },
): { readonly context: Context } | ResponseCode {
  const slot = findSlot(tpm, saveHandle);
  const context = slot === undefined ? saveSession(tpm, saveHandle) : saveObject(tpm, slot);
  return isRefusal(context) ? context : { context };
}

/** The handle of a session may be of either type (libtpms). */
function flushContext(tpm: Tpm, { flushHandle }: { readonly flushHandle: number }): ResponseCode {
  const index = handleIndex(flushHandle);
  if (!isTransient(flushHandle)) {
    if (sessionAt(tpm, index) !== undefined) removeSession(tpm, index);
    else if (!flushSavedSession(tpm, index)) return atParameter(TPM_RC_FORMAT_ONE.HANDLE, 1);
    return TPM_RC.SUCCESS;
  }
  const { slots } = tpm.state.volatile;
  if (index >= slots.length) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
  if (slots[index] === undefined) return atParameter(TPM_RC_FORMAT_ONE.HANDLE, 1);
  slots[index] = undefined;
  return TPM_RC.SUCCESS;
}
