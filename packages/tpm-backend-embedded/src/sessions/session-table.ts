import { TPM_RC_WARNING } from 'tpm-core';
import type { ResponseCode } from '../response-code.js';
import type { PolicyState, SessionState } from '../state/session-state.js';
import { TPM_SE } from '../structures/constants.js';
import { HANDLE_FIRST, handleIndex, handleType, TPM_HT } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';

/** @returns the loaded session with that handle, whose type has to be right as well */
export function findSession(tpm: Tpm, handle: number): SessionState | undefined {
  const session = sessionAt(tpm, handleIndex(handle));
  return session !== undefined && handleType(handle) === sessionHandleType(session)
    ? session
    : undefined;
}

/** @returns the session that is loaded in a slot */
export function sessionAt(tpm: Tpm, slot: number): SessionState | undefined {
  return tpm.state.volatile.sessions.find((active) => active.slot === slot)?.session;
}

/** @returns TPM_HT of the session's handle: trial sessions count as policy sessions */
export function sessionHandleType({ sessionType }: SessionState): number {
  return sessionType === TPM_SE.HMAC ? TPM_HT.HMAC_SESSION : TPM_HT.POLICY_SESSION;
}

/**
 * Puts a session in a slot. Sessions of all types, loaded and saved, share 64 of them; the lowest
 * free one is taken unless `slot` says which (TPM2_ContextLoad).
 *
 * @returns the handle, or TPM_RC_SESSION_MEMORY, TPM_RC_SESSION_HANDLES or TPM_RC_CONTEXT_GAP
 */
export function addSession(
  tpm: Tpm,
  session: SessionState,
  slot: number | undefined = freeSlot(tpm),
): { readonly handle: number } | ResponseCode {
  const { sessions } = tpm.state.volatile;
  if (sessions.length >= LIMIT.LOADED_SESSIONS) return TPM_RC_WARNING.SESSION_MEMORY;
  if (slot === undefined) return TPM_RC_WARNING.SESSION_HANDLES;
  if (
    isContextGapFull(tpm) &&
    sessions.length === LIMIT.LOADED_SESSIONS - 1 &&
    slot !== oldestSaved(tpm)?.slot
  ) {
    return TPM_RC_WARNING.CONTEXT_GAP;
  }
  sessions.push({ slot, session });
  const isHmac = sessionHandleType(session) === TPM_HT.HMAC_SESSION;
  return { handle: (isHmac ? HANDLE_FIRST.HMAC_SESSION : HANDLE_FIRST.POLICY_SESSION) + slot };
}

function freeSlot({ state }: Tpm): number | undefined {
  for (let slot = 0; slot < LIMIT.ACTIVE_SESSIONS; slot++) {
    const isUsed = (one: { readonly slot: number }): boolean => one.slot === slot;
    if (!state.volatile.sessions.some(isUsed) && !state.reset.savedSessions.some(isUsed)) {
      return slot;
    }
  }
  return undefined;
}

/**
 * @returns whether no session can be saved before the one that was saved first is loaded or flushed;
 *   the last place for a loaded session is then kept for that one (Part 1, section 30.5)
 */
export function isContextGapFull(tpm: Tpm): boolean {
  const oldest = oldestSaved(tpm);
  if (oldest === undefined) return false;
  return tpm.state.reset.sessionContextCounter + 1n - oldest.sequence > BigInt(LIMIT.CONTEXT_GAP);
}

/** Sessions are saved in the order of their sequence numbers. */
function oldestSaved({ state }: Tpm): { readonly slot: number; sequence: bigint } | undefined {
  return state.reset.savedSessions[0];
}

/** Takes a loaded session out of its slot, as for the save of its context. */
export function removeSession(tpm: Tpm, slot: number): void {
  const { volatile } = tpm.state;
  volatile.sessions = volatile.sessions.filter((active) => active.slot !== slot);
}

/**
 * @param digestSize size of the policy digest, which starts as zeros; 0 of an HMAC session
 * @returns what a policy session has gathered before its first policy command
 */
export function emptyPolicy(digestSize: number): PolicyState {
  return {
    policyDigest: new Uint8Array(digestSize),
    commandCode: 0,
    boundHash: new Uint8Array(0),
    boundHashKind: 0,
    locality: 0,
    pcrCounter: undefined,
    timeout: undefined,
    authValueNeeded: false,
    passwordNeeded: false,
    physicalPresenceNeeded: false,
    nvWritten: undefined,
  };
}

/**
 * Makes a policy session one that has gathered nothing yet, beginning now: TPM2_PolicyRestart, and
 * what follows a use of the session for authorization.
 */
export function restartPolicy(tpm: Tpm, session: SessionState): void {
  session.policy = emptyPolicy(session.policy.policyDigest.length);
  session.startTime = tpm.state.volatile.time;
}
