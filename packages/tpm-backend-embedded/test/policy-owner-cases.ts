import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import { AUTH, authValue, EMPTY, OWNER, pcr, WRONG } from './policy-assertions.js';
import { type Assertion, assertion, type PolicyBench, uint32, words } from './policy-bench.js';
import type { UseCase } from './policy-use-cases.js';
import { type ClientSession, nameOf, SESSION } from './session-client.js';
import { aesCfb, sized } from './session-cryptography.js';

// Policies of the owner, whose Name doesn't depend on them.

/** HierarchyChangeAuth of the owner, to an empty authValue or another one. */
async function changeOwner(
  { client }: PolicyBench,
  session: ClientSession,
  options: { readonly hmac?: Uint8Array; readonly newAuth?: Uint8Array } = {},
): Promise<number> {
  const { hmac, newAuth = EMPTY } = options;
  const reply = await client.call({
    code: TPM_CC.HierarchyChangeAuth,
    handles: [OWNER],
    parameters: sized(newAuth),
    sessions: [{ session, authorizes: OWNER, ...(hmac && { hmac }) }],
  });
  return reply.code;
}

async function withOwnerPolicy(
  bench: PolicyBench,
  assertions: readonly Assertion[],
  run: () => Promise<number[]>,
): Promise<number[]> {
  const digest = await bench.digest(...assertions);
  const set = (policy: Uint8Array, alg: number): Promise<unknown> =>
    bench.succeed(TPM_CC.SetPrimaryPolicy, [OWNER], concatBytes(sized(policy), words(alg)));
  await set(digest, 0x000b);
  try {
    return await run();
  } finally {
    await set(EMPTY, 0x0010);
  }
}

async function boundHash(bench: PolicyBench, bound: Assertion): Promise<number[]> {
  return withOwnerPolicy(bench, [bound], async () => {
    const codes: number[] = [];
    // An authValue of zeros is an empty one, and yet another parameter.
    for (const newAuth of [EMPTY, Uint8Array.of(0)]) {
      const session = await bench.session(bound);
      codes.push(await changeOwner(bench, session, { newAuth }));
      await bench.client.flush(session);
    }
    return codes;
  });
}

const changeCpHash = sha256(
  concatBytes(uint32(TPM_CC.HierarchyChangeAuth), nameOf(OWNER), words(0)),
);

/** The owner's authValue is in the session's key, in the HMAC key and in the cipher's. */
async function boundAndEncrypting(bench: PolicyBench): Promise<number[]> {
  const owner = { ...OWNER, authValue: AUTH };
  const change = async (session: ClientSession): Promise<number> => {
    await authValue(bench, session);
    const reply = await bench.client.call({
      code: TPM_CC.HierarchyChangeAuth,
      handles: [owner],
      parameters: sized(AUTH),
      sessions: [{ session, authorizes: owner, attributes: SESSION.continue | SESSION.decrypt }],
      newAuthValue: AUTH,
    });
    return reply.code;
  };
  return withOwnerPolicy(bench, [authValue], async () => {
    const codes: number[] = [];
    await bench.succeed(TPM_CC.HierarchyChangeAuth, [OWNER], sized(AUTH), AUTH);
    for (const bind of [owner, undefined]) {
      const symmetric = aesCfb(128);
      const options = { type: 1, symmetric, ...(bind && { bind }) };
      const session = await bench.client.startAuthSession(options);
      codes.push(await change(session));
      await bench.client.flush(session);
    }
    await bench.succeed(TPM_CC.HierarchyChangeAuth, [owner], sized(EMPTY), EMPTY);
    return codes;
  });
}

async function hierarchyPolicy(bench: PolicyBench): Promise<number[]> {
  const none = await bench.session();
  const codes = [await changeOwner(bench, none)];
  const session = await bench.session(pcr);
  await withOwnerPolicy(bench, [pcr, authValue], async () => {
    codes.push(await changeOwner(bench, none), await changeOwner(bench, session));
    codes.push(await authValue(bench, session));
    codes.push(await changeOwner(bench, session, { hmac: WRONG }));
    codes.push(await changeOwner(bench, session));
    await bench.client.flush(none);
    const other = await bench.client.startAuthSession({ type: 1, hashAlg: 0x000c });
    await pcr(bench, other);
    codes.push(await authValue(bench, other), await changeOwner(bench, other));
    await bench.client.flush(other);
    return codes;
  });
  await bench.client.flush(session);
  return codes;
}

/** Each with the codes of swtpm. */
export const OWNER_CASES: readonly UseCase[] = [
  [
    'PolicyCpHash',
    [0, 0x99d],
    (bench) => boundHash(bench, assertion(TPM_CC.PolicyCpHash, sized(changeCpHash))),
  ],
  [
    'PolicyNameHash of the entity',
    [0, 0],
    (bench) => boundHash(bench, assertion(TPM_CC.PolicyNameHash, sized(sha256(nameOf(OWNER))))),
  ],
  [
    'PolicyNameHash of another entity',
    [0x99d, 0x99d],
    (bench) => boundHash(bench, assertion(TPM_CC.PolicyNameHash, sized(sha256(EMPTY)))),
  ],
  ['PolicyAuthValue in a session that encrypts, bound or not', [0, 0], boundAndEncrypting],
  ['the policy of a hierarchy', [0x12f, 0x99d, 0x99d, 0, 0x9a2, 0, 0, 0x99d], hierarchyPolicy],
];
