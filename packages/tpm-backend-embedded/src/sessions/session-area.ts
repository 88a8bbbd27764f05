import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import type { Command } from '../commands/command.js';
import { atSession, type ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { TPM2B_AUTH, TPM2B_NONCE } from '../structures/buffers.js';
import { TPM_SE } from '../structures/constants.js';
import { handleIndex, handleType, TPM_HT, TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import { attributes, restricted, UINT8, UINT32, Unmarshaller } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { isExclusiveAuditLost } from './audit.js';
import { sessionAt, sessionHandleType } from './session-table.js';
import { type SessionUse, sessionWith, TPMA_SESSION } from './session-use.js';

const DEFINED_SESSION_ATTRIBUTES = Object.values(TPMA_SESSION).reduce((all, bit) => all | bit, 0);
const NOT_FOR_PASSWORDS = DEFINED_SESSION_ATTRIBUTES & ~TPMA_SESSION.continueSession;

const ATTRIBUTES = attributes(UINT8, DEFINED_SESSION_ATTRIBUTES);
const SESSION_HANDLE = restricted(
  UINT32,
  (handle) =>
    handle === TPM_RH.PW ||
    ((handleType(handle) === TPM_HT.HMAC_SESSION || handleType(handle) === TPM_HT.POLICY_SESSION) &&
      handleIndex(handle) < LIMIT.ACTIVE_SESSIONS),
  TPM_RC_FORMAT_ONE.VALUE,
);

/**
 * Reads the session area and checks of one session after the other whether it is there and may have
 * the attributes that it has (Part 3, section 5.5).
 *
 * @param bytes the session area without its size field
 * @param authorizations number of handles that need authorization: the first sessions are theirs
 * @returns the sessions, or a code with the session's number
 */
export function unmarshalSessionArea(
  tpm: Tpm,
  command: Command,
  bytes: Uint8Array,
  authorizations: number,
): readonly SessionUse[] | ResponseCode {
  const reader = new Unmarshaller(bytes);
  const sessions: SessionUse[] = [];
  while (reader.remaining > 0) {
    const number = sessions.length + 1;
    if (number > LIMIT.COMMAND_SESSIONS) return atSession(TPM_RC_FORMAT_ONE.SIZE, number);
    const handle = SESSION_HANDLE.unmarshal(reader);
    const use: SessionUse = {
      number,
      handle,
      nonceCaller: TPM2B_NONCE.unmarshal(reader),
      attributes: ATTRIBUTES.unmarshal(reader),
      hmac: TPM2B_AUTH.unmarshal(reader),
      authorizes: number <= authorizations ? number - 1 : undefined,
      session: handle === TPM_RH.PW ? undefined : sessionAt(tpm, handleIndex(handle)),
    };
    if (reader.failure !== TPM_RC.SUCCESS) return atSession(reader.failure, number);
    const refusal = checkUse(tpm, command, use, sessions);
    if (refusal !== TPM_RC.SUCCESS) return atSession(refusal, number);
    sessions.push(use);
  }
  return sessions;
}

function checkUse(
  tpm: Tpm,
  command: Command,
  use: SessionUse,
  others: readonly SessionUse[],
): ResponseCode {
  if (use.handle === TPM_RH.PW) {
    if ((use.attributes & NOT_FOR_PASSWORDS) !== 0) return TPM_RC_FORMAT_ONE.ATTRIBUTES;
    return use.nonceCaller.length > 0 ? TPM_RC_FORMAT_ONE.NONCE : TPM_RC.SUCCESS;
  }
  if (use.session === undefined) return TPM_RC_WARNING.REFERENCE_S0 + use.number - 1;
  if (handleType(use.handle) !== sessionHandleType(use.session)) return TPM_RC_FORMAT_ONE.HANDLE;
  if (others.some(({ handle }) => handle === use.handle)) return TPM_RC_FORMAT_ONE.HANDLE;
  return (
    checkEncryption(use, others, TPMA_SESSION.decrypt, command.parameters) ||
    checkEncryption(use, others, TPMA_SESSION.encrypt, command.response) ||
    checkAudit(tpm, use, others)
  );
}

function checkEncryption(
  { attributes, session }: SessionUse,
  others: readonly SessionUse[],
  attribute: number,
  parameters: Command['parameters'],
): ResponseCode {
  if ((attributes & attribute) === 0) return TPM_RC.SUCCESS;
  if (sessionWith(others, attribute) !== undefined || parameters[0]?.[1].isSizedBuffer !== true) {
    return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  }
  return session!.symmetric.algorithm === TPM_ALG.NULL
    ? TPM_RC_FORMAT_ONE.SYMMETRIC
    : TPM_RC.SUCCESS;
}

function checkAudit(tpm: Tpm, use: SessionUse, others: readonly SessionUse[]): ResponseCode {
  if ((use.attributes & TPMA_SESSION.audit) === 0) return TPM_RC.SUCCESS;
  if (use.session!.sessionType !== TPM_SE.HMAC || sessionWith(others, TPMA_SESSION.audit)) {
    return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  }
  return isExclusiveAuditLost(tpm, use) ? TPM_RC.EXCLUSIVE : TPM_RC.SUCCESS;
}
