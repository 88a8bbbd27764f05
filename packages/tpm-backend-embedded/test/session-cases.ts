import { concatBytes, equalBytes } from '@noble/curves/utils.js';
import { TPM_CC } from 'tpm-core';
import {
  type ClientSession,
  type Entity,
  password,
  SESSION,
  type SessionClient,
  type Use,
} from './session-client.js';
import { aesCfb, type ClientSymmetric, sized, xorWith } from './session-cryptography.js';
import type { SaltKey } from './session-salt.js';

// What a caller does with sessions and what comes of it, for any TPM: the same cases run against
// the embedded TPM and against swtpm, where they show that the client is right.

/** The owner with an empty authValue. */
export const OWNER: Entity = { handle: 0x4000_0001 };
/** The platform with an empty authValue. */
export const PLATFORM: Entity = { handle: 0x4000_000c };
/** Lockout with an empty authValue. */
export const LOCKOUT: Entity = { handle: 0x4000_000a };

const EMPTY = new Uint8Array(0);
const WRONG = Uint8Array.of(1, 2, 3);
const NEW_AUTH = Uint8Array.of(0x70, 0x71, 0x72);

/** GetRandom(8): its response begins with a TPM2B. */
export async function getRandom(client: SessionClient, ...sessions: Use[]): Promise<number> {
  const parameters = Uint8Array.of(0, 8);
  return (await client.call({ code: TPM_CC.GetRandom, parameters, sessions })).code;
}

/** HierarchyChangeAuth: its command begins with a TPM2B. */
export async function changeAuth(
  client: SessionClient,
  entity: Entity,
  newAuthValue: Uint8Array,
  ...sessions: Use[]
): Promise<number> {
  const reply = await client.call({
    code: TPM_CC.HierarchyChangeAuth,
    handles: [entity],
    parameters: sized(newAuthValue),
    sessions,
    newAuthValue,
  });
  return reply.code;
}

/** ClearControl(off) by the platform: no TPM2B in either direction. */
export async function clearControl(client: SessionClient, ...sessions: Use[]): Promise<number> {
  const call = { code: TPM_CC.ClearControl, handles: [PLATFORM], parameters: Uint8Array.of(0) };
  return (await client.call({ ...call, sessions })).code;
}

/** A way to make a session. */
export interface SessionKind {
  readonly hashAlg: number;
  readonly symmetric: ClientSymmetric;
  readonly salt: 'none' | 'ecc' | 'rsa';
  readonly isBound: boolean;
}

const SYMMETRIC: readonly (readonly [string, (hashAlg: number) => ClientSymmetric])[] = [
  ['AES-128-CFB', () => aesCfb(128)],
  ['AES-256-CFB', () => aesCfb(256)],
  ['XOR', xorWith],
];
const HASHES = [
  ['SHA-1', 0x0004],
  ['SHA-256', 0x000b],
  ['SHA-384', 0x000c],
  ['SHA-512', 0x000d],
] as const;

/** Every combination of hash, symmetric algorithm, salt and binding, with a name. */
export const SESSION_KINDS: readonly (readonly [string, SessionKind])[] = HASHES.flatMap(
  ([hashName, hashAlg]) =>
    SYMMETRIC.flatMap(([symmetricName, symmetric]) =>
      (['none', 'ecc', 'rsa'] as const).flatMap((salt) =>
        [false, true].map((isBound) => {
          const name = `${hashName}, ${symmetricName}, salt: ${salt}, ${isBound ? '' : 'not '}bound`;
          return [name, { hashAlg, symmetric: symmetric(hashAlg), salt, isBound }] as const;
        }),
      ),
    ),
);

async function readPublic(client: SessionClient, key: Entity, use?: Use): Promise<Uint8Array> {
  const sessions = use === undefined ? [] : [use];
  const reply = await client.call({ code: TPM_CC.ReadPublic, handles: [key], sessions });
  return reply.parameters;
}

/**
 * Uses a session in every way that there is, with the owner's authValue as `owner` has it, and
 * leaves the owner as it was. The client checks every HMAC on the way.
 *
 * @param keys storage keys in the TPM, for salts
 * @returns what went wrong; empty when all is well
 */
export async function exerciseSession(
  client: SessionClient,
  kind: SessionKind,
  owner: Entity,
  keys: { readonly ecc: SaltKey; readonly rsa: SaltKey },
): Promise<string[]> {
  const wrong: string[] = [];
  const expectSuccess = (step: string, code: number): void => {
    if (code !== 0) wrong.push(`${step}: 0x${code.toString(16)}`);
  };
  const { hashAlg, symmetric, salt, isBound } = kind;
  const session = await client.startAuthSession({
    hashAlg,
    symmetric,
    ...(salt !== 'none' && { saltKey: keys[salt] }),
    ...(isBound && { bind: owner }),
  });
  const extra = await client.startAuthSession({ symmetric: aesCfb(128), saltKey: keys.ecc });
  const clear = await readPublic(client, keys.ecc);
  const attributes = SESSION.continue | SESSION.encrypt | SESSION.audit;
  if (!equalBytes(await readPublic(client, keys.ecc, { session, attributes }), clear)) {
    wrong.push('the encrypted parameter is another one');
  }
  const decrypt = SESSION.continue | SESSION.decrypt;
  const changed = { ...owner, authValue: NEW_AUTH };
  const own = { session, authorizes: owner, attributes: decrypt };
  expectSuccess('change of authValue', await changeAuth(client, owner, NEW_AUTH, own));
  const back = { ...own, authorizes: changed };
  const old = owner.authValue ?? EMPTY;
  expectSuccess('change with the new authValue', await changeAuth(client, changed, old, back));
  const bare = { session, authorizes: owner };
  const helper = { session: extra, attributes: decrypt };
  expectSuccess('decryption by another', await changeAuth(client, owner, old, bare, helper));
  expectSuccess(
    'password',
    await changeAuth(client, owner, old, password(owner), decrypting(session)),
  );
  expectSuccess('password afterwards', await changeAuth(client, owner, old, password(owner)));
  const three = [
    { session: extra, attributes: SESSION.continue | SESSION.audit },
    { session, attributes: SESSION.encrypt },
  ];
  expectSuccess('audit and encryption', await getRandom(client, ...three));
  const gone = await getRandom(client, { session, attributes: SESSION.audit });
  if (gone >>> 4 !== 0x91) wrong.push(`after its end: 0x${gone.toString(16)}`);
  expectSuccess('flush', await client.flush(extra));
  return wrong;
}

function decrypting(session: ClientSession): Use {
  return { session, attributes: SESSION.continue | SESSION.decrypt };
}

/** What {@link REFUSALS} work with: three sessions, each fresh. */
export interface RefusalBench {
  readonly client: SessionClient;
  /** HMAC session with AES-128-CFB. */
  readonly aes: ClientSession;
  /** HMAC session without a symmetric algorithm. */
  readonly plain: ClientSession;
  /** Policy session. */
  readonly policy: ClientSession;
}

type Refusal = (bench: RefusalBench) => Promise<number>;

function onRandom(...uses: ((bench: RefusalBench) => Use)[]): Refusal {
  return (bench) => getRandom(bench.client, ...uses.map((use) => use(bench)));
}

function onOwner(...uses: ((bench: RefusalBench) => Use)[]): Refusal {
  return (bench) => changeAuth(bench.client, OWNER, EMPTY, ...uses.map((use) => use(bench)));
}

type SessionName = 'aes' | 'plain' | 'policy';

function use(name: SessionName, attributes: number, more: Partial<Use> = {}) {
  return (bench: RefusalBench): Use => ({ session: bench[name], attributes, ...more });
}

function at(name: SessionName, handle: number, attributes: number) {
  return (bench: RefusalBench): Use => ({ session: { ...bench[name], handle }, attributes });
}

function owner(attributes: number = SESSION.continue, more: Partial<Use> = {}) {
  return (): Use => ({ authorizes: OWNER, attributes, ...more });
}

/** Uses of sessions with the response code that they get, or 0 where one might expect a refusal. */
export const REFUSALS: readonly (readonly [string, number, Refusal])[] = [
  ['decrypt without a TPM2B in the command', 0x982, onRandom(use('aes', 0x21))],
  [
    'encrypt without a TPM2B in the response',
    0x982,
    onOwner(use('aes', 0x41, { authorizes: OWNER })),
  ],
  ['encrypt without a symmetric algorithm', 0x996, onRandom(use('plain', 0x41))],
  ['the same with a wrong HMAC', 0x996, onRandom(use('plain', 0x41, { hmac: WRONG }))],
  [
    'decrypt on a command without any',
    0x982,
    ({ client, aes }) =>
      clearControl(client, { session: aes, attributes: 0x21, authorizes: PLATFORM }),
  ],
  ['a session without a purpose', 0x982, onRandom(use('aes', 0x01))],
  ['auditExclusive without audit', 0, onRandom(use('aes', 0x43))],
  ['auditReset without audit', 0, onRandom(use('aes', 0x45))],
  [
    'two decrypt sessions',
    0xa82,
    onOwner(use('aes', 0x21, { authorizes: OWNER }), use('plain', 0x20)),
  ],
  ['two encrypt sessions', 0xa82, onRandom(use('aes', 0x41), use('plain', 0x41))],
  ['two audit sessions', 0xa82, onRandom(use('aes', 0x81), use('plain', 0x81))],
  ['the same session twice', 0xa8b, onRandom(use('aes', 0x41), use('aes', 0x81))],
  [
    'the same twice, impossible',
    0xa8b,
    onOwner(use('aes', 0x01, { authorizes: OWNER }), use('aes', 0x61)),
  ],
  [
    'the same twice, reserved bit',
    0xaa1,
    onOwner(use('aes', 0x01, { authorizes: OWNER }), use('aes', 0x08)),
  ],
  ['a first session that is not loaded', 0x918, onRandom(at('aes', 0x0200_0033, 0x41))],
  ['a second one', 0x919, onRandom(use('aes', 0x41), at('plain', 0x0200_0033, 0x81))],
  ['not loaded, reserved bit', 0x9a1, onRandom(at('aes', 0x0200_0033, 0x08))],
  ['a policy session by an HMAC handle', 0x98b, onRandom(at('policy', 0x0200_0002, 0x81))],
  ['an HMAC session by a policy handle', 0x98b, onRandom(at('aes', 0x0300_0000, 0x81))],
  ['a slot beyond the last one', 0x984, onRandom(at('aes', 0x0200_0040, 0x41))],
  ['a policy slot beyond the last one', 0x984, onRandom(at('policy', 0x03ff_ffff, 0x41))],
  ['a handle that is no session', 0x984, onRandom(at('aes', 0x8000_0000, 0x41))],
  ['audit by a policy session', 0x982, onRandom(use('policy', 0x81))],
  ['a policy session without a purpose', 0x982, onRandom(use('policy', 0x01))],
  ['a password where nothing wants authorization', 0x98b, onRandom(owner())],
  ['a password that encrypts', 0x982, onOwner(owner(0x41))],
  ['a password that decrypts', 0x982, onOwner(owner(0x21))],
  ['a password that audits', 0x982, onOwner(owner(0x81))],
  ['a password with auditExclusive', 0x982, onOwner(owner(0x03))],
  ['a password with auditReset', 0x982, onOwner(owner(0x05))],
  ['a password without continueSession', 0, onOwner(owner(0x00))],
  ['a password with a nonce', 0x98f, onOwner(owner(0x01, { nonce: WRONG }))],
  ['a password with a nonce that encrypts', 0x982, onOwner(owner(0x41, { nonce: WRONG }))],
  ['a password with zeros behind it', 0, onOwner(owner(0x01, { hmac: new Uint8Array(5) }))],
  ['a wrong password', 0x9a2, onOwner(owner(0x01, { hmac: WRONG }))],
  ['two passwords for one handle', 0xa8b, onOwner(owner(), owner())],
  ['two passwords, the first one wrong', 0x9a2, onOwner(owner(0x01, { hmac: WRONG }), owner())],
  ['a reserved attribute', 0x9a1, onOwner(owner(0x08))],
  ['four sessions', 0xc95, onOwner(owner(), owner(), owner(), owner())],
  [
    'a wrong password before no purpose',
    0x9a2,
    onOwner(owner(0x01, { hmac: WRONG }), use('aes', 0x01)),
  ],
  [
    'a wrong password before a session not loaded',
    0x919,
    onOwner(owner(0x01, { hmac: WRONG }), at('aes', 0x0200_0020, 0x20)),
  ],
  [
    'a nonce of a password before a session not loaded',
    0x98f,
    onOwner(owner(0x01, { nonce: WRONG }), at('aes', 0x0200_0020, 0x20)),
  ],
  [
    'a wrong HMAC that authorizes',
    0x9a2,
    onOwner(use('aes', 0x01, { authorizes: OWNER, hmac: WRONG })),
  ],
  ['a wrong password before a trial session that decrypts', 0x9a2, trial(WRONG)],
  ['a trial session that decrypts', 0xa82, trial(EMPTY)],
  ['a wrong HMAC that audits', 0x9a2, onRandom(use('aes', 0x81, { hmac: WRONG }))],
  ['a wrong HMAC of a second session', 0xaa2, onOwner(owner(), use('aes', 0x21, { hmac: WRONG }))],
  [
    'an empty HMAC of a session with an empty key',
    0,
    onOwner(use('plain', 0x01, { authorizes: OWNER, hmac: EMPTY })),
  ],
  ['a nonce of one byte', 0, onRandom(use('aes', 0x41, { nonce: Uint8Array.of(1) }))],
  ['an empty nonce', 0, onRandom(use('aes', 0x41, { nonce: EMPTY }))],
  ['a nonce longer than the digest', 0, onRandom(use('aes', 0x41, { nonce: new Uint8Array(64) }))],
  [
    'a nonce longer than every digest',
    0x995,
    onRandom(use('aes', 0x41, { nonce: new Uint8Array(65) })),
  ],
  [
    'a policy session for the owner without a policy',
    0x12f,
    onOwner(use('policy', 0x01, { authorizes: OWNER })),
  ],
  ['no session where one is needed', 0x125, onOwner()],
  ['decrypt of a parameter of one byte', 0x99a, stirred(Uint8Array.of(0))],
  ['decrypt without parameters', 0x99a, stirred(EMPTY)],
  ['decrypt of a parameter beyond the end', 0x995, stirred(Uint8Array.of(0, 20, 1, 2))],
  ['decrypt of an empty parameter', 0, stirred(sized(EMPTY))],
  ['decrypt of a parameter that is too long', 0x1d5, stirred(sized(new Uint8Array(0x300)))],
  [
    'bytes behind a decrypted parameter',
    0x095,
    stirred(concatBytes(sized(WRONG), Uint8Array.of(1))),
  ],
];

/** A password for the owner and a trial session, in place of the policy session, that decrypts. */
function trial(hmac: Uint8Array): Refusal {
  return async ({ client, policy }) => {
    await client.flush(policy);
    const session = await client.startAuthSession({ type: 3, symmetric: aesCfb(128) });
    const sessions = [owner(SESSION.continue, { hmac })(), decrypting(session)];
    return changeAuth(client, OWNER, EMPTY, ...sessions);
  };
}

/** StirRandom with a decrypt session over any parameter area. */
function stirred(parameters: Uint8Array): Refusal {
  return async ({ client, aes }) => {
    const sessions = [{ session: aes, attributes: 0x21 }];
    return (await client.call({ code: TPM_CC.StirRandom, parameters, sessions })).code;
  };
}

/** Runs a case with sessions of its own in slots 0, 1 and 2. @returns the response code */
export async function runRefusal(client: SessionClient, refusal: Refusal): Promise<number> {
  const bench = {
    client,
    aes: await client.startAuthSession({ symmetric: aesCfb(128) }),
    plain: await client.startAuthSession(),
    policy: await client.startAuthSession({ type: 1 }),
  };
  try {
    return await refusal(bench);
  } finally {
    for (const session of [bench.aes, bench.plain, bench.policy]) await client.flush(session);
  }
}
