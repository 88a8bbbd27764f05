import { TPM_RC, WireWriter } from 'tpm-core';
import type { CommandContext } from '../command-context.js';
import { type HashAlgorithm, hashAlgorithm } from '../crypto/hash.js';
import { entityAuthValue, entityName, isPresent } from '../entity.js';
import type { SessionState } from '../state/session-state.js';
import { TPM_SE } from '../structures/constants.js';
import type { Tpm } from '../tpm.js';
import { type SessionUse, sessionWith, TPMA_SESSION } from './session-use.js';

const EMPTY: Uint8Array = new Uint8Array(0);

/** @returns the hash of a session */
export function sessionHash(session: SessionState): HashAlgorithm {
  return hashAlgorithm(session.authHash)!;
}

/** @returns cpHash: hash over command code, Names and parameters as they came (Part 1, 18.7) */
export function commandParameterHash(hash: HashAlgorithm, context: CommandContext): Uint8Array {
  const code = new WireWriter(4).uint32(context.command.code).finish();
  return hash.digest(code, ...context.names, context.parameters);
}

/**
 * @param parameters response parameters as they go out, encrypted where a session asks for it
 * @returns rpHash: hash over response code, command code and parameters (Part 1, 18.8)
 */
export function responseParameterHash(
  hash: HashAlgorithm,
  context: CommandContext,
  parameters: Uint8Array,
): Uint8Array {
  const codes = new WireWriter(8).uint32(TPM_RC.SUCCESS).uint32(context.command.code).finish();
  return hash.digest(codes, parameters);
}

/** @returns the bytes that say what a session is bound to (`SessionState.boundEntity`) */
export function binding(name: Uint8Array, authValue: Uint8Array): Uint8Array {
  return joined(Uint8Array.of(name.length), name, authValue);
}

/**
 * What authorizes a handle, as it was when the command came. The response needs it: whether the
 * authValue is part of the key is settled by the command, its value may have changed since then.
 */
export interface AuthorizingSession {
  /** Whether the authValue is part of the HMAC key. */
  readonly includesAuthValue: boolean;
  /** The authValue when the command came. */
  readonly authValue: Uint8Array;
  /** The authValue itself stands in place of the HMAC (password policy); none comes back. */
  readonly isPassword: boolean;
}

const AUTHORIZES_NOTHING: AuthorizingSession = {
  includesAuthValue: false,
  authValue: EMPTY,
  isPassword: false,
};

/** @returns how a session, which is no password session, proves knowledge of an authValue */
export function authorizingSession(
  tpm: Tpm,
  context: CommandContext,
  use: SessionUse,
): AuthorizingSession {
  if (use.authorizes === undefined) return AUTHORIZES_NOTHING;
  const session = use.session!;
  const handle = context.handles[use.authorizes]!;
  const authValue = entityAuthValue(tpm, handle);
  if (session.sessionType !== TPM_SE.HMAC) {
    const { authValueNeeded, passwordNeeded } = session.policy;
    return { includesAuthValue: authValueNeeded, authValue, isPassword: passwordNeeded };
  }
  const isBound =
    session.boundEntity.length > 0 &&
    equalBytes(session.boundEntity, binding(entityName(tpm, handle), authValue));
  return { includesAuthValue: !isBound, authValue, isPassword: false };
}

/** @returns the authValue after the command; that of before where the entity is gone */
export function authValueAfter(
  tpm: Tpm,
  context: CommandContext,
  use: SessionUse,
  before: AuthorizingSession,
): Uint8Array {
  if (use.authorizes === undefined) return EMPTY;
  const handle = context.handles[use.authorizes]!;
  return isPresent(tpm, handle) ? entityAuthValue(tpm, handle) : before.authValue;
}

/** @returns the key of a session's HMAC; may be empty */
export function hmacKey(
  session: SessionState,
  { includesAuthValue }: AuthorizingSession,
  authValue: Uint8Array,
): Uint8Array {
  return includesAuthValue ? joined(session.sessionKey, authValue) : session.sessionKey;
}

/** @returns the HMAC that a command's session has to carry (Part 1, section 19.6) */
export function commandHmac(
  context: CommandContext,
  { session, nonceCaller, attributes, authorizes }: SessionUse,
  key: Uint8Array,
): Uint8Array {
  const hash = sessionHash(session!);
  const extra = authorizes === 0 ? encryptionNonces(context) : [];
  return hash.hmac(
    key,
    commandParameterHash(hash, context),
    nonceCaller,
    session!.nonceTPM,
    ...extra,
    Uint8Array.of(attributes),
  );
}

/**
 * The nonces of the sessions that encrypt, where that is not the first one: they are under the first
 * session's HMAC, provided that it authorizes something.
 */
function encryptionNonces({ sessions }: CommandContext): Uint8Array[] {
  const decrypt = sessionWith(sessions, TPMA_SESSION.decrypt);
  const encrypt = sessionWith(sessions, TPMA_SESSION.encrypt);
  const others = new Set([decrypt, encrypt]);
  others.delete(sessions[0]);
  others.delete(undefined);
  return [...others].map((use) => use!.session!.nonceTPM);
}

/** @returns the HMAC of a response's session, made with the new nonceTPM */
export function responseHmac(
  session: SessionState,
  key: Uint8Array,
  parameterHash: Uint8Array,
  nonceCaller: Uint8Array,
  attributes: number,
): Uint8Array {
  const message = [parameterHash, session.nonceTPM, nonceCaller, Uint8Array.of(attributes)];
  return sessionHash(session).hmac(key, ...message);
}

/** @returns the parts one after the other */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** @returns whether both have the same bytes */
export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
