import { WireWriter } from 'tpm-core';
import { hashAlgorithm } from './crypto/hash.js';
import { hierarchyProof } from './entity.js';
import { TPM_ALG } from './structures/algorithm-ids.js';
import type { Ticket } from './structures/tickets.js';
import type { Tpm } from './tpm.js';

/** Hash of what the TPM makes for itself: tickets and contexts. */
export const CONTEXT_HASH: number = TPM_ALG.SHA512;

/**
 * Makes a ticket (Part 1, section 11.4.6.3; Part 2, section 10.7): HMAC with the hierarchy's proof
 * over tag ‖ parts.
 *
 * @param tag a `TPM_ST_STRUCTURE` value
 * @param parts what the ticket speaks of, in the order of the ticket's definition
 */
export function makeTicket(
  tpm: Tpm,
  tag: number,
  hierarchy: number,
  ...parts: Uint8Array[]
): Ticket {
  const tagBytes = new WireWriter(2).uint16(tag).finish();
  const proof = hierarchyProof(tpm, hierarchy);
  return { tag, hierarchy, digest: hashAlgorithm(CONTEXT_HASH)!.hmac(proof, tagBytes, ...parts) };
}
