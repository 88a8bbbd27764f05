import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { timeInfo } from '../clock.js';
import { entityName } from '../entity.js';
import { checkRead, type NvUse } from '../nv/nv-access.js';
import { findNvIndex } from '../nv/nv-index.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { equalBytes, sessionHash } from '../sessions/session-hmac.js';
import type { SessionState } from '../state/session-state.js';
import { TPMT_HA } from '../structures/buffers.js';
import { TPMS_TIME_INFO } from '../structures/clock-info.js';
import { marshalled, UINT16, Unmarshaller } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { comparisonHolds } from './comparison.js';
import { clearPolicyDigest, extendPolicy, isTrial, policySessionOf } from './policy-session.js';

// Assertions that compare a value of the TPM with an operand.

/** Comparison that PolicyNV and PolicyCounterTimer ask for. */
export interface ComparisonInput {
  readonly policySession: number;
  readonly operandB: Uint8Array;
  /** Of the compared bytes in the value. */
  readonly offset: number;
  /** A `TPM_EO` value. */
  readonly operation: number;
}

/** TPM2_PolicyCounterTimer: a comparison with part of TPMS_TIME_INFO holds. */
export function policyCounterTimer(tpm: Tpm, input: ComparisonInput): ResponseCode {
  const { operandB, offset, operation } = input;
  const session = policySessionOf(tpm, input.policySession);
  const value = marshalled(TPMS_TIME_INFO, timeInfo(tpm));
  if (offset > value.length) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 2);
  if (offset + operandB.length > value.length) return TPM_RC_FORMAT_ONE.RANGE;
  const operandA = value.subarray(offset, offset + operandB.length);
  if (!isTrial(session) && !comparisonHolds(operandA, operandB, operation)) return TPM_RC.POLICY;
  extendPolicy(session, TPM_CC.PolicyCounterTimer, comparisonDigest(session, input));
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyNV: a comparison with data of an NV index holds. */
export function policyNv(tpm: Tpm, input: ComparisonInput & NvUse): ResponseCode {
  const session = policySessionOf(tpm, input.policySession);
  const refusal = isTrial(session) ? TPM_RC.SUCCESS : checkNvComparison(tpm, input);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const name = entityName(tpm, input.nvIndex);
  extendPolicy(session, TPM_CC.PolicyNV, comparisonDigest(session, input), name);
  return TPM_RC.SUCCESS;
}

function checkNvComparison(tpm: Tpm, input: ComparisonInput & NvUse): ResponseCode {
  const { operandB, offset, operation } = input;
  const refusal = checkRead(tpm, input);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const { data } = findNvIndex(tpm, input.nvIndex)!;
  if (offset > data.length) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 2);
  const end = offset + operandB.length;
  if (end > data.length) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  return comparisonHolds(data.subarray(offset, end), operandB, operation)
    ? TPM_RC.SUCCESS
    : TPM_RC.POLICY;
}

/**
 * TPM2_PolicyAuthorizeNV: an NV index holds the policy so far, which gives way to the index's Name.
 * The data begin with a TPMT_HA; what is wrong with it has no number in the response code.
 */
export function policyAuthorizeNv(
  tpm: Tpm,
  input: NvUse & { readonly policySession: number },
): ResponseCode {
  const session = policySessionOf(tpm, input.policySession);
  if (!isTrial(session)) {
    const refusal = checkRead(tpm, input);
    if (refusal !== TPM_RC.SUCCESS) return refusal;
    const reader = new Unmarshaller(findNvIndex(tpm, input.nvIndex)!.data);
    const { hashAlg, digest } = TPMT_HA.unmarshal(reader);
    if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
    if (hashAlg !== session.authHash) return TPM_RC_FORMAT_ONE.HASH;
    if (!equalBytes(digest, session.policy.policyDigest)) return TPM_RC_FORMAT_ONE.VALUE;
  }
  clearPolicyDigest(session);
  extendPolicy(session, TPM_CC.PolicyAuthorizeNV, entityName(tpm, input.nvIndex));
  return TPM_RC.SUCCESS;
}

/** @returns the hash by which a comparison goes into the policy digest */
export function comparisonDigest(
  session: SessionState,
  { operandB, offset, operation }: ComparisonInput,
): Uint8Array {
  const parts = [operandB, marshalled(UINT16, offset), marshalled(UINT16, operation)];
  return sessionHash(session).digest(...parts);
}
