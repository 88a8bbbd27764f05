import { equalBytes } from '@noble/curves/utils.js';
import { TPM_RC, TPM_RC_FORMAT_ONE, WireWriter } from 'tpm-core';
import { findObject } from '../entity.js';
import { hasAttribute } from '../objects/object-attributes.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Scheme } from '../structures/algorithms.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import { TPM_RH } from '../structures/handles.js';
import type { Signature } from '../structures/signatures.js';
import { type Ticket, TPM_ST_STRUCTURE } from '../structures/tickets.js';
import { makeTicket } from '../tickets.js';
import type { Tpm } from '../tpm.js';
import { signDigest } from './sign-digest.js';
import { isSigningKey, signingScheme } from './signing-scheme.js';
import { verifyDigest } from './verify-digest.js';

/** Parameters of TPM2_Sign. */
export interface SignInput {
  readonly keyHandle: number;
  readonly digest: Uint8Array;
  readonly inScheme: Scheme;
  readonly validation: Ticket;
}

/**
 * TPM2_Sign (Part 3, section 20.2). A restricted key signs what the TPM hashed itself, which the
 * ticket tells; others take a null ticket too, but no wrong one.
 */
export function sign(
  tpm: Tpm,
  { keyHandle, digest, inScheme, validation }: SignInput,
): { readonly signature: Signature } | ResponseCode {
  const key = findObject(tpm, keyHandle);
  if (key === undefined || !isSigningKey(key.publicArea)) return atHandle(TPM_RC_FORMAT_ONE.KEY, 1);
  if (hasAttribute(key.publicArea, 'x509sign')) return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  const scheme = signingScheme(key.publicArea, inScheme);
  if (isRefusal(scheme)) return atParameter(scheme, 2);
  const needsTicket = hasAttribute(key.publicArea, 'restricted') || validation.digest.length > 0;
  if (needsTicket && !isHashTicket(tpm, validation, scheme.hashAlg, digest)) {
    return atParameter(TPM_RC_FORMAT_ONE.TICKET, 3);
  }
  if (digest.length !== DIGEST_SIZE[scheme.hashAlg]) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  const signature = signDigest(key, scheme, digest, tpm.random);
  return isRefusal(signature) ? signature : { signature };
}

/** A ticket of the null hierarchy has no digest, so that it is never the right one. */
function isHashTicket(tpm: Tpm, ticket: Ticket, hashAlg: number, digest: Uint8Array): boolean {
  const algorithm = new WireWriter(2).uint16(hashAlg).finish();
  const right = makeTicket(tpm, TPM_ST_STRUCTURE.HASHCHECK, ticket.hierarchy, algorithm, digest);
  return equalBytes(ticket.digest, right.digest);
}

/** TPM2_VerifySignature (Part 3, section 20.1). */
export function verifySignature(
  tpm: Tpm,
  input: {
    readonly keyHandle: number;
    readonly digest: Uint8Array;
    readonly signature: Signature;
  },
): { readonly validation: Ticket } | ResponseCode {
  const key = findObject(tpm, input.keyHandle);
  if (key === undefined || !hasAttribute(key.publicArea, 'sign')) {
    return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  }
  const refusal = verifyDigest(key, input.digest, input.signature);
  if (refusal !== TPM_RC.SUCCESS) return atParameter(refusal, 2);
  const tag = TPM_ST_STRUCTURE.VERIFIED;
  // A key without a Name can't be named in a policy, so that nothing is vouched for.
  const validation =
    key.hierarchy === TPM_RH.NULL || key.publicArea.nameAlg === TPM_ALG.NULL
      ? { tag, hierarchy: TPM_RH.NULL, digest: new Uint8Array(0) }
      : makeTicket(tpm, tag, key.hierarchy, input.digest, key.name);
  return { validation };
}
