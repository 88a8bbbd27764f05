import { readUint16, TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import type { CommandContext } from '../command-context.js';
import type { AuthRole } from '../commands/command.js';
import { entityPolicy, isNvIndexWritten } from '../entity.js';
import type { ResponseCode } from '../response-code.js';
import type { PolicyState, SessionState } from '../state/session-state.js';
import type { Tpm } from '../tpm.js';
import { commandParameterHash, equalBytes, sessionHash } from './session-hmac.js';

/** What `PolicyState.boundHash` is a hash of: bits of `boundHashKind`. */
export const BOUND_HASH = { NONE: 0, CP_HASH: 1, NAME_HASH: 2, TEMPLATE: 4 } as const;

const BOUND_KINDS = [BOUND_HASH.CP_HASH, BOUND_HASH.NAME_HASH, BOUND_HASH.TEMPLATE] as const;

/** Commands whose second parameter is the template that TPM2_PolicyTemplate speaks of. */
const TEMPLATE_COMMANDS: readonly number[] = [
  TPM_CC.CreatePrimary,
  TPM_CC.Create,
  TPM_CC.CreateLoaded,
];

/** Localities from here on are no bit field (Part 2, section 8.5, TPMA_LOCALITY). */
const FIRST_EXTENDED_LOCALITY = 32;

/**
 * Checks everything that a policy session has gathered against the entity and the command
 * (Part 1, section 19.7; the order of libtpms). What remains is the HMAC or the password.
 *
 * @param handle the entity that the session authorizes
 * @param role admin and dup want a policy that names the command
 */
export function checkPolicy(
  tpm: Tpm,
  context: CommandContext,
  session: SessionState,
  handle: number,
  role: AuthRole,
): ResponseCode {
  const { policy } = session;
  const { volatile, reset } = tpm.state;
  if (policy.pcrCounter !== undefined && policy.pcrCounter !== reset.pcrCounter) {
    return TPM_RC.PCR_CHANGED;
  }
  const { authPolicy, policyAlg } = entityPolicy(tpm, handle);
  if (policyAlg !== session.authHash || !equalBytes(authPolicy, policy.policyDigest)) {
    return TPM_RC_FORMAT_ONE.POLICY_FAIL;
  }
  if (policy.timeout !== undefined && policy.timeout < volatile.time) {
    return TPM_RC_FORMAT_ONE.EXPIRED;
  }
  if (policy.commandCode !== 0) {
    if (policy.commandCode !== context.command.code) return TPM_RC_FORMAT_ONE.POLICY_CC;
  } else if (role !== 'user') {
    return TPM_RC_FORMAT_ONE.POLICY_FAIL;
  }
  if (!allowsLocality(policy.locality, tpm.locality)) return TPM_RC_WARNING.LOCALITY;
  if (policy.physicalPresenceNeeded && !volatile.physicalPresence) return TPM_RC_FORMAT_ONE.PP;
  return isBoundTo(context, session) && isWrittenAsAsked(tpm, policy, handle)
    ? TPM_RC.SUCCESS
    : TPM_RC_FORMAT_ONE.POLICY_FAIL;
}

function allowsLocality(allowed: number, locality: number): boolean {
  if (allowed === 0) return true;
  return allowed < FIRST_EXTENDED_LOCALITY
    ? (allowed & (1 << locality)) !== 0
    : allowed === locality;
}

function isBoundTo(context: CommandContext, session: SessionState): boolean {
  const { boundHash, boundHashKind } = session.policy;
  return BOUND_KINDS.every((kind) => {
    if ((boundHashKind & kind) === 0) return true;
    const found = hashOfKind(context, session, kind);
    return found !== undefined && equalBytes(boundHash, found);
  });
}

function hashOfKind(
  context: CommandContext,
  session: SessionState,
  kind: number,
): Uint8Array | undefined {
  const hash = sessionHash(session);
  if (kind === BOUND_HASH.CP_HASH) return commandParameterHash(hash, context);
  if (kind === BOUND_HASH.NAME_HASH) return hash.digest(...context.names);
  if (!TEMPLATE_COMMANDS.includes(context.command.code)) return undefined;
  const { parameters } = context;
  const start = 2 + readUint16(parameters, 0);
  const template = parameters.subarray(start + 2, start + 2 + readUint16(parameters, start));
  return hash.digest(template);
}

function isWrittenAsAsked(tpm: Tpm, { nvWritten }: PolicyState, handle: number): boolean {
  return nvWritten === undefined || isNvIndexWritten(tpm, handle) === nvWritten;
}
