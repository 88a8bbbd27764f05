import { readUint32, TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING, WireWriter } from 'tpm-core';
import { hashAlgorithm, type RunningHash } from './crypto/hash.js';
import { findSlot, withoutTrailingZeros } from './entity.js';
import { hasFreeSlot, occupySlot } from './objects/object-slots.js';
import { atHandle, atParameter, type ResponseCode } from './response-code.js';
import { type SequenceState, SLOT_KIND } from './state/object-state.js';
import { TPM_ALG } from './structures/algorithm-ids.js';
import { HASHES } from './structures/algorithms.js';
import { TPM_GENERATED_VALUE } from './structures/attest.js';
import type { TaggedDigest } from './structures/buffers.js';
import { handleIndex, TPM_RH } from './structures/handles.js';
import { type Ticket, TPM_ST_STRUCTURE } from './structures/tickets.js';
import { makeTicket } from './tickets.js';
import type { Tpm } from './tpm.js';

const TPM_GENERATED_SIZE = 4;

/**
 * Starts a hash sequence, or an event sequence when `hashAlg` is TPM_ALG_NULL.
 *
 * @returns the response with the handle, or TPM_RC_OBJECT_MEMORY
 */
export function startHashSequence(
  tpm: Tpm,
  authValue: Uint8Array,
  hashAlg: number,
): { readonly responseHandle: number } | ResponseCode {
  const hashes = hashAlg === TPM_ALG.NULL ? HASHES : [hashAlg];
  return startSequence(tpm, {
    authValue: withoutTrailingZeros(authValue),
    hashAlg,
    running: hashes.map((hash) => hashAlgorithm(hash)!.start().exportState()),
    isHmac: false,
    isTicketSafe: undefined,
  });
}

/**
 * Starts an HMAC sequence.
 *
 * @returns the response with the handle, or TPM_RC_OBJECT_MEMORY
 */
export function startHmacSequence(
  tpm: Tpm,
  authValue: Uint8Array,
  hashAlg: number,
  key: Uint8Array,
): { readonly responseHandle: number } | ResponseCode {
  return startSequence(tpm, {
    authValue: withoutTrailingZeros(authValue),
    hashAlg,
    running: [hashAlgorithm(hashAlg)!.startHmac(key).exportState()],
    isHmac: true,
    isTicketSafe: undefined,
  });
}

/**
 * TPM2_SequenceUpdate: takes data into a sequence of any kind. As with swtpm, the refusal of another
 * object names a parameter, although it is the handle that is wrong.
 */
export function updateSequence(tpm: Tpm, handle: number, data: Uint8Array): ResponseCode {
  const sequence = findSequence(tpm, handle);
  if (sequence === undefined) return atParameter(TPM_RC_FORMAT_ONE.MODE, 1);
  noteFirstBlock(sequence, data);
  sequence.running = resumed(sequence).map((hash) => hash.update(data).exportState());
  return TPM_RC.SUCCESS;
}

/** TPM2_SequenceComplete: the last data of a hash or HMAC sequence, which is gone then. */
export function completeSequence(
  tpm: Tpm,
  handle: number,
  data: Uint8Array,
  hierarchy: number,
): { readonly result: Uint8Array; readonly validation: Ticket } | ResponseCode {
  const sequence = findSequence(tpm, handle);
  if (sequence === undefined || isEvent(sequence)) return atHandle(TPM_RC_FORMAT_ONE.MODE, 1);
  noteFirstBlock(sequence, data);
  const [result] = finished(sequence, data);
  tpm.state.volatile.slots[handleIndex(handle)] = undefined;
  const vouched = sequence.isTicketSafe === true && !sequence.isHmac;
  return {
    result: result!,
    validation: hashCheckTicket(tpm, vouched ? hierarchy : TPM_RH.NULL, sequence.hashAlg, result!),
  };
}

/**
 * What an event sequence gives with its last data. It stays, so that a refusal of the extend leaves
 * it as it was; {@link endEventSequence} ends it.
 *
 * @param number of the handle in the command
 */
export function eventDigests(
  tpm: Tpm,
  handle: number,
  number: number,
  data: Uint8Array,
): readonly TaggedDigest[] | ResponseCode {
  const sequence = findSequence(tpm, handle);
  if (sequence === undefined || !isEvent(sequence)) return atHandle(TPM_RC_FORMAT_ONE.MODE, number);
  return finished(sequence, data).map((digest, index) => ({ hashAlg: HASHES[index]!, digest }));
}

/** Ends a sequence. */
export function endEventSequence(tpm: Tpm, handle: number): void {
  tpm.state.volatile.slots[handleIndex(handle)] = undefined;
}

/**
 * @param data all of the data
 * @returns the ticket of TPM2_Hash: a null ticket for the null hierarchy, and for data that looks
 *   like a structure of the TPM's own
 */
export function hashTicket(
  tpm: Tpm,
  hierarchy: number,
  hashAlg: number,
  data: Uint8Array,
  digest: Uint8Array,
): Ticket {
  return hashCheckTicket(tpm, isGenerated(data) ? TPM_RH.NULL : hierarchy, hashAlg, digest);
}

/** The TPM's word that it hashed the data itself (TPMT_TK_HASHCHECK, Part 2, section 10.7.6). */
function hashCheckTicket(tpm: Tpm, hierarchy: number, hashAlg: number, digest: Uint8Array): Ticket {
  if (hierarchy === TPM_RH.NULL) {
    return { tag: TPM_ST_STRUCTURE.HASHCHECK, hierarchy, digest: new Uint8Array(0) };
  }
  const algorithm = new WireWriter(2).uint16(hashAlg).finish();
  return makeTicket(tpm, TPM_ST_STRUCTURE.HASHCHECK, hierarchy, algorithm, digest);
}

function startSequence(
  tpm: Tpm,
  sequence: SequenceState,
): { readonly responseHandle: number } | ResponseCode {
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  return { responseHandle: occupySlot(tpm, { kind: SLOT_KIND.SEQUENCE, sequence }) };
}

function findSequence(tpm: Tpm, handle: number): SequenceState | undefined {
  const slot = findSlot(tpm, handle);
  return slot?.kind === SLOT_KIND.SEQUENCE ? slot.sequence : undefined;
}

function isEvent(sequence: SequenceState): boolean {
  return sequence.hashAlg === TPM_ALG.NULL;
}

/** The first block decides about the ticket, even when it is shorter than the value looked for. */
function noteFirstBlock(sequence: SequenceState, data: Uint8Array): void {
  sequence.isTicketSafe ??= data.length >= TPM_GENERATED_SIZE && !isGenerated(data);
}

function isGenerated(data: Uint8Array): boolean {
  return data.length >= TPM_GENERATED_SIZE && readUint32(data, 0) === TPM_GENERATED_VALUE;
}

function resumed({ hashAlg, running, isHmac }: SequenceState): RunningHash[] {
  return running.map((state, index) => {
    const hash = hashAlgorithm(hashAlg === TPM_ALG.NULL ? HASHES[index]! : hashAlg)!;
    return (isHmac ? hash.importHmacState(state) : hash.importState(state))!;
  });
}

function finished(sequence: SequenceState, data: Uint8Array): Uint8Array[] {
  return resumed(sequence).map((hash) => hash.update(data).digest());
}
