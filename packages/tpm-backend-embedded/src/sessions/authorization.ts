import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import type { CommandContext } from '../command-context.js';
import {
  entityAuthValue,
  isAuthValueAvailable,
  isDaProtected,
  isPolicyAvailable,
  needsPolicy,
  withoutTrailingZeros,
} from '../entity.js';
import { notePinUse } from '../nv/nv-authorization.js';
import { atSession, type ResponseCode } from '../response-code.js';
import { TPM_SE } from '../structures/constants.js';
import { TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { checkLockout, type DaSubject, noteFailure, noteUse } from './dictionary-attack.js';
import { checkPolicy } from './policy-check.js';
import { authorizingSession, commandHmac, equalBytes, hmacKey } from './session-hmac.js';
import { SESSION_PURPOSES, type SessionUse } from './session-use.js';

/**
 * Checks every session of the command: what it may be used for, its HMAC or password, its policy
 * (Part 1, section 19; Part 3, section 5.6).
 *
 * @returns `TPM_RC.SUCCESS`, or the code with the session's number
 */
export function checkAuthorizations(tpm: Tpm, context: CommandContext): ResponseCode {
  for (const use of context.sessions) {
    if (needsPhysicalPresence(tpm, context, use))
      return atSession(TPM_RC_FORMAT_ONE.PP, use.number);
  }
  for (const use of context.sessions) {
    const refusal =
      use.authorizes === undefined
        ? checkOtherSession(tpm, context, use)
        : checkAuthorization(tpm, context, use, use.authorizes);
    if (refusal !== TPM_RC.SUCCESS) return atSession(refusal, use.number);
  }
  return TPM_RC.SUCCESS;
}

/** Whether the platform authorizes a command that it may only use while somebody is there. */
function needsPhysicalPresence(tpm: Tpm, context: CommandContext, use: SessionUse): boolean {
  return (
    use.authorizes !== undefined &&
    context.handles[use.authorizes] === TPM_RH.PLATFORM &&
    tpm.state.permanent.ppCommands.includes(context.command.code) &&
    !tpm.state.volatile.physicalPresence
  );
}

/** A session that authorizes no entity: it encrypts, decrypts or audits. */
function checkOtherSession(tpm: Tpm, context: CommandContext, use: SessionUse): ResponseCode {
  const { session } = use;
  if (session === undefined) return TPM_RC_FORMAT_ONE.HANDLE;
  if (session.sessionType === TPM_SE.TRIAL) return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  const subject = { isCounted: session.isDaBound, isLockout: session.isLockoutBound };
  const lockout = checkLockout(tpm, subject);
  if (lockout !== TPM_RC.SUCCESS) return lockout;
  noteUse(tpm, subject);
  if ((use.attributes & SESSION_PURPOSES) === 0) return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  return checkSecret(tpm, context, use, subject);
}

/** A session that authorizes the use of an entity. */
function checkAuthorization(
  tpm: Tpm,
  context: CommandContext,
  use: SessionUse,
  index: number,
): ResponseCode {
  const { session } = use;
  if (session?.sessionType === TPM_SE.TRIAL) return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  const handle = context.handles[index]!;
  // Handles that need authorization come first in every command.
  const role = context.command.handles[index]!.role!;
  const isPolicy = session?.sessionType === TPM_SE.POLICY;
  const subject = daSubject(tpm, use, handle);
  const lockout = checkLockout(tpm, subject);
  if (lockout !== TPM_RC.SUCCESS) return lockout;
  noteUse(tpm, subject);
  if (isPolicy) {
    if (!isPolicyAvailable(tpm, handle, role, context.command.code)) return TPM_RC.AUTH_UNAVAILABLE;
    const refusal = checkPolicy(tpm, context, session, handle, role);
    if (refusal !== TPM_RC.SUCCESS) return refusal;
  } else {
    if (needsPolicy(tpm, handle, role)) return TPM_RC.AUTH_TYPE;
    if (!isAuthValueAvailable(tpm, handle, role, context.command.code))
      return TPM_RC.AUTH_UNAVAILABLE;
  }
  const result = checkSecret(tpm, context, use, subject);
  if (usesAuthValue(use)) notePinUse(tpm, handle, result === TPM_RC.SUCCESS);
  return result;
}

/** Whether a session that authorizes an entity does so by the entity's authValue. */
function usesAuthValue({ session }: SessionUse): boolean {
  return (
    session?.sessionType !== TPM_SE.POLICY ||
    session.policy.authValueNeeded ||
    session.policy.passwordNeeded
  );
}

/**
 * Whose authValue the session stands for: that of the entity, unless a policy doesn't ask for it,
 * and that of the entity it is bound to, whose value is in the session's key.
 */
function daSubject(tpm: Tpm, use: SessionUse, handle: number): DaSubject {
  const { session } = use;
  const isUsed = usesAuthValue(use);
  const isLockout = handle === TPM_RH.LOCKOUT;
  return {
    isCounted: (isUsed && !isLockout && isDaProtected(tpm, handle)) || session?.isDaBound === true,
    isLockout: (isUsed && isLockout) || session?.isLockoutBound === true,
  };
}

/** Compares password or HMAC. Two empty ones are equal: a session without a key proves nothing. */
function checkSecret(
  tpm: Tpm,
  context: CommandContext,
  use: SessionUse,
  subject: DaSubject,
): ResponseCode {
  return isRight(tpm, context, use) ? TPM_RC.SUCCESS : noteFailure(tpm, subject);
}

function isRight(tpm: Tpm, context: CommandContext, use: SessionUse): boolean {
  const { session, hmac } = use;
  if (session === undefined) {
    return isPassword(hmac, entityAuthValue(tpm, context.handles[use.authorizes!]!));
  }
  const authorizing = authorizingSession(tpm, context, use);
  if (authorizing.isPassword) return isPassword(hmac, authorizing.authValue);
  const key = hmacKey(session, authorizing, authorizing.authValue);
  if (key.length === 0 && hmac.length === 0) return true;
  return equalBytes(hmac, commandHmac(context, use, key));
}

function isPassword(given: Uint8Array, authValue: Uint8Array): boolean {
  return equalBytes(withoutTrailingZeros(given), authValue);
}
