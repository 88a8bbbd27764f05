import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPM2B_DIGEST } from './buffers.js';
import { TPMI_RH_HIERARCHY } from './handles.js';
import { oneOf, structure, UINT16, type WireType } from './wire-type.js';

/** Structure tags inside the TPM's own structures (Part 2, section 6.9, TPM_ST). */
export const TPM_ST_STRUCTURE = {
  ATTEST_NV: 0x8014,
  ATTEST_COMMAND_AUDIT: 0x8015,
  ATTEST_SESSION_AUDIT: 0x8016,
  ATTEST_CERTIFY: 0x8017,
  ATTEST_QUOTE: 0x8018,
  ATTEST_TIME: 0x8019,
  ATTEST_CREATION: 0x801a,
  CREATION: 0x8021,
  VERIFIED: 0x8022,
  AUTH_SECRET: 0x8023,
  HASHCHECK: 0x8024,
  AUTH_SIGNED: 0x8025,
} as const;

/** A ticket: the TPM's word about something it did (Part 2, section 10.7). */
export interface Ticket {
  readonly tag: number;
  /** Whose proof the digest is made with; TPM_RH_NULL of a null ticket. */
  readonly hierarchy: number;
  /** HMAC; empty of a null ticket. */
  readonly digest: Uint8Array;
}

/** Structure tags of all kinds: other numbers are refused as such (Part 2, section 6.9). */
const STRUCTURE_TAG = oneOf(
  UINT16,
  [0x00c4, 0x8000, 0x8001, 0x8002, ...Object.values(TPM_ST_STRUCTURE)],
  TPM_RC_FORMAT_ONE.VALUE,
);

function ticket(...tags: readonly number[]): WireType<Ticket> {
  return structure<Ticket>({
    tag: oneOf(STRUCTURE_TAG, tags, TPM_RC_FORMAT_ONE.TAG),
    hierarchy: TPMI_RH_HIERARCHY,
    digest: TPM2B_DIGEST,
  });
}

/** Ticket of CreatePrimary and Create. */
export const TPMT_TK_CREATION: WireType<Ticket> = ticket(TPM_ST_STRUCTURE.CREATION);
/** Ticket of VerifySignature. */
export const TPMT_TK_VERIFIED: WireType<Ticket> = ticket(TPM_ST_STRUCTURE.VERIFIED);
/** Ticket of PolicySigned and PolicySecret. */
export const TPMT_TK_AUTH: WireType<Ticket> = ticket(
  TPM_ST_STRUCTURE.AUTH_SIGNED,
  TPM_ST_STRUCTURE.AUTH_SECRET,
);
/** Ticket of Hash and SequenceComplete. */
export const TPMT_TK_HASHCHECK: WireType<Ticket> = ticket(TPM_ST_STRUCTURE.HASHCHECK);
