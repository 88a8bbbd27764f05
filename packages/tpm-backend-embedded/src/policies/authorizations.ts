import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, WireReader } from 'tpm-core';
import { type HashAlgorithm, hashAlgorithm } from '../crypto/hash.js';
import { entityHierarchy, entityName, findObject } from '../entity.js';
import { findNvIndex, nvType, TPM_NT } from '../nv/nv-index.js';
import { atHandle, atParameter, type ResponseCode } from '../response-code.js';
import { BOUND_HASH } from '../sessions/policy-check.js';
import { equalBytes } from '../sessions/session-hmac.js';
import { verifyDigest } from '../signing/verify-digest.js';
import type { SessionState } from '../state/session-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { TPM_RH } from '../structures/handles.js';
import type { Signature } from '../structures/signatures.js';
import { type Ticket, TPM_ST_STRUCTURE } from '../structures/tickets.js';
import { INT32, marshalled, UINT32, UINT64 } from '../structures/wire-type.js';
import { makeTicket } from '../tickets.js';
import type { Tpm } from '../tpm.js';
import {
  bindHash,
  clearPolicyDigest,
  extendByEntity,
  isHashBound,
  isTrial,
  policySessionOf,
} from './policy-session.js';
import {
  authorizationTimeout,
  isOver,
  limitSession,
  readTimeout,
  timeoutBytes,
} from './timeouts.js';

// Assertions that somebody agrees: who knows an entity's authValue, has a ticket about it, or has
// signed a policy.

const EMPTY: Uint8Array = new Uint8Array(0);

/** What PolicySecret and PolicySigned have in common. */
interface AuthorizationInput {
  readonly policySession: number;
  readonly nonceTPM: Uint8Array;
  readonly cpHashA: Uint8Array;
  readonly policyRef: Uint8Array;
  readonly expiration: number;
}

/** Answer of PolicySecret and PolicySigned. */
interface AuthorizationOutput {
  readonly timeout: Uint8Array;
  readonly policyTicket: Ticket;
}

/** TPM2_PolicySecret: somebody knows the authValue of an entity. */
export function policySecret(
  tpm: Tpm,
  input: AuthorizationInput & { readonly authHandle: number },
): AuthorizationOutput | ResponseCode {
  const session = policySessionOf(tpm, input.policySession);
  const refusal = checkAuthorization(tpm, session, input);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  return acceptAuthorization(tpm, session, input, {
    code: TPM_CC.PolicySecret,
    tag: TPM_ST_STRUCTURE.AUTH_SECRET,
    hierarchy: entityHierarchy(tpm, input.authHandle),
    name: entityName(tpm, input.authHandle),
    givesTicket: !isPinPass(tpm, input.authHandle),
  });
}

/** A ticket would be a use of the PIN that isn't counted. */
function isPinPass(tpm: Tpm, handle: number): boolean {
  const index = findNvIndex(tpm, handle);
  return index !== undefined && nvType(index) === TPM_NT.PIN_PASS;
}

/** TPM2_PolicySigned: the holder of a key has signed for this session, or for any. */
export function policySigned(
  tpm: Tpm,
  input: AuthorizationInput & { readonly authObject: number; readonly auth: Signature },
): AuthorizationOutput | ResponseCode {
  const session = policySessionOf(tpm, input.policySession);
  const refusal =
    checkAuthorization(tpm, session, input) ||
    (isTrial(session) ? TPM_RC.SUCCESS : checkSignature(tpm, input.authObject, input));
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  return acceptAuthorization(tpm, session, input, {
    code: TPM_CC.PolicySigned,
    tag: TPM_ST_STRUCTURE.AUTH_SIGNED,
    hierarchy: entityHierarchy(tpm, input.authObject),
    name: entityName(tpm, input.authObject),
    givesTicket: true,
  });
}

/** Checks the signature over nonce, expiration, cpHash and policyRef (Part 3, section 23.3). */
function checkSignature(
  tpm: Tpm,
  authObject: number,
  input: AuthorizationInput & { readonly auth: Signature },
): ResponseCode {
  const { nonceTPM, cpHashA, policyRef, expiration, auth } = input;
  const object = findObject(tpm, authObject);
  const hash = signatureHash(auth);
  if (object === undefined || hash === undefined) return atParameter(TPM_RC_FORMAT_ONE.SCHEME, 5);
  const signed = hash.digest(nonceTPM, marshalled(INT32, expiration), cpHashA, policyRef);
  return atParameter(verifyDigest(object, signed, auth), 5);
}

function signatureHash(signature: Signature): HashAlgorithm | undefined {
  if (signature.sigAlg === TPM_ALG.NULL) return undefined;
  return hashAlgorithm(signature.sigAlg === TPM_ALG.HMAC ? signature.hmac.hashAlg : signature.hash);
}

/** Checks nonce, expiration and cpHash (Part 3, section 23.2.2). */
function checkAuthorization(
  tpm: Tpm,
  session: SessionState,
  { nonceTPM, cpHashA, expiration }: AuthorizationInput,
): ResponseCode {
  if (isTrial(session)) return TPM_RC.SUCCESS;
  if (nonceTPM.length > 0 && !equalBytes(nonceTPM, session.nonceTPM)) {
    return atParameter(TPM_RC_FORMAT_ONE.NONCE, 1);
  }
  return isOver(tpm, authorizationTimeout(tpm, session, expiration, nonceTPM))
    ? atParameter(TPM_RC_FORMAT_ONE.EXPIRED, 4)
    : checkCpHash(session, cpHashA);
}

/** A cpHash is the second parameter of PolicySecret, PolicySigned and PolicyTicket. */
function checkCpHash(session: SessionState, cpHashA: Uint8Array): ResponseCode {
  if (cpHashA.length === 0) return TPM_RC.SUCCESS;
  if (cpHashA.length !== session.policy.policyDigest.length) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 2);
  }
  return isHashBound(session) && !equalBytes(session.policy.boundHash, cpHashA)
    ? TPM_RC.CPHASH
    : TPM_RC.SUCCESS;
}

/** Who authorized. */
interface Authority {
  /** Command code that the digest is extended with. */
  readonly code: typeof TPM_CC.PolicySecret | typeof TPM_CC.PolicySigned;
  readonly tag: number;
  /** Hierarchy whose proof makes the ticket. */
  readonly hierarchy: number;
  readonly name: Uint8Array;
  readonly givesTicket: boolean;
}

function acceptAuthorization(
  tpm: Tpm,
  session: SessionState,
  { nonceTPM, cpHashA, policyRef, expiration }: AuthorizationInput,
  { code, tag, hierarchy, name, givesTicket }: Authority,
): AuthorizationOutput {
  bindCpHash(session, cpHashA);
  extendByEntity(session, code, name, policyRef);
  const limit = authorizationTimeout(tpm, session, expiration, nonceTPM);
  if (!isTrial(session)) limitSession(session, limit);
  if (limit === undefined || expiration > 0 || isTrial(session) || !givesTicket) {
    return {
      timeout: EMPTY,
      policyTicket: { tag, hierarchy: TPM_RH.NULL, digest: EMPTY },
    };
  }
  const timeout = timeoutBytes(limit, nonceTPM);
  const policyTicket = authorizationTicket(tpm, tag, hierarchy, cpHashA, policyRef, name, timeout);
  return { timeout, policyTicket };
}

function bindCpHash(session: SessionState, cpHashA: Uint8Array): void {
  if (cpHashA.length > 0) bindHash(session, BOUND_HASH.CP_HASH, cpHashA);
}

/** Ticket about an authorization (Part 2, section 10.7.5); good until the next power-off. */
function authorizationTicket(
  tpm: Tpm,
  tag: number,
  hierarchy: number,
  cpHashA: Uint8Array,
  policyRef: Uint8Array,
  name: Uint8Array,
  timeout: Uint8Array,
): Ticket {
  const epoch = marshalled(UINT64, tpm.state.volatile.timeEpoch);
  // The sizes keep one ticket from standing for another split of the same bytes.
  const sizes = [cpHashA, policyRef, name].map(({ length }) => marshalled(UINT32, length));
  return makeTicket(tpm, tag, hierarchy, ...sizes, cpHashA, policyRef, name, timeout, epoch);
}

/** Decoded TPM2_PolicyTicket. */
export interface PolicyTicketInput {
  readonly policySession: number;
  readonly timeout: Uint8Array;
  readonly cpHashA: Uint8Array;
  readonly policyRef: Uint8Array;
  readonly authName: Uint8Array;
  readonly ticket: Ticket;
}

/** TPM2_PolicyTicket: the TPM saw an authorization that isn't over. */
export function policyTicket(tpm: Tpm, input: PolicyTicketInput): ResponseCode {
  const { timeout, cpHashA, policyRef, authName, ticket } = input;
  const session = policySessionOf(tpm, input.policySession);
  if (isTrial(session)) return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  const limit = readTimeout(timeout);
  if (limit === undefined) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  if (isOver(tpm, limit)) return atParameter(TPM_RC_FORMAT_ONE.EXPIRED, 1);
  const refusal = checkCpHash(session, cpHashA);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const { tag, hierarchy, digest } = ticket;
  const parts = [cpHashA, policyRef, authName, timeout] as const;
  if (!equalBytes(authorizationTicket(tpm, tag, hierarchy, ...parts).digest, digest)) {
    return atParameter(TPM_RC_FORMAT_ONE.TICKET, 5);
  }
  const isSigned = tag === TPM_ST_STRUCTURE.AUTH_SIGNED;
  const code = isSigned ? TPM_CC.PolicySigned : TPM_CC.PolicySecret;
  bindCpHash(session, cpHashA);
  extendByEntity(session, code, authName, policyRef);
  limitSession(session, limit);
  return TPM_RC.SUCCESS;
}

/** Decoded TPM2_PolicyAuthorize. */
export interface PolicyAuthorizeInput {
  readonly policySession: number;
  readonly approvedPolicy: Uint8Array;
  readonly policyRef: Uint8Array;
  readonly keySign: Uint8Array;
  readonly checkTicket: Ticket;
}

/** TPM2_PolicyAuthorize: a key has signed the policy so far, which gives way to the key's Name. */
export function policyAuthorize(tpm: Tpm, input: PolicyAuthorizeInput): ResponseCode {
  const { approvedPolicy, policyRef, keySign, checkTicket } = input;
  const session = policySessionOf(tpm, input.policySession);
  const nameAlg = keySign.length < 2 ? 0 : new WireReader(keySign).uint16();
  const hash = hashAlgorithm(nameAlg);
  if (hash === undefined) return atParameter(TPM_RC_FORMAT_ONE.HASH, 3);
  if (keySign.length !== 2 + hash.digestSize) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 3);
  if (!isTrial(session)) {
    if (!equalBytes(approvedPolicy, session.policy.policyDigest)) {
      return atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
    }
    const { tag, hierarchy, digest } = checkTicket;
    const signed = hash.digest(approvedPolicy, policyRef);
    if (!equalBytes(makeTicket(tpm, tag, hierarchy, signed, keySign).digest, digest)) {
      return atParameter(TPM_RC_FORMAT_ONE.VALUE, 4);
    }
  }
  clearPolicyDigest(session);
  extendByEntity(session, TPM_CC.PolicyAuthorize, keySign, policyRef);
  return TPM_RC.SUCCESS;
}
