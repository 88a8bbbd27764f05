import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { atParameter, type ResponseCode } from '../response-code.js';
import { BOUND_HASH } from '../sessions/policy-check.js';
import { equalBytes, sessionHash } from '../sessions/session-hmac.js';
import type { Tpm } from '../tpm.js';
import {
  bindHash,
  checkDigestSize,
  extendPolicy,
  isHashBound,
  policySessionOf,
} from './policy-session.js';

// Assertions that bind a policy to the parameters, the entities or the template of a command. They
// share one field of the session, so that one of them rules the others out.

const SIZE = atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);

/** TPM2_PolicyCpHash: the command's parameters and entities are the ones of a cpHash. */
export function policyCpHash(
  tpm: Tpm,
  { policySession, cpHashA }: { readonly policySession: number; readonly cpHashA: Uint8Array },
): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  const refusal = checkDigestSize(session, cpHashA, SIZE);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const { boundHash, boundHashKind } = session.policy;
  const isSame = (boundHashKind & BOUND_HASH.CP_HASH) !== 0 && equalBytes(boundHash, cpHashA);
  if (isHashBound(session) && !isSame) return TPM_RC.CPHASH;
  bindHash(session, BOUND_HASH.CP_HASH, cpHashA);
  extendPolicy(session, TPM_CC.PolicyCpHash, cpHashA);
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyNameHash: the command's entities are the ones of a hash over their Names. */
export function policyNameHash(
  tpm: Tpm,
  { policySession, nameHash }: { readonly policySession: number; readonly nameHash: Uint8Array },
): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  const refusal = checkDigestSize(session, nameHash, SIZE);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  if (isHashBound(session)) return TPM_RC.CPHASH;
  bindHash(session, BOUND_HASH.NAME_HASH, nameHash);
  extendPolicy(session, TPM_CC.PolicyNameHash, nameHash);
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyTemplate: the object to be created is that of a template. */
export function policyTemplate(
  tpm: Tpm,
  input: { readonly policySession: number; readonly templateHash: Uint8Array },
): ResponseCode {
  const { templateHash } = input;
  const session = policySessionOf(tpm, input.policySession);
  if (isHashBound(session)) {
    const { boundHash, boundHashKind } = session.policy;
    if ((boundHashKind & BOUND_HASH.TEMPLATE) === 0) return TPM_RC.CPHASH;
    if (!equalBytes(boundHash, templateHash)) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
  }
  const refusal = checkDigestSize(session, templateHash, SIZE);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  bindHash(session, BOUND_HASH.TEMPLATE, templateHash);
  extendPolicy(session, TPM_CC.PolicyTemplate, templateHash);
  return TPM_RC.SUCCESS;
}

/** Decoded TPM2_PolicyDuplicationSelect. */
export interface DuplicationSelectInput {
  readonly policySession: number;
  readonly objectName: Uint8Array;
  readonly newParentName: Uint8Array;
  readonly includeObject: number;
}

/**
 * TPM2_PolicyDuplicationSelect: the object may be duplicated, and only to that parent. The digest
 * covers the object's Name if `includeObject` says so.
 */
export function policyDuplicationSelect(tpm: Tpm, input: DuplicationSelectInput): ResponseCode {
  const { objectName, newParentName, includeObject } = input;
  const session = policySessionOf(tpm, input.policySession);
  if (isHashBound(session)) return TPM_RC.CPHASH;
  const { policy } = session;
  if (policy.commandCode !== 0) return TPM_RC.COMMAND_CODE;
  const hash = sessionHash(session);
  bindHash(session, BOUND_HASH.NAME_HASH, hash.digest(objectName, newParentName));
  policy.commandCode = TPM_CC.Duplicate;
  const names = includeObject === 0 ? [newParentName] : [objectName, newParentName];
  extendPolicy(session, TPM_CC.PolicyDuplicationSelect, ...names, Uint8Array.of(includeObject));
  return TPM_RC.SUCCESS;
}
