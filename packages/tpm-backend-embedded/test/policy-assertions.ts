import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import {
  type Assertion,
  assertion,
  type PolicyBench,
  type Signer,
  uint32,
  words,
} from './policy-bench.js';
import { type ClientSession, type Entity, nameOf, password } from './session-client.js';
import { sized } from './session-cryptography.js';

// Policy commands as assertions of a policy, with what they are about.

/** The owner with an empty authValue. */
export const OWNER: Entity = { handle: 0x4000_0001 };
/** No bytes. */
export const EMPTY: Uint8Array = new Uint8Array(0);
/** An authValue. */
export const AUTH = Uint8Array.of(0x70, 0x69, 0x6e);
/** Bytes that are no right password or HMAC. */
export const WRONG = Uint8Array.of(1, 2, 3);
/** PCR 8 of the SHA-256 bank. */
export const PCR_8 = concatBytes(uint32(1), words(0x000b), Uint8Array.of(3, 0, 1, 0));

/** PolicyAuthValue. */
export const authValue = assertion(TPM_CC.PolicyAuthValue);
/** PolicyPassword. */
export const passwordPolicy = assertion(TPM_CC.PolicyPassword);
/** PolicyPCR of PCR 8 as it is. */
export const pcr = assertion(TPM_CC.PolicyPCR, concatBytes(words(0), PCR_8));
/** PolicyCommandCode. */
export const commandCode = (code: number): Assertion =>
  assertion(TPM_CC.PolicyCommandCode, uint32(code));
/** PolicyLocality. */
export const locality = (bits: number): Assertion =>
  assertion(TPM_CC.PolicyLocality, Uint8Array.of(bits));
/** PolicyNvWritten. */
export const nvWritten = (set: number): Assertion =>
  assertion(TPM_CC.PolicyNvWritten, Uint8Array.of(set));
/** PolicyOR. */
export const or = (...digests: readonly Uint8Array[]): Assertion =>
  assertion(TPM_CC.PolicyOR, concatBytes(uint32(digests.length), ...digests.map(sized)));

/** PCR_Extend of the SHA-256 bank. */
export async function extend(bench: PolicyBench, handle: number): Promise<void> {
  const digests = concatBytes(uint32(1), words(0x000b), new Uint8Array(32).fill(handle));
  await bench.succeed(TPM_CC.PCR_Extend, [{ handle }], digests);
}

/** How PolicySecret or PolicySigned is used. */
export interface AuthorizationOptions {
  readonly expiration?: number;
  /** Whether the session's nonce is named. */
  readonly withNonce?: boolean;
  readonly cpHash?: Uint8Array;
  /** Gets timeout and ticket. */
  readonly onTicket?: (timeout: Uint8Array, ticket: Uint8Array) => void;
}

function authorization(session: ClientSession, options: AuthorizationOptions): Uint8Array[] {
  const nonce = options.withNonce === true ? session.nonceTPM : EMPTY;
  return [nonce, options.cpHash ?? EMPTY, EMPTY, uint32(options.expiration ?? 0)];
}

function noteTicket(parameters: Uint8Array, { onTicket }: AuthorizationOptions): void {
  const size = (parameters[0]! << 8) | parameters[1]!;
  onTicket?.(parameters.slice(2, 2 + size), parameters.slice(2 + size));
}

/** PolicySecret of an entity, by its password or other bytes. */
export function secret(
  entity: Entity,
  options: AuthorizationOptions = {},
  hmac?: Uint8Array,
): Assertion {
  return async ({ client }, session) => {
    const [nonce, cpHash, policyRef, expiration] = authorization(session, options);
    const reply = await client.call({
      code: TPM_CC.PolicySecret,
      handles: [entity, session],
      parameters: concatBytes(sized(nonce!), sized(cpHash!), sized(policyRef!), expiration!),
      sessions: [password(entity, hmac)],
    });
    if (reply.code === 0) noteTicket(reply.parameters, options);
    return reply.code;
  };
}

/** PolicySigned by a key of the caller. */
export function signed(signer: Signer, options: AuthorizationOptions = {}): Assertion {
  return async ({ client }, session) => {
    const [nonce, cpHash, policyRef, expiration] = authorization(session, options);
    const hash = sha256(concatBytes(nonce!, expiration!, cpHash!, policyRef!));
    const parameters = [sized(nonce!), sized(cpHash!), sized(policyRef!), expiration!];
    const reply = await client.call({
      code: TPM_CC.PolicySigned,
      handles: [signer, session],
      parameters: concatBytes(...parameters, signer.sign(hash)),
    });
    if (reply.code === 0) noteTicket(reply.parameters, options);
    return reply.code;
  };
}

/** PolicyTicket of PolicySecret or PolicySigned by an entity with that Name. */
export function ticketed(name: Uint8Array, timeout: Uint8Array, ticket: Uint8Array): Assertion {
  const parameters = concatBytes(sized(timeout), words(0, 0), sized(name), ticket);
  return assertion(TPM_CC.PolicyTicket, parameters);
}

/** @returns the cpHash of NV_Read of so many bytes of an index by itself */
export function readCpHash(index: Entity, size: number): Uint8Array {
  const names = concatBytes(nameOf(index), nameOf(index));
  return sha256(concatBytes(uint32(TPM_CC.NV_Read), names, words(size, 0)));
}
