import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { timeInfo } from '../clock.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { sessionHash } from '../sessions/session-hmac.js';
import type { SessionState } from '../state/session-state.js';
import { TPMS_TIME_INFO } from '../structures/clock-info.js';
import { marshalled, UINT16 } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { comparisonHolds } from './comparison.js';
import { extendPolicy, isTrial, policySessionOf } from './policy-session.js';

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

/** @returns the hash by which a comparison goes into the policy digest */
export function comparisonDigest(
  session: SessionState,
  { operandB, offset, operation }: ComparisonInput,
): Uint8Array {
  const parts = [operandB, marshalled(UINT16, offset), marshalled(UINT16, operation)];
  return sessionHash(session).digest(...parts);
}
