import { p256 } from '@noble/curves/nist.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, WireReader, WireWriter } from 'tpm-core';
import { P256 } from './key-pairs.js';
import { type ClientSession, type Entity, password, type SessionClient } from './session-client.js';
import { sized } from './session-cryptography.js';

const OWNER: Entity = { handle: 0x4000_0001 };
const SHA256 = 0x000b;
const POLICY = 1;
const TRIAL = 3;
const EMPTY: Uint8Array = new Uint8Array(0);

/** OWNERWRITE, OWNERREAD, POLICYREAD, READ_STCLEAR and NO_DA. */
const INDEX_ATTRIBUTES = 0x820a_0002;
/** sign and userWithAuth. */
const SIGNER_ATTRIBUTES = 0x0004_0040;
/** fixedTPM, fixedParent, noDA. */
const SEALED_ATTRIBUTES = 0x0000_0412;
const NONE = 0x0010;
const ECC = 0x0023;
const KEYEDHASH = 0x0008;
const ECDSA = 0x0018;
const P256_CURVE = 0x0003;

/** @returns big-endian numbers of 16 bits */
export function words(...values: readonly number[]): Uint8Array {
  const writer = new WireWriter();
  for (const value of values) writer.uint16(value);
  return writer.finish();
}

/** @returns a big-endian number of 32 bits */
export function uint32(value: number): Uint8Array {
  return new WireWriter().uint32(value >>> 0).finish();
}

/** An assertion: a policy command in a session. @returns its response code */
export type Assertion = (bench: PolicyBench, session: ClientSession) => Promise<number>;

/** @returns an assertion without authorization, by its command code and parameters */
export function assertion(code: number, parameters: Uint8Array = EMPTY): Assertion {
  return async ({ client }, session) => {
    const reply = await client.call({ code, handles: [session], parameters });
    if (reply.code === 0 && code === TPM_CC.PolicyAuthValue) session.authValueNeeded = true;
    if (reply.code === 0 && code === TPM_CC.PolicyPassword) session.passwordNeeded = true;
    return reply.code;
  };
}

/** A key of the caller, of which the TPM knows the public part. */
export interface Signer extends Entity {
  readonly name: Uint8Array;
  sign(digest: Uint8Array): Uint8Array;
}

/** A TPM and somebody who uses policies. */
export class PolicyBench {
  readonly client: SessionClient;
  readonly #wait: (milliseconds: number) => Promise<void>;
  #nextIndex = 0x0150_0100;

  /** @param wait lets time pass for the TPM */
  constructor(client: SessionClient, wait: (milliseconds: number) => Promise<void>) {
    this.client = client;
    this.#wait = wait;
  }

  wait(milliseconds: number): Promise<void> {
    return this.#wait(milliseconds);
  }

  /** A policy session with assertions. @throws Error when one is refused */
  async session(...assertions: readonly Assertion[]): Promise<ClientSession> {
    return this.#assert(await this.client.startAuthSession({ type: POLICY }), assertions);
  }

  /** @returns the digest of assertions, by a trial session */
  async digest(...assertions: readonly Assertion[]): Promise<Uint8Array> {
    const trial = await this.client.startAuthSession({ type: TRIAL });
    await this.#assert(trial, assertions);
    const digest = await this.digestOf(trial);
    await this.client.flush(trial);
    return digest;
  }

  /** PolicyGetDigest. */
  async digestOf(session: ClientSession): Promise<Uint8Array> {
    const reply = await this.client.call({ code: TPM_CC.PolicyGetDigest, handles: [session] });
    return reply.parameters.slice(2);
  }

  async #assert(session: ClientSession, assertions: readonly Assertion[]): Promise<ClientSession> {
    for (const [index, assert] of assertions.entries()) {
      const code = await assert(this, session);
      if (code !== 0) throw new Error(`Assertion ${index + 1} got 0x${code.toString(16)}`);
    }
    return session;
  }

  /** A written index of eight bytes that a policy opens for reading. */
  async index(authPolicy: Uint8Array, authValue: Uint8Array = EMPTY, data = 8): Promise<Entity> {
    const handle = this.#nextIndex++;
    await this.define(handle, INDEX_ATTRIBUTES, authPolicy, authValue, data);
    await this.write(handle, new Uint8Array(data));
    return { ...(await this.indexOf(handle)), authValue };
  }

  /** NV_DefineSpace by the owner. */
  async define(
    handle: number,
    attributes: number,
    authPolicy: Uint8Array,
    authValue: Uint8Array,
    size: number,
  ): Promise<void> {
    const area = [
      uint32(handle),
      words(SHA256),
      uint32(attributes),
      sized(authPolicy),
      words(size),
    ];
    const parameters = concatBytes(sized(authValue), sized(concatBytes(...area)));
    await this.succeed(TPM_CC.NV_DefineSpace, [OWNER], parameters);
  }

  /** NV_Write by the owner. */
  async write(handle: number, data: Uint8Array): Promise<void> {
    const handles = [OWNER, await this.indexOf(handle)];
    await this.succeed(TPM_CC.NV_Write, handles, concatBytes(sized(data), words(0)));
  }

  /** NV_UndefineSpace by the owner. */
  async undefine(index: Entity): Promise<void> {
    const handles = [OWNER, await this.indexOf(index.handle)];
    await this.succeed(TPM_CC.NV_UndefineSpace, handles, EMPTY);
  }

  /** @returns an index with the Name of the moment */
  async indexOf(handle: number): Promise<Entity> {
    const reply = await this.client.call({ code: TPM_CC.NV_ReadPublic, handles: [{ handle }] });
    const reader = new WireReader(reply.parameters);
    reader.bytes(reader.uint16());
    return { handle, name: reader.bytes(reader.uint16()).slice() };
  }

  /** NV_Read of an index by a policy session. @returns the response code */
  async read(index: Entity, session: ClientSession, hmacOrPassword?: Uint8Array): Promise<number> {
    const reply = await this.client.call({
      code: TPM_CC.NV_Read,
      handles: [index, index],
      parameters: words(4, 0),
      sessions: [{ session, authorizes: index, ...(hmacOrPassword && { hmac: hmacOrPassword }) }],
    });
    return reply.code;
  }

  /** Reads by a new session. @returns the response code; 0 after which the session is flushed */
  async readBy(index: Entity, ...assertions: readonly Assertion[]): Promise<number> {
    const session = await this.session(...assertions);
    const code = await this.read(index, session);
    await this.client.flush(session);
    return code;
  }

  /** A command that the first entity's password authorizes. @throws Error when refused */
  async succeed(
    code: number,
    handles: readonly Entity[],
    parameters: Uint8Array,
    newAuthValue?: Uint8Array,
  ) {
    const sessions = [password(handles[0]!)];
    const changed = newAuthValue && { newAuthValue };
    const reply = await this.client.call({ code, handles, parameters, sessions, ...changed });
    if (reply.code !== 0) {
      throw new Error(`Command 0x${code.toString(16)} got 0x${reply.code.toString(16)}`);
    }
    return reply;
  }

  /** LoadExternal of the public part of a P-256 key in the owner's hierarchy. */
  async signer(): Promise<Signer> {
    const parameters = words(NONE, NONE, P256_CURVE, NONE);
    const area = [words(ECC, SHA256), uint32(SIGNER_ATTRIBUTES), words(0), parameters];
    const { handle, parameters: answer } = await this.client.call({
      code: TPM_CC.LoadExternal,
      parameters: concatBytes(
        words(0),
        sized(concatBytes(...area, sized(P256.x), sized(P256.y))),
        uint32(OWNER.handle),
      ),
      responseHandle: true,
    });
    const sign = (digest: Uint8Array): Uint8Array => {
      const bytes = p256.sign(digest, P256.scalar, { prehash: false, format: 'compact' });
      const [r, s] = [bytes.slice(0, 32), bytes.slice(32)];
      return concatBytes(words(ECDSA, SHA256), sized(r), sized(s));
    };
    return { handle, name: answer.slice(2), sign };
  }

  /** CreatePrimary of data that only a policy opens, fixed to the TPM unless attributes say other. */
  async sealed(
    authPolicy: Uint8Array,
    authValue: Uint8Array,
    attributes: number = SEALED_ATTRIBUTES,
  ): Promise<Entity> {
    const sensitive = concatBytes(sized(authValue), sized(Uint8Array.of(1, 2, 3)));
    const head = [words(KEYEDHASH, SHA256), uint32(attributes), sized(authPolicy)];
    const area = concatBytes(...head, words(NONE, 0));
    const { handle, parameters } = await this.client.call({
      code: TPM_CC.CreatePrimary,
      handles: [OWNER],
      parameters: concatBytes(sized(sensitive), sized(area), words(0), uint32(0)),
      sessions: [password(OWNER)],
      responseHandle: true,
    });
    // The Name is the last parameter.
    return { handle, name: parameters.slice(-34), authValue };
  }
}
