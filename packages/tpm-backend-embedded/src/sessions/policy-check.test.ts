import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { changeAuth, OWNER, PLATFORM } from '../../test/session-cases.js';
import { type ClientSession, nameOf, SESSION } from '../../test/session-client.js';
import { aesCfb, sized } from '../../test/session-cryptography.js';
import { type SessionTpm, sessionTpm } from '../../test/session-tpm.js';
import { storageTemplate } from '../../test/storage-key.js';
import type { PolicyState } from '../state/session-state.js';
import { BOUND_HASH } from './policy-check.js';
import { sessionAt } from './session-table.js';

const POLICY_SESSION = 1;
const AUTH = Uint8Array.of(0x61, 0x62);
const EMPTY = new Uint8Array(0);
const OTHER_HASH = new Uint8Array(32);
const DIGEST = new Uint8Array(32).fill(7);

/** The owner has a policy and an authValue; the session has gathered `policy` on its way there. */
async function ownerPolicy(
  policy: Partial<PolicyState>,
  options: Parameters<SessionTpm['client']['startAuthSession']>[0] = {},
): Promise<SessionTpm & { readonly session: ClientSession }> {
  const bench = await sessionTpm();
  Object.assign(bench.tpm.state.permanent.owner, {
    authValue: AUTH,
    authPolicy: DIGEST,
    policyAlg: 0x000b,
  });
  const session = await bench.client.startAuthSession({ type: POLICY_SESSION, ...options });
  const state = sessionAt(bench.tpm, 0)!;
  state.policy = { ...state.policy, policyDigest: DIGEST, ...policy };
  session.authValueNeeded = policy.authValueNeeded === true;
  session.passwordNeeded = policy.passwordNeeded === true;
  return Object.assign(bench, { session });
}

const owner = { ...OWNER, authValue: AUTH };

function use(
  { client, session }: { client: SessionTpm['client']; session: ClientSession },
  hmac?: Uint8Array,
) {
  return changeAuth(client, owner, AUTH, { session, authorizes: owner, ...(hmac && { hmac }) });
}

const cpHash = sha256(concatBytes(Uint8Array.of(0, 0, 1, 0x29), nameOf(OWNER), sized(AUTH)));

/** What a session gathered and the code with which HierarchyChangeAuth of the owner answers. */
const CASES: readonly (readonly [string, Partial<PolicyState>, number])[] = [
  ['the digest alone', {}, 0],
  ['another digest', { policyDigest: OTHER_HASH }, 0x99d],
  ['the command code', { commandCode: TPM_CC.HierarchyChangeAuth }, 0],
  ['another command code', { commandCode: TPM_CC.Clear }, 0x9a4],
  [
    'another digest and command code',
    { policyDigest: OTHER_HASH, commandCode: TPM_CC.Clear },
    0x99d,
  ],
  ['locality 0', { locality: 0x01 }, 0],
  ['locality 1', { locality: 0x02 }, 0x907],
  ['extended locality 33', { locality: 33 }, 0x907],
  ['another locality and command code', { locality: 2, commandCode: TPM_CC.Clear }, 0x9a4],
  ['physical presence', { physicalPresenceNeeded: true }, 0x990],
  ['physical presence and another locality', { physicalPresenceNeeded: true, locality: 2 }, 0x907],
  ['the cpHash', { boundHash: cpHash, boundHashKind: BOUND_HASH.CP_HASH }, 0],
  ['another cpHash', { boundHash: OTHER_HASH, boundHashKind: BOUND_HASH.CP_HASH }, 0x99d],
  [
    'another cpHash and physical presence',
    { boundHash: OTHER_HASH, boundHashKind: BOUND_HASH.CP_HASH, physicalPresenceNeeded: true },
    0x990,
  ],
  ['the nameHash', { boundHash: sha256(nameOf(OWNER)), boundHashKind: BOUND_HASH.NAME_HASH }, 0],
  ['another nameHash', { boundHash: OTHER_HASH, boundHashKind: BOUND_HASH.NAME_HASH }, 0x99d],
  [
    'a template for a command without one',
    { boundHash: OTHER_HASH, boundHashKind: BOUND_HASH.TEMPLATE },
    0x99d,
  ],
  ['nvWritten for no NV index', { nvWritten: false }, 0x99d],
  ['PCR that did not change', { pcrCounter: 20 }, 0],
  ['PCR that changed', { pcrCounter: 19 }, 0x128],
  ['PCR that changed and another digest', { pcrCounter: 19, policyDigest: OTHER_HASH }, 0x128],
  ['a time that is not over', { timeout: 0n }, 0],
];

describe('checkPolicy()', () => {
  it.each(CASES)('Tpm.execute() has the code of swtpm for %s', async (_name, policy, code) => {
    expect(await use(await ownerPolicy(policy))).toBe(code);
  });

  it('refuses a session that is over, after the digest and before the command code', async () => {
    const commandCode = TPM_CC.Clear;
    const bench = await ownerPolicy({ timeout: 10n, commandCode });
    bench.clock.advance(10);
    expect(await use(bench)).toBe(0x9a4);
    bench.clock.advance(1);
    expect(await use(bench)).toBe(0x9a3);
    const other = await ownerPolicy({ timeout: 10n, policyDigest: OTHER_HASH });
    other.clock.advance(11);
    expect(await use(other)).toBe(0x99d);
  });

  it('takes a command at the locality that the policy names', async () => {
    const bench = await ownerPolicy({ locality: 0x02 });
    bench.locality = 1;
    expect(await use(bench)).toBe(0);
  });

  it('takes physical presence while it is asserted', async () => {
    const bench = await ownerPolicy({ physicalPresenceNeeded: true });
    bench.tpm.state.volatile.physicalPresence = true;
    expect(await use(bench)).toBe(0);
  });

  it('refuses a session with another hash than that of the policy', async () => {
    expect(await use(await ownerPolicy({}, { hashAlg: 0x000c }))).toBe(0x99d);
  });

  it('refuses a trial session', async () => {
    expect(await use(await ownerPolicy({}, { type: 3 }))).toBe(0x982);
  });

  it('TPM2_PolicyTemplate holds for the template of CreatePrimary', async () => {
    const template = storageTemplate('ecc');
    const parameters = concatBytes(sized(new Uint8Array(4)), sized(template), new Uint8Array(6));
    for (const [boundHash, code] of [
      [sha256(template), 0],
      [OTHER_HASH, 0x99d],
    ] as const) {
      const policy = { boundHash, boundHashKind: BOUND_HASH.TEMPLATE };
      const { client, session } = await ownerPolicy(policy);
      const sessions = [{ session, authorizes: owner }];
      const handles = [owner];
      const call = { code: TPM_CC.CreatePrimary, handles, parameters, sessions };
      expect((await client.call({ ...call, responseHandle: true })).code).toBe(code);
    }
  });
});

describe('the secret of a policy session', () => {
  it('is none without a key: an HMAC under the empty key and an empty one are right', async () => {
    expect(await use(await ownerPolicy({}))).toBe(0);
    expect(await use(await ownerPolicy({}), EMPTY)).toBe(0);
    expect(await use(await ownerPolicy({}), AUTH)).toBe(0x9a2);
  });

  it('is the authValue after PolicyAuthValue', async () => {
    expect(await use(await ownerPolicy({ authValueNeeded: true }))).toBe(0);
    expect(await use(await ownerPolicy({ authValueNeeded: true }), EMPTY)).toBe(0x9a2);
    expect(await use(await ownerPolicy({ authValueNeeded: true }, { bind: owner }))).toBe(0);
  });

  it('is the authValue in clear after PolicyPassword', async () => {
    expect(await use(await ownerPolicy({ passwordNeeded: true }))).toBe(0);
    expect(await use(await ownerPolicy({ passwordNeeded: true }), EMPTY)).toBe(0x9a2);
  });

  it('is the session key alone for a bound session', async () => {
    expect(await use(await ownerPolicy({}, { bind: owner }))).toBe(0);
  });

  it('the authValue is part of the cipher key whether the policy asks for it or not', async () => {
    const bench = await ownerPolicy({}, { symmetric: aesCfb(128) });
    const attributes = SESSION.continue | SESSION.decrypt;
    const sessions = { session: bench.session, authorizes: owner, attributes };
    expect(await changeAuth(bench.client, owner, Uint8Array.of(9), sessions)).toBe(0);
    expect(bench.tpm.state.permanent.owner.authValue).toEqual(Uint8Array.of(9));
  });
});

describe('the end of a use', () => {
  it('restarts the policy after success', async () => {
    const bench = await ownerPolicy({ commandCode: TPM_CC.HierarchyChangeAuth, timeout: 50n });
    bench.clock.advance(20);
    expect(await use(bench)).toBe(0);
    const state = sessionAt(bench.tpm, 0)!;
    expect(state.policy.policyDigest).toEqual(new Uint8Array(32));
    expect(state.policy).toMatchObject({ commandCode: 0, timeout: undefined });
    expect(state.startTime).toBe(20n);
    expect(await use(bench)).toBe(0x99d);
  });

  it('leaves the policy after a failure of the command', async () => {
    const bench = await ownerPolicy({});
    const { client, session } = bench;
    const sessions = [{ session, authorizes: owner }];
    const cut = { code: TPM_CC.HierarchyChangeAuth, handles: [owner], sessions };
    expect((await client.call(cut)).code).toBe(0x1da);
    expect(await use(bench)).toBe(0);
  });
});

describe('checkAuthorizations()', () => {
  it('refuses a policy session where there can be no policy', async () => {
    const { client } = await sessionTpm();
    const session = await client.startAuthSession({ type: POLICY_SESSION });
    const reset = async (handle: number): Promise<number> => {
      const sessions = [{ session, authorizes: { handle } }];
      return (await client.call({ code: TPM_CC.PCR_Reset, handles: [{ handle }], sessions })).code;
    };
    expect(await reset(16)).toBe(0x12f);
    expect(await reset(20)).toBe(0x99d);
  });

  it('wants physical presence for listed commands of the platform, before it looks at a password', async () => {
    const { client, tpm } = await sessionTpm();
    tpm.state.permanent.ppCommands = [TPM_CC.HierarchyChangeAuth];
    const change = (hmac: Uint8Array) =>
      changeAuth(client, PLATFORM, EMPTY, { authorizes: PLATFORM, hmac });
    expect(await change(EMPTY)).toBe(0x990);
    expect(await change(AUTH)).toBe(0x990);
    expect(await changeAuth(client, OWNER, EMPTY, { authorizes: OWNER })).toBe(0);
    tpm.state.volatile.physicalPresence = true;
    expect(await change(AUTH)).toBe(0x9a2);
    expect(await change(EMPTY)).toBe(0);
  });
});
