import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { findCommand } from '../commands/command-table.js';
import { selectedValues, usedSelections } from '../pcr/pcr-banks.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { equalBytes, sessionHash } from '../sessions/session-hmac.js';
import { type PcrSelection, TPML_PCR_SELECTION } from '../structures/buffers.js';
import { marshalled, UINT32 } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { clearPolicyDigest, extendPolicy, isTrial, policySessionOf } from './policy-session.js';

// Assertions about the TPM and the command (TPM 2.0 Library, Part 3, section 23).

/** First value of TPMA_LOCALITY that is no bit field but one locality (Part 2, section 8.5). */
const FIRST_EXTENDED_LOCALITY = 32;
const VALUE = atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
const RANGE = atParameter(TPM_RC_FORMAT_ONE.RANGE, 1);

interface PolicyInput {
  readonly policySession: number;
}

/** TPM2_PolicyOR: the digest so far is one of a list, and becomes the digest of the list. */
export function policyOr(
  tpm: Tpm,
  input: PolicyInput & { readonly pHashList: readonly Uint8Array[] },
): ResponseCode {
  const session = policySessionOf(tpm, input.policySession);
  const { policyDigest } = session.policy;
  if (!isTrial(session) && !input.pHashList.some((one) => equalBytes(one, policyDigest))) {
    return VALUE;
  }
  clearPolicyDigest(session);
  extendPolicy(session, TPM_CC.PolicyOR, ...input.pHashList);
  return TPM_RC.SUCCESS;
}

/**
 * TPM2_PolicyPCR: PCR have the values of a digest, and keep them until the policy is used. An empty
 * digest stands for the values of now.
 */
export function policyPcr(
  tpm: Tpm,
  input: PolicyInput & { readonly pcrDigest: Uint8Array; readonly pcrs: readonly PcrSelection[] },
): ResponseCode {
  const { pcrDigest, pcrs } = input;
  const session = policySessionOf(tpm, input.policySession);
  const { policy } = session;
  const current = sessionHash(session).digest(...selectedValues(tpm, pcrs));
  if (!isTrial(session)) {
    const { pcrCounter } = tpm.state.reset;
    if (policy.pcrCounter !== undefined && policy.pcrCounter !== pcrCounter) {
      return TPM_RC.PCR_CHANGED;
    }
    if (pcrDigest.length > 0 && !equalBytes(pcrDigest, current)) return VALUE;
    policy.pcrCounter = pcrCounter;
  }
  const selection = marshalled(TPML_PCR_SELECTION, usedSelections(tpm, pcrs));
  const digest = pcrDigest.length > 0 ? pcrDigest : current;
  extendPolicy(session, TPM_CC.PolicyPCR, selection, digest);
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyLocality: bits narrow what earlier ones allowed, an extended locality is one alone. */
export function policyLocality(
  tpm: Tpm,
  { policySession, locality }: PolicyInput & { readonly locality: number },
): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  const { policy } = session;
  const before = policy.locality;
  let allowed = locality;
  if (before >= FIRST_EXTENDED_LOCALITY || (before > 0 && locality >= FIRST_EXTENDED_LOCALITY)) {
    if (before !== locality) return RANGE;
  } else if (before > 0) {
    allowed &= before;
  }
  if (allowed === 0) return RANGE;
  policy.locality = allowed;
  extendPolicy(session, TPM_CC.PolicyLocality, Uint8Array.of(locality));
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyCommandCode: the command is that one. */
export function policyCommandCode(
  tpm: Tpm,
  { policySession, code }: PolicyInput & { readonly code: number },
): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  const { policy } = session;
  if (policy.commandCode !== 0 && policy.commandCode !== code) return VALUE;
  if (findCommand(code) === undefined) return atParameter(TPM_RC_FORMAT_ONE.POLICY_CC, 1);
  policy.commandCode = code;
  extendPolicy(session, TPM_CC.PolicyCommandCode, marshalled(UINT32, code));
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyPhysicalPresence: somebody is there when the policy is used. */
export function policyPhysicalPresence(tpm: Tpm, { policySession }: PolicyInput): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  session.policy.physicalPresenceNeeded = true;
  extendPolicy(session, TPM_CC.PolicyPhysicalPresence);
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyAuthValue: an HMAC with the entity's authValue is needed. */
export function policyAuthValue(tpm: Tpm, { policySession }: PolicyInput): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  session.policy.authValueNeeded = true;
  session.policy.passwordNeeded = false;
  extendPolicy(session, TPM_CC.PolicyAuthValue);
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyPassword: the entity's authValue itself is needed. For the digest that is the same. */
export function policyPassword(tpm: Tpm, { policySession }: PolicyInput): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  session.policy.authValueNeeded = false;
  session.policy.passwordNeeded = true;
  extendPolicy(session, TPM_CC.PolicyAuthValue);
  return TPM_RC.SUCCESS;
}

/** TPM2_PolicyNvWritten: the NV index was, or was not, written. */
export function policyNvWritten(
  tpm: Tpm,
  { policySession, writtenSet }: PolicyInput & { readonly writtenSet: number },
): ResponseCode {
  const session = policySessionOf(tpm, policySession);
  const { policy } = session;
  const isWritten = writtenSet === 1;
  if (policy.nvWritten !== undefined && policy.nvWritten !== isWritten) return VALUE;
  policy.nvWritten = isWritten;
  extendPolicy(session, TPM_CC.PolicyNvWritten, Uint8Array.of(writtenSet));
  return TPM_RC.SUCCESS;
}
