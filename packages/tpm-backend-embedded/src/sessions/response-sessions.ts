import type { WireWriter } from 'tpm-core';
import type { CommandContext } from '../command-context.js';
import { TPM_SE } from '../structures/constants.js';
import { handleIndex } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { auditCommand } from './audit.js';
import { encryptParameters } from './parameter-encryption.js';
import {
  type AuthorizingSession,
  authorizingSession,
  authValueAfter,
  hmacKey,
  responseHmac,
  responseParameterHash,
  sessionHash,
} from './session-hmac.js';
import { removeSession, restartPolicy } from './session-table.js';
import { type SessionUse, sessionWith, TPMA_SESSION } from './session-use.js';

/**
 * What the sessions of a command were like before its action, which may change authValues and
 * remove entities.
 */
export function authorizingSessions(
  tpm: Tpm,
  context: CommandContext,
): readonly (AuthorizingSession | undefined)[] {
  return context.sessions.map((use) => use.session && authorizingSession(tpm, context, use));
}

/**
 * Ends the use of the sessions by a command that succeeded: new nonces, encryption of the first
 * response parameter, audit, HMACs (Part 1, sections 18.8 and 21). A session without
 * continueSession is flushed; a policy that was used is used up.
 *
 * @param before result of {@link authorizingSessions}
 * @param parameters parameter area of the response; becomes cipher text where a session asks for it
 * @param writer gets the session area of the response
 */
export function endSessions(
  tpm: Tpm,
  context: CommandContext,
  before: readonly (AuthorizingSession | undefined)[],
  parameters: Uint8Array,
  writer: WireWriter,
): void {
  const { sessions } = context;
  for (const { session } of sessions) {
    if (session !== undefined) session.nonceTPM = tpm.random.generate(session.nonceTPM.length);
  }
  const encrypting = sessionWith(sessions, TPMA_SESSION.encrypt);
  if (encrypting !== undefined) {
    const authorizing = before[encrypting.number - 1]!;
    encryptParameters(
      encrypting,
      authValueAfter(tpm, context, encrypting, authorizing),
      parameters,
    );
  }
  auditCommand(tpm, context, parameters);
  for (const [index, use] of sessions.entries()) {
    writeSession(tpm, context, use, before[index], parameters, writer);
  }
  for (const use of sessions) endUse(tpm, use);
}

function writeSession(
  tpm: Tpm,
  context: CommandContext,
  use: SessionUse,
  authorizing: AuthorizingSession | undefined,
  parameters: Uint8Array,
  writer: WireWriter,
): void {
  const { session, nonceCaller, hmac: given } = use;
  if (session === undefined || authorizing === undefined) {
    writer.uint16(0).uint8(TPMA_SESSION.continueSession).uint16(0);
    return;
  }
  const attributes = responseAttributes(tpm, use);
  const key = hmacKey(session, authorizing, authValueAfter(tpm, context, use, authorizing));
  const isEmpty = authorizing.isPassword || (key.length === 0 && given.length === 0);
  const parameterHash = responseParameterHash(sessionHash(session), context, parameters);
  const hmac = isEmpty
    ? new Uint8Array(0)
    : responseHmac(session, key, parameterHash, nonceCaller, attributes);
  writer.uint16(session.nonceTPM.length).bytes(session.nonceTPM);
  writer.uint8(attributes).uint16(hmac.length).bytes(hmac);
}

/** The attributes of the command; in an audit auditExclusive tells how it is. */
function responseAttributes(tpm: Tpm, { attributes, handle }: SessionUse): number {
  if ((attributes & TPMA_SESSION.audit) === 0) return attributes;
  return tpm.state.volatile.exclusiveAuditSession === handle
    ? attributes | TPMA_SESSION.auditExclusive
    : attributes & ~TPMA_SESSION.auditExclusive;
}

function endUse(tpm: Tpm, { session, attributes, handle, authorizes }: SessionUse): void {
  if (session === undefined) return;
  if ((attributes & TPMA_SESSION.continueSession) === 0) {
    removeSession(tpm, handleIndex(handle));
    const { volatile } = tpm.state;
    if (volatile.exclusiveAuditSession === handle) volatile.exclusiveAuditSession = 0;
  } else if (session.sessionType === TPM_SE.POLICY && authorizes !== undefined) {
    restartPolicy(tpm, session);
  }
}
