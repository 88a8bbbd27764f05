import type { CommandContext } from '../command-context.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { undoShutdown } from '../orderly.js';
import type { Tpm } from '../tpm.js';
import { commandParameterHash, responseParameterHash, sessionHash } from './session-hmac.js';
import { type SessionUse, sessionWith, TPMA_SESSION } from './session-use.js';

/** Handle of no session in `VolatileState.exclusiveAuditSession`. */
const NO_SESSION = 0;

/**
 * @returns whether a session insists on exclusive audit although another command came between
 *   (Part 1, section 20). A first or fresh audit is exclusive by itself.
 */
export function isExclusiveAuditLost(tpm: Tpm, use: SessionUse): boolean {
  return (
    (use.attributes & TPMA_SESSION.auditExclusive) !== 0 &&
    !beginsAudit(use) &&
    tpm.state.volatile.exclusiveAuditSession !== use.handle
  );
}

function beginsAudit({ session, attributes }: SessionUse): boolean {
  return session!.auditDigest === undefined || (attributes & TPMA_SESSION.auditReset) !== 0;
}

/**
 * Extends the digests of session audit and command audit by a command that succeeded, and settles
 * which session is exclusive now.
 *
 * @param parameters response parameters as they go out
 */
export function auditCommand(tpm: Tpm, context: CommandContext, parameters: Uint8Array): void {
  const { volatile } = tpm.state;
  const use = sessionWith(context.sessions, TPMA_SESSION.audit);
  if (use !== undefined) {
    const begins = beginsAudit(use);
    const isExclusive = begins || volatile.exclusiveAuditSession === use.handle;
    volatile.exclusiveAuditSession = isExclusive ? use.handle : NO_SESSION;
    const session = use.session!;
    const hash = sessionHash(session);
    // libtpms: from its first audit on a session is bound no more.
    session.boundEntity = new Uint8Array(0);
    session.auditDigest = hash.digest(
      begins ? new Uint8Array(hash.digestSize) : session.auditDigest!,
      commandParameterHash(hash, context),
      responseParameterHash(hash, context, parameters),
    );
  } else if (!context.command.withoutSessions) {
    // Commands that can't be audited leave it as it is: the session is saved and loaded by them.
    volatile.exclusiveAuditSession = NO_SESSION;
  }
  if (tpm.state.permanent.auditCommands.includes(context.command.code)) {
    extendCommandAudit(tpm, context, parameters);
  }
}

/** Command audit (Part 1, section 35): the counter counts the digests that were begun. */
function extendCommandAudit(tpm: Tpm, context: CommandContext, parameters: Uint8Array): void {
  const { permanent, reset } = tpm.state;
  const hash = hashAlgorithm(permanent.auditHashAlg)!;
  undoShutdown(tpm);
  if (reset.commandAuditDigest.length === 0) {
    reset.commandAuditDigest = new Uint8Array(hash.digestSize);
    permanent.auditCounter++;
    tpm.permanentChanged = true;
  }
  reset.commandAuditDigest = hash.digest(
    reset.commandAuditDigest,
    commandParameterHash(hash, context),
    responseParameterHash(hash, context, parameters),
  );
}
