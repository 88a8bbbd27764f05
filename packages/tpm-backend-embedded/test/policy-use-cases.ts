import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import {
  AUTH,
  type AuthorizationOptions,
  authValue,
  commandCode,
  EMPTY,
  extend,
  locality,
  nvWritten,
  OWNER,
  or,
  passwordPolicy,
  pcr,
  readCpHash,
  secret,
  signed,
  ticketed,
  WRONG,
} from './policy-assertions.js';
import { type Assertion, assertion, type PolicyBench, words } from './policy-bench.js';
import { type ClientSession, type Entity, nameOf, password } from './session-client.js';
import { sized } from './session-cryptography.js';

// Policies with the entities that they are for. A case runs against any TPM and gives the response
// codes of what it tried; swtpm's are written beside it.

/** What is tried, the codes of swtpm, and how. */
export type UseCase = readonly [
  name: string,
  codes: readonly number[],
  run: (bench: PolicyBench) => Promise<number[]>,
];

async function withIndex(
  bench: PolicyBench,
  assertions: readonly Assertion[],
  run: (index: Entity) => Promise<number[]>,
  auth: Uint8Array = EMPTY,
): Promise<number[]> {
  const index = await bench.index(await bench.digest(...assertions), auth);
  try {
    return await run(index);
  } finally {
    await bench.undefine(index);
  }
}

async function changedPcr(bench: PolicyBench): Promise<number[]> {
  return withIndex(bench, [pcr], async (index) => {
    const session = await bench.session(pcr);
    const codes = [await bench.read(index, session)];
    await pcr(bench, session);
    await extend(bench, 16);
    codes.push(await bench.read(index, session));
    await pcr(bench, session);
    await extend(bench, 8);
    codes.push(await bench.read(index, session));
    await bench.client.flush(session);
    return [...codes, await bench.readBy(index, pcr)];
  });
}

async function secretValue(bench: PolicyBench, needed: Assertion): Promise<number[]> {
  const use = async (index: Entity): Promise<number[]> => {
    const session = await bench.session(needed);
    const codes = [await bench.read(index, session, WRONG), await bench.read(index, session)];
    // The policy is used up, and with it what it asked for.
    Object.assign(session, { authValueNeeded: false, passwordNeeded: false });
    codes.push(await bench.read(index, session), await needed(bench, session));
    codes.push(await bench.read(index, session));
    await bench.client.flush(session);
    return codes;
  };
  return withIndex(bench, [needed], use, AUTH);
}

/** A PIN index that may be used twice. */
async function withPin(
  bench: PolicyBench,
  type: number,
  run: (pin: Entity) => Promise<number[]>,
): Promise<number[]> {
  const handle = 0x0150_00f0 + type;
  // OWNERWRITE, AUTHREAD, NO_DA.
  await bench.define(handle, 0x0204_0002 | (type << 4), EMPTY, AUTH, 8);
  await bench.write(handle, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2));
  const pin = { ...(await bench.indexOf(handle)), authValue: AUTH };
  try {
    return await run(pin);
  } finally {
    await bench.undefine(pin);
  }
}

async function pinUses(bench: PolicyBench, type: number): Promise<number[]> {
  return withPin(bench, type, async (pin) => {
    const session = await bench.session();
    const codes: number[] = [];
    for (const given of [AUTH, WRONG, AUTH, WRONG, WRONG, AUTH]) {
      codes.push(await secret(pin, {}, given)(bench, session));
    }
    await bench.client.flush(session);
    return codes;
  });
}

/** @returns the codes and, last, the size of the timeout that came with the ticket */
async function pinTicket(bench: PolicyBench, type: number): Promise<number[]> {
  return withPin(bench, type, (pin) =>
    withIndex(bench, [secret(pin)], async (index) => {
      const sizes: number[] = [];
      const onTicket = (timeout: Uint8Array): void => void sizes.push(timeout.length);
      const session = await bench.session(
        secret(pin, { expiration: -1, withNonce: true, onTicket }),
      );
      await bench.wait(1200);
      const code = await bench.read(index, session);
      await bench.client.flush(session);
      return [code, ...sizes];
    }),
  );
}

async function expiring(bench: PolicyBench): Promise<number[]> {
  const signer = await bench.signer();
  const options = { expiration: 1, withNonce: true };
  const codes = await withIndex(bench, [signed(signer)], async (index) => {
    const early = await bench.readBy(index, signed(signer, options));
    const session = await bench.session(signed(signer, options));
    await bench.wait(1200);
    const late = await bench.read(index, session);
    const again = await signed(signer, options)(bench, session);
    await bench.client.flush(session);
    return [early, late, again];
  });
  await bench.client.flush(signer);
  return codes;
}

async function tickets(bench: PolicyBench, by: 'signed' | 'secret'): Promise<number[]> {
  const signer = await bench.signer();
  const authority = by === 'signed' ? signer : OWNER;
  const found: [Uint8Array, Uint8Array][] = [];
  const onTicket = (...one: [Uint8Array, Uint8Array]): void => void found.push(one);
  const make = (options: AuthorizationOptions): Assertion =>
    by === 'signed' ? signed(signer, options) : secret(OWNER, options);
  const codes = await withIndex(bench, [make({})], async (index) => {
    await bench.readBy(index, make({ expiration: -100, onTicket }));
    await bench.readBy(index, make({ expiration: -1, withNonce: true, onTicket }));
    const long = ticketed(nameOf(authority), ...found[0]!);
    const short = ticketed(nameOf(authority), ...found[1]!);
    const codes = [await bench.readBy(index, long), await bench.readBy(index, short)];
    const session = await bench.session(short);
    await bench.wait(1200);
    codes.push(await bench.read(index, session), await short(bench, session));
    await bench.client.flush(session);
    const fresh = await bench.session();
    const [timeout, ticket] = found[0]!;
    codes.push(await ticketed(nameOf(authority), timeout.with(7, 1), ticket)(bench, fresh));
    codes.push(await ticketed(WRONG, timeout, ticket)(bench, fresh));
    await bench.client.flush(fresh);
    return [...codes, await bench.readBy(index, long)];
  });
  await bench.client.flush(signer);
  return codes;
}

/** A policy that a key approves: by VerifySignature's ticket, in the owner's hierarchy none. */
async function authorized(bench: PolicyBench): Promise<number[]> {
  const signer = await bench.signer();
  const policy = commandCode(TPM_CC.NV_Read);
  const digest = await bench.digest(policy);
  const verification = await bench.client.call({
    code: TPM_CC.VerifySignature,
    handles: [signer],
    parameters: concatBytes(sized(sha256(digest)), signer.sign(sha256(digest))),
  });
  const authorize = (approved: Uint8Array, ticket: Uint8Array): Assertion =>
    assertion(
      TPM_CC.PolicyAuthorize,
      concatBytes(sized(approved), words(0), sized(signer.name), ticket),
    );
  const ticket = verification.parameters;
  const codes = await withIndex(bench, [policy, authorize(digest, ticket)], async (index) => {
    const session = await bench.session(policy);
    const codes = [
      verification.code,
      await authorize(sha256(digest), ticket)(bench, session),
      await authorize(digest, ticket)(bench, session),
      await bench.read(index, session),
    ];
    await bench.client.flush(session);
    return codes;
  });
  await bench.client.flush(signer);
  return codes;
}

async function secretCpHash(bench: PolicyBench): Promise<number[]> {
  return withIndex(bench, [secret(OWNER)], async (index) => [
    await bench.readBy(index, secret(OWNER, { cpHash: readCpHash(index, 4) })),
    await bench.readBy(index, secret(OWNER, { cpHash: readCpHash(index, 5) })),
  ]);
}

/** One assertion each, as the policy of an index that is written. */
async function single(bench: PolicyBench, assertions: readonly Assertion[]): Promise<number[]> {
  const codes: number[] = [];
  for (const one of assertions) {
    codes.push(
      ...(await withIndex(bench, [one], async (index) => [await bench.readBy(index, one)])),
    );
  }
  return codes;
}

async function sealedData(bench: PolicyBench): Promise<number[]> {
  const object = await bench.sealed(await bench.digest(pcr, authValue), AUTH);
  const unseal = async (session: ClientSession, hmac?: Uint8Array): Promise<number> => {
    const sessions = [{ session, authorizes: object, ...(hmac && { hmac }) }];
    return (await bench.client.call({ code: TPM_CC.Unseal, handles: [object], sessions })).code;
  };
  const session = await bench.session(pcr);
  const codes = [await unseal(session), await authValue(bench, session)];
  codes.push(await unseal(session, WRONG), await unseal(session));
  await extend(bench, 8);
  Object.assign(session, { authValueNeeded: false });
  await pcr(bench, session);
  await authValue(bench, session);
  codes.push(await unseal(session));
  await bench.client.flush(session);
  const hmacSession = await bench.client.startAuthSession();
  codes.push(await unseal(hmacSession));
  await bench.client.flush(hmacSession);
  await bench.client.flush(object);
  return codes;
}

async function authorizedByIndex(bench: PolicyBench): Promise<number[]> {
  const policy = commandCode(TPM_CC.NV_Read);
  const holder = await bench.index(EMPTY, EMPTY, 34);
  await bench.write(holder.handle, concatBytes(words(0x000b), await bench.digest(policy)));
  const authorize: Assertion = async ({ client }, session) => {
    const handles = [OWNER, await bench.indexOf(holder.handle), session];
    const sessions = [password(OWNER)];
    return (await client.call({ code: TPM_CC.PolicyAuthorizeNV, handles, sessions })).code;
  };
  const codes = await withIndex(bench, [policy, authorize], async (index) => {
    const other = await bench.session(authValue);
    const codes = [await authorize(bench, other), await bench.readBy(index, policy, authorize)];
    await bench.client.flush(other);
    return [...codes, await bench.readBy(index, policy)];
  });
  await bench.undefine(holder);
  return codes;
}

async function branches(bench: PolicyBench): Promise<number[]> {
  const one = await bench.digest(commandCode(TPM_CC.NV_Read));
  const other = await bench.digest(authValue);
  const either = or(one, other);
  const use = async (index: Entity): Promise<number[]> => {
    const session = await bench.session(passwordPolicy);
    const codes = [
      await bench.readBy(index, commandCode(TPM_CC.NV_Read), either),
      await bench.readBy(index, authValue, either),
      await either(bench, session),
      await bench.read(index, session),
      await bench.readBy(index, commandCode(TPM_CC.NV_Read)),
    ];
    await bench.client.flush(session);
    const locked = await bench.session(locality(1));
    codes.push(await either(bench, locked));
    await bench.client.flush(locked);
    return codes;
  };
  return withIndex(bench, [commandCode(TPM_CC.NV_Read), either], use, AUTH);
}

/** Each with the codes of swtpm. */
export const USE_CASES: readonly UseCase[] = [
  ['PolicyPCR and PCR that change', [0, 0, 0x128, 0x99d], changedPcr],
  ['PolicyAuthValue', [0x9a2, 0, 0x99d, 0, 0], (bench) => secretValue(bench, authValue)],
  ['PolicyPassword', [0x9a2, 0, 0x99d, 0, 0], (bench) => secretValue(bench, passwordPolicy)],
  [
    'PolicySecret with a PIN Pass index',
    [0, 0x9a2, 0, 0x12f, 0x12f, 0x12f],
    (bench) => pinUses(bench, 9),
  ],
  [
    'PolicySecret with a PIN Fail index',
    [0, 0x9a2, 0, 0x9a2, 0x9a2, 0x12f],
    (bench) => pinUses(bench, 8),
  ],
  ['a ticket for the use of a PIN Pass index', [0x9a3, 0], (bench) => pinTicket(bench, 9)],
  ['a ticket for the use of a PIN Fail index', [0x9a3, 8], (bench) => pinTicket(bench, 8)],
  ['PolicySigned that expires', [0, 0x9a3, 0x4e3], expiring],
  [
    'PolicyTicket of PolicySigned',
    [0, 0, 0x9a3, 0x1e3, 0x5e0, 0x5e0, 0],
    (bench) => tickets(bench, 'signed'),
  ],
  [
    'PolicyTicket of PolicySecret',
    [0, 0, 0x9a3, 0x1e3, 0x5e0, 0x5e0, 0],
    (bench) => tickets(bench, 'secret'),
  ],
  ['PolicyAuthorize', [0, 0x1c4, 0, 0], authorized],
  ['PolicyAuthorizeNV', [0x84, 0, 0x99d], authorizedByIndex],
  ['PolicySecret with a cpHash', [0, 0x99d], secretCpHash],
  ['PolicyNvWritten', [0, 0x99d], (bench) => single(bench, [nvWritten(1), nvWritten(0)])],
  ['PolicyLocality', [0, 0x907, 0x907], (bench) => single(bench, [1, 2, 0x20].map(locality))],
  [
    'PolicyCommandCode',
    [0, 0x9a4],
    (bench) => single(bench, [commandCode(TPM_CC.NV_Read), commandCode(TPM_CC.NV_ReadLock)]),
  ],
  ['PolicyOR', [0, 0, 0, 0, 0x99d, 0x1c4], branches],
  ['sealed data', [0x99d, 0, 0x9a2, 0, 0x99d, 0x12f], sealedData],
];
