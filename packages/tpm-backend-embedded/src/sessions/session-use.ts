import type { SessionState } from '../state/session-state.js';

/** Session attributes (TPM 2.0 Library, Part 2, section 8.4, TPMA_SESSION). */
export const TPMA_SESSION = {
  continueSession: 0x01,
  auditExclusive: 0x02,
  auditReset: 0x04,
  decrypt: 0x20,
  encrypt: 0x40,
  audit: 0x80,
} as const;

/** Attributes that give a session something to do besides authorization. */
export const SESSION_PURPOSES: number =
  TPMA_SESSION.decrypt | TPMA_SESSION.encrypt | TPMA_SESSION.audit;

/** A session as a command uses it (Part 1, section 18.6: authorization structure). */
export interface SessionUse {
  /** 1 to 3: first, second or third of the command. */
  readonly number: number;
  /** Session handle, or TPM_RS_PW. */
  readonly handle: number;
  readonly nonceCaller: Uint8Array;
  /** {@link TPMA_SESSION} bits. */
  readonly attributes: number;
  /** HMAC, or the authorization value of a password session. */
  readonly hmac: Uint8Array;
  /** Index of the handle that the session authorizes; undefined when it authorizes none. */
  readonly authorizes: number | undefined;
  /** The loaded session; undefined of a password session. */
  readonly session: SessionState | undefined;
}

/** @returns the session of a command that has an attribute; password sessions have none of them */
export function sessionWith(
  sessions: readonly SessionUse[],
  attribute: number,
): SessionUse | undefined {
  return sessions.find((use) => (use.attributes & attribute) !== 0);
}
