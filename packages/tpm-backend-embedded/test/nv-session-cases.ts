import { TPM_CC } from 'tpm-core';
import { uint32 } from './owned-objects.js';
import {
  type ClientSession,
  type Entity,
  password,
  SESSION,
  type SessionClient,
  type Use,
} from './session-client.js';
import { aesCfb, clientHash, sized } from './session-cryptography.js';
import { joined, words } from './wire-bytes.js';

// NV under HMAC and policy sessions, for any TPM: the same cases run against the embedded TPM and
// against swtpm. The client checks the HMAC of every response.

const OWNER: Entity = { handle: 0x4000_0001 };
const PLATFORM: Entity = { handle: 0x4000_000c };
const [SHA256, POLICY] = [0x000b, 1] as const;
const [ACCESS, POLICY_ACCESS, NO_DA, PLATFORMCREATE, POLICY_DELETE, WRITTEN] = [
  0x0006_0006, 0x000c_000c, 0x0200_0000, 0x4000_0000, 0x400, 0x2000_0000,
] as const;
const [OLD, NEW] = [Uint8Array.of(0x6f, 0x6c, 0x64), Uint8Array.of(0x6e, 0x65, 0x77)] as const;
const EMPTY = new Uint8Array(0);

/** An index as the caller knows it. */
class Index implements Entity {
  readonly handle: number;
  readonly policy: Uint8Array;
  attributes: number;
  authValue: Uint8Array = OLD;

  constructor(handle: number, attributes: number, policy: Uint8Array = EMPTY) {
    this.handle = handle;
    this.policy = policy;
    this.attributes = (attributes | NO_DA) >>> 0;
  }

  get area(): Uint8Array {
    const head = joined(uint32(this.handle), words(SHA256), uint32(this.attributes));
    return joined(head, sized(this.policy), words(8));
  }

  get name(): Uint8Array {
    return joined(words(SHA256), clientHash(SHA256)(this.area));
  }

  /** What a session is bound to: this index as it is now. */
  get now(): Entity {
    return { handle: this.handle, name: this.name, authValue: this.authValue };
  }
}

async function define(client: SessionClient, index: Index): Promise<number> {
  const by = (index.attributes & PLATFORMCREATE) !== 0 ? PLATFORM : OWNER;
  const parameters = joined(sized(index.authValue), sized(index.area));
  const call = { code: TPM_CC.NV_DefineSpace, handles: [by], parameters };
  return (await client.call({ ...call, sessions: [password(by)] })).code;
}

async function write(client: SessionClient, index: Index, use: (entity: Entity) => Use) {
  const entity = index.now;
  const parameters = joined(sized(Uint8Array.of(1, 2, 3)), words(0));
  const call = { code: TPM_CC.NV_Write, handles: [entity, entity], parameters };
  const { code } = await client.call({ ...call, sessions: [use(entity)] });
  if (code === 0) index.attributes = (index.attributes | WRITTEN) >>> 0;
  return code;
}

async function read(client: SessionClient, index: Index, use: (entity: Entity) => Use) {
  const entity = index.now;
  const call = { code: TPM_CC.NV_Read, handles: [entity, entity], parameters: words(3, 0) };
  const { code, parameters } = await client.call({ ...call, sessions: [use(entity)] });
  return code === 0 ? [...parameters.subarray(2)] : code;
}

/** H(zeros ‖ TPM_CC_PolicyCommandCode ‖ code) */
function commandPolicy(code: number): Uint8Array {
  return clientHash(SHA256)(
    joined(new Uint8Array(32), uint32(TPM_CC.PolicyCommandCode), uint32(code)),
  );
}

async function policySession(client: SessionClient, code: number): Promise<ClientSession> {
  const session = await client.startAuthSession({ type: POLICY });
  const call = { code: TPM_CC.PolicyCommandCode, handles: [session], parameters: uint32(code) };
  const reply = await client.call(call);
  if (reply.code !== 0) throw new Error(`PolicyCommandCode: 0x${reply.code.toString(16)}`);
  return session;
}

/** An encrypting session, not bound and bound, over the first write, which changes the Name. */
async function hmacSessions(client: SessionClient): Promise<unknown[]> {
  const results: unknown[] = [];
  const attributes = SESSION.continue | SESSION.decrypt;
  for (const isBound of [false, true]) {
    const index = new Index(0x0150_0010 + Number(isBound), ACCESS);
    results.push(await define(client, index));
    const session = await client.startAuthSession({
      symmetric: aesCfb(128),
      ...(isBound && { bind: index.now }),
    });
    const use = (authorizes: Entity): Use => ({ session, authorizes, attributes });
    results.push(await write(client, index, use), await write(client, index, use));
    results.push(
      await read(client, index, (authorizes) => ({
        session,
        authorizes,
        attributes: SESSION.continue | SESSION.encrypt,
      })),
      await read(client, index, (authorizes) => ({
        session,
        authorizes,
        hmac: (right) => right.fill(0),
      })),
      await client.flush(session),
    );
  }
  return results;
}

/** NV_ChangeAuth: the response already is under the new authValue where it counts. */
async function changeAuth(client: SessionClient): Promise<unknown[]> {
  const index = new Index(0x0150_0020, ACCESS, commandPolicy(TPM_CC.NV_ChangeAuth));
  const results: unknown[] = [await define(client, index)];
  const session = await policySession(client, TPM_CC.NV_ChangeAuth);
  const entity = index.now;
  const reply = await client.call({
    code: TPM_CC.NV_ChangeAuth,
    handles: [entity],
    parameters: sized(NEW),
    sessions: [{ session, authorizes: entity }],
    newAuthValue: NEW,
  });
  results.push(reply.code, await write(client, index, password));
  index.authValue = NEW;
  results.push(await write(client, index, password), await client.flush(session));
  return results;
}

/** A policy for writing, which is none for reading. */
async function writePolicy(client: SessionClient): Promise<unknown[]> {
  const index = new Index(0x0150_0030, POLICY_ACCESS, commandPolicy(TPM_CC.NV_Write));
  const other = new Index(0x0150_0031, ACCESS, commandPolicy(TPM_CC.NV_Write));
  const results: unknown[] = [await define(client, index), await define(client, other)];
  const session = await policySession(client, TPM_CC.NV_Write);
  const use = (authorizes: Entity): Use => ({ session, authorizes });
  results.push(await read(client, index, use), await write(client, other, use));
  results.push(await write(client, index, use), await write(client, index, use));
  return [...results, await client.flush(session)];
}

/** NV_UndefineSpaceSpecial. */
async function undefineByPolicy(client: SessionClient): Promise<unknown[]> {
  const policy = commandPolicy(TPM_CC.NV_UndefineSpaceSpecial);
  const attributes = ACCESS | PLATFORMCREATE;
  const plain = new Index(0x0150_0040, attributes, policy);
  const special = new Index(0x0150_0041, attributes | POLICY_DELETE, policy);
  const results: unknown[] = [await define(client, plain), await define(client, special)];
  const session = await policySession(client, TPM_CC.NV_UndefineSpaceSpecial);
  for (const index of [plain, special]) {
    const entity = index.now;
    const reply = await client.call({
      code: TPM_CC.NV_UndefineSpaceSpecial,
      handles: [entity, PLATFORM],
      sessions: [{ session, authorizes: entity }, password(PLATFORM)],
    });
    results.push(reply.code);
  }
  return [...results, await client.flush(session)];
}

/** A session can't be bound to a PIN index, which would not count its uses. */
async function bindToPin(client: SessionClient): Promise<unknown[]> {
  const index = new Index(0x0150_0050, 0x0006_0092);
  return [await define(client, index), await client.tryStartAuthSession({ bind: index.now })];
}

/** Cases: what is done, how, and the codes and data that come of it. */
export const NV_SESSION_CASES: readonly (readonly [
  string,
  (client: SessionClient) => Promise<unknown[]>,
  readonly unknown[],
])[] = [
  [
    'HMAC sessions over a first write',
    hmacSessions,
    [0, 0, 0, [1, 2, 3], 0x9a2, 0, 0, 0, 0, [1, 2, 3], 0x9a2, 0],
  ],
  ['NV_ChangeAuth by policy', changeAuth, [0, 0, 0x9a2, 0, 0]],
  ['a policy for writing', writePolicy, [0, 0, 0x9a4, 0x12f, 0, 0x99d, 0]],
  ['NV_UndefineSpaceSpecial by policy', undefineByPolicy, [0, 0, 0x182, 0, 0]],
  ['binding to a PIN index', bindToPin, [0, 0x28b]],
];
