import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { atSession, type ResponseCode } from '../response-code.js';
import type { SessionState } from '../state/session-state.js';
import { TPM2B_AUTH, TPM2B_NONCE } from '../structures/buffers.js';
import { handleType, TPM_HT, TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import { attributes, restricted, UINT8, UINT32, Unmarshaller } from '../structures/wire-type.js';

/** Session attributes (TPM 2.0 Library, Part 2, section 8.4, TPMA_SESSION). */
export const TPMA_SESSION = {
  continueSession: 0x01,
  auditExclusive: 0x02,
  auditReset: 0x04,
  decrypt: 0x20,
  encrypt: 0x40,
  audit: 0x80,
} as const;

const DEFINED_SESSION_ATTRIBUTES = Object.values(TPMA_SESSION).reduce((all, bit) => all | bit, 0);
const ATTRIBUTES = attributes(UINT8, DEFINED_SESSION_ATTRIBUTES);
const SESSION_HANDLE = restricted(
  UINT32,
  (handle) =>
    handle === TPM_RH.PW ||
    handleType(handle) === TPM_HT.HMAC_SESSION ||
    handleType(handle) === TPM_HT.POLICY_SESSION,
  TPM_RC_FORMAT_ONE.VALUE,
);

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
  session: SessionState | undefined;
}

/**
 * Reads the session area.
 *
 * @param bytes the session area without its size field
 * @param authorizations number of handles that need authorization: the first sessions are theirs
 * @returns the sessions, none of them looked up yet, or a code with the session's number
 */
export function unmarshalSessionArea(
  bytes: Uint8Array,
  authorizations: number,
): SessionUse[] | ResponseCode {
  const reader = new Unmarshaller(bytes);
  const sessions: SessionUse[] = [];
  while (reader.remaining > 0) {
    const number = sessions.length + 1;
    if (number > LIMIT.COMMAND_SESSIONS) return atSession(TPM_RC_FORMAT_ONE.SIZE, number);
    sessions.push({
      number,
      handle: SESSION_HANDLE.unmarshal(reader),
      nonceCaller: TPM2B_NONCE.unmarshal(reader),
      attributes: ATTRIBUTES.unmarshal(reader),
      hmac: TPM2B_AUTH.unmarshal(reader),
      authorizes: number <= authorizations ? number - 1 : undefined,
      session: undefined,
    });
    if (reader.failure !== TPM_RC.SUCCESS) return atSession(reader.failure, number);
  }
  return sessions;
}
