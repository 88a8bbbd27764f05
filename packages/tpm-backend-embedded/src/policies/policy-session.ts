import { type TPM_CC, TPM_RC, WireWriter } from 'tpm-core';
import type { ResponseCode } from '../response-code.js';
import { BOUND_HASH } from '../sessions/policy-check.js';
import { sessionHash } from '../sessions/session-hmac.js';
import { findSession } from '../sessions/session-table.js';
import type { SessionState } from '../state/session-state.js';
import { TPM_SE } from '../structures/constants.js';
import type { Tpm } from '../tpm.js';

/** @returns the policy session of a command's handle area, which was found when it was read */
export function policySessionOf(tpm: Tpm, handle: number): SessionState {
  return findSession(tpm, handle)!;
}

/** @returns whether the session only computes a digest and no condition is checked */
export function isTrial({ sessionType }: SessionState): boolean {
  return sessionType === TPM_SE.TRIAL;
}

/**
 * Extends the policy digest by an assertion (Part 3, section 23.2.3, without a policyRef).
 *
 * @param code command code of the assertion
 * @param parts what the assertion says, in the order of its description
 */
export function extendPolicy(
  session: SessionState,
  code: (typeof TPM_CC)[keyof typeof TPM_CC],
  ...parts: Uint8Array[]
): void {
  const codeBytes = new WireWriter(4).uint32(code).finish();
  const { policy } = session;
  policy.policyDigest = sessionHash(session).digest(policy.policyDigest, codeBytes, ...parts);
}

/**
 * Extends the policy digest by what an entity authorized: first its Name, then the policyRef, also
 * an empty one (Part 3, section 23.2.3).
 */
export function extendByEntity(
  session: SessionState,
  code: (typeof TPM_CC)[keyof typeof TPM_CC],
  name: Uint8Array,
  policyRef: Uint8Array,
): void {
  extendPolicy(session, code, name);
  const { policy } = session;
  policy.policyDigest = sessionHash(session).digest(policy.policyDigest, policyRef);
}

/** Sets the policy digest to zeros; whatever else the session gathered stays. */
export function clearPolicyDigest({ policy }: SessionState): void {
  policy.policyDigest = new Uint8Array(policy.policyDigest.length);
}

/** @returns whether the session is bound to a hash already */
export function isHashBound({ policy }: SessionState): boolean {
  return policy.boundHashKind !== BOUND_HASH.NONE;
}

/** Binds the session to a hash of a kind, a {@link BOUND_HASH} value. */
export function bindHash({ policy }: SessionState, kind: number, hash: Uint8Array): void {
  policy.boundHash = hash;
  policy.boundHashKind |= kind;
}

/** @returns refusal of a digest whose size isn't that of the session's hash, or success */
export function checkDigestSize(
  session: SessionState,
  digest: Uint8Array,
  refusal: ResponseCode,
): ResponseCode {
  return digest.length === session.policy.policyDigest.length ? TPM_RC.SUCCESS : refusal;
}
