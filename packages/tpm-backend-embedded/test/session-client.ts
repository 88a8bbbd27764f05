import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, TPM_ST, WireReader, WireWriter } from 'tpm-core';
import {
  type ClientSymmetric,
  clientHash,
  clientHmac,
  clientKdfa,
  NO_SYMMETRIC,
  parameterCipher,
  sized,
} from './session-cryptography.js';
import { makeSalt, type SaltKey } from './session-salt.js';

/** Sends a command to some TPM. */
export type Transport = (command: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Session attributes. */
export const SESSION = {
  continue: 0x01,
  auditExclusive: 0x02,
  auditReset: 0x04,
  decrypt: 0x20,
  encrypt: 0x40,
  audit: 0x80,
} as const;

/** Something with a handle, as the caller knows it. */
export interface Entity {
  readonly handle: number;
  /** Name; that of a hierarchy, PCR or session (its handle) when left out. */
  readonly name?: Uint8Array;
  /** Authorization value without trailing zeros; empty when left out. */
  readonly authValue?: Uint8Array;
}

/** A session, as the caller keeps it. */
export interface ClientSession {
  readonly handle: number;
  readonly hashAlg: number;
  readonly symmetric: ClientSymmetric;
  readonly sessionKey: Uint8Array;
  /** What the session is bound to, until it is used for audit. */
  bind: Entity | undefined;
  nonceTPM: Uint8Array;
  /** Set after PolicyAuthValue. */
  authValueNeeded: boolean;
  /** Set after PolicyPassword: the authValue is sent as it is, and no HMAC comes back. */
  passwordNeeded: boolean;
  /** Digest that an audit session should have by now. */
  auditDigest: Uint8Array | undefined;
}

/** How a command uses a session. */
export interface Use {
  /** Left out for a password session. */
  readonly session?: ClientSession;
  /** The entity whose use the session authorizes; none for a session with another purpose. */
  readonly authorizes?: Entity;
  /** {@link SESSION} bits; `continue` when left out. */
  readonly attributes?: number;
  /** What to send in place of the right HMAC, or of the authValue in a password session. */
  readonly hmac?: Uint8Array | ((right: Uint8Array) => Uint8Array);
  /** What to send in place of a fresh nonce (empty in a password session). */
  readonly nonce?: Uint8Array;
}

/** A command. */
export interface Call {
  readonly code: number;
  readonly handles?: readonly Entity[];
  readonly parameters?: Uint8Array;
  readonly sessions?: readonly Use[];
  /** Whether the response has a handle. */
  readonly responseHandle?: boolean;
  /** The authorization value that the first entity has after the command, where it changes. */
  readonly newAuthValue?: Uint8Array;
}

/** What came back. */
export interface Reply {
  readonly code: number;
  /** Response handle; 0 without one. */
  readonly handle: number;
  /** Response parameters, decrypted. */
  readonly parameters: Uint8Array;
  /** Attributes that came back with each session. */
  readonly attributes: readonly number[];
}

/** How {@link SessionClient.startAuthSession} starts a session. */
export interface SessionOptions {
  /** TPM_SE; HMAC when left out. */
  readonly type?: number;
  readonly hashAlg?: number;
  readonly symmetric?: ClientSymmetric;
  /** Key that the salt goes to; no salt without. */
  readonly saltKey?: SaltKey;
  readonly bind?: Entity;
  readonly nonceSize?: number;
  /** Sessions of the command itself. */
  readonly sessions?: readonly Use[];
}

const NULL_HANDLE = 0x4000_0007;
const PASSWORD_HANDLE = 0x4000_0009;
const EMPTY: Uint8Array = new Uint8Array(0);

/** @returns the Name of an entity */
export function nameOf(entity: Entity): Uint8Array {
  return entity.name ?? new WireWriter().uint32(entity.handle).finish();
}

/** @returns a password session for an entity */
export function password(authorizes: Entity, hmac?: Uint8Array): Use {
  return { authorizes, ...(hmac && { hmac }) };
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

interface Sent {
  readonly use: Use;
  readonly attributes: number;
  readonly nonceCaller: Uint8Array;
}

/**
 * The caller's side of a TPM: builds commands with their session area, computes every HMAC itself,
 * encrypts and decrypts parameters, and checks the HMAC of every response. It shares no code with
 * the TPM under test, so that both can only be right together; against another TPM it shows that
 * the client is right.
 *
 * @example
 * const client = new SessionClient((command) => tpm.execute(command, 0));
 * const session = await client.startAuthSession({ bind: { handle: 0x4000_0001 } });
 * await client.call({ code: TPM_CC.GetRandom, parameters: Uint8Array.of(0, 8),
 *   sessions: [{ session, attributes: SESSION.continue | SESSION.audit }] });
 */
export class SessionClient {
  readonly #transport: Transport;
  #nonces = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sends bytes as they are. @returns the response code */
  async raw(command: Uint8Array): Promise<number> {
    return new WireReader((await this.#transport(command)).subarray(6)).uint32();
  }

  /** StartAuthSession. @throws Error when it is refused; see {@link tryStartAuthSession} */
  async startAuthSession(options: SessionOptions = {}): Promise<ClientSession> {
    const session = await this.tryStartAuthSession(options);
    if (typeof session === 'number') {
      throw new Error(`StartAuthSession was refused with 0x${session.toString(16)}`);
    }
    return session;
  }

  /** StartAuthSession. @returns the session or the response code */
  async tryStartAuthSession(options: SessionOptions = {}): Promise<ClientSession | number> {
    const { hashAlg = 0x000b, symmetric = NO_SYMMETRIC, saltKey, bind } = options;
    const nonceCaller = this.#nonce(options.nonceSize ?? 16);
    const salt = saltKey && makeSalt(saltKey);
    const writer = new WireWriter().bytes(sized(nonceCaller)).bytes(sized(salt?.secret ?? EMPTY));
    writer.uint8(options.type ?? 0).uint16(symmetric.algorithm);
    if (symmetric.algorithm !== NO_SYMMETRIC.algorithm) writer.uint16(symmetric.keyBits);
    if (symmetric.mode !== 0) writer.uint16(symmetric.mode);
    const reply = await this.call({
      code: TPM_CC.StartAuthSession,
      handles: [saltKey ?? { handle: NULL_HANDLE }, bind ?? { handle: NULL_HANDLE }],
      parameters: writer.uint16(hashAlg).finish(),
      responseHandle: true,
      sessions: options.sessions ?? [],
    });
    if (reply.code !== 0) return reply.code;
    const nonceTPM = reply.parameters.slice(2);
    const secret = concatBytes(bind?.authValue ?? EMPTY, salt?.salt ?? EMPTY);
    const bits = 8 * clientHash(hashAlg).outputLen;
    const hasKey = saltKey !== undefined || bind !== undefined;
    return {
      handle: reply.handle,
      hashAlg,
      symmetric,
      sessionKey: hasKey ? clientKdfa(hashAlg, secret, 'ATH', nonceTPM, nonceCaller, bits) : EMPTY,
      bind,
      nonceTPM,
      authValueNeeded: false,
      passwordNeeded: false,
      auditDigest: undefined,
    };
  }

  /** FlushContext. @returns the response code */
  async flush(entity: Entity): Promise<number> {
    const parameters = new WireWriter().uint32(entity.handle).finish();
    return (await this.call({ code: TPM_CC.FlushContext, parameters })).code;
  }

  /**
   * Sends a command with its sessions.
   *
   * @throws Error when the response isn't well-formed or the HMAC of one of its sessions is wrong
   */
  async call(call: Call): Promise<Reply> {
    const { code, handles = [], sessions = [] } = call;
    const sent = sessions.map((use): Sent => {
      const nonceSize = use.session === undefined ? 0 : use.session.nonceTPM.length;
      return {
        use,
        attributes: use.attributes ?? SESSION.continue,
        nonceCaller: use.nonce ?? this.#nonce(nonceSize),
      };
    });
    const parameters = encrypted(sent, call.parameters ?? EMPTY);
    const hashed = concatBytes(uint32(code), ...handles.map(nameOf), parameters);
    const writer = new WireWriter(4096);
    writer
      .uint16(sent.length > 0 ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS)
      .uint32(0)
      .uint32(code);
    for (const { handle } of handles) writer.uint32(handle);
    if (sent.length > 0) {
      const area = concatBytes(...sent.map((one) => commandSession(one, sent, hashed)));
      writer.uint32(area.length).bytes(area);
    }
    writer.bytes(parameters).patchUint32(2, writer.length);
    const response = await this.#transport(writer.finish());
    return readResponse(call, sent, hashed, response);
  }

  /** A nonce that no other has: the client needs no randomness. */
  #nonce(size: number): Uint8Array {
    this.#nonces++;
    return new Uint8Array(size).map((_, index) => this.#nonces * 7 + index * 13);
  }
}

function uint32(value: number): Uint8Array {
  return new WireWriter().uint32(value).finish();
}

function find(sent: readonly Sent[], attribute: number): Sent | undefined {
  return sent.find((one) => one.use.session !== undefined && (one.attributes & attribute) !== 0);
}

/** Key of parameter encryption: the authValue of the authorized entity counts always. */
function cipherKey({ session, authorizes }: Use): Uint8Array {
  return concatBytes(session!.sessionKey, authorizes?.authValue ?? EMPTY);
}

function encrypted(sent: readonly Sent[], parameters: Uint8Array): Uint8Array {
  const one = find(sent, SESSION.decrypt);
  const isImpossible = one?.use.session?.symmetric.algorithm === NO_SYMMETRIC.algorithm;
  if (one === undefined || isImpossible || parameters.length < 2) return parameters;
  const { use, nonceCaller } = one;
  const size = new WireReader(parameters).uint16();
  const cipher = parameterCipher(use.session!, cipherKey(use), nonceCaller, use.session!.nonceTPM);
  const result = parameters.slice();
  result.set(cipher.encrypt(parameters.slice(2, 2 + size)), 2);
  return result;
}

/** Whether the session is bound to the entity that it authorizes, as that is at the moment. */
function isBound({ session, authorizes }: Use): boolean {
  const bind = session!.bind;
  return (
    bind !== undefined &&
    authorizes !== undefined &&
    equal(nameOf(bind), nameOf(authorizes)) &&
    equal(bind.authValue ?? EMPTY, authorizes.authValue ?? EMPTY)
  );
}

/** @param authValue of the authorized entity: that before or after the command */
function hmacKey(use: Use, authValue: Uint8Array): Uint8Array {
  const { session, authorizes } = use;
  const isPolicy = session!.handle >>> 24 === 0x03;
  const counts = isPolicy ? session!.authValueNeeded : !isBound(use);
  return authorizes !== undefined && counts
    ? concatBytes(session!.sessionKey, authValue)
    : session!.sessionKey;
}

function commandSession(one: Sent, sent: readonly Sent[], hashed: Uint8Array): Uint8Array {
  const { use, attributes, nonceCaller } = one;
  const right = commandHmac(one, sent, hashed);
  const hmac = typeof use.hmac === 'function' ? use.hmac(right) : (use.hmac ?? right);
  return new WireWriter()
    .uint32(use.session?.handle ?? PASSWORD_HANDLE)
    .bytes(sized(nonceCaller))
    .uint8(attributes)
    .bytes(sized(hmac))
    .finish();
}

function commandHmac(one: Sent, sent: readonly Sent[], hashed: Uint8Array): Uint8Array {
  const { use, attributes, nonceCaller } = one;
  const authValue = use.authorizes?.authValue ?? EMPTY;
  const { session } = use;
  if (session === undefined || (session.passwordNeeded && use.authorizes !== undefined)) {
    return authValue;
  }
  const extra: Uint8Array[] = [];
  if (one === sent[0] && use.authorizes !== undefined) {
    const decrypt = find(sent, SESSION.decrypt);
    const encrypt = find(sent, SESSION.encrypt);
    if (decrypt !== undefined && decrypt !== one) extra.push(decrypt.use.session!.nonceTPM);
    if (encrypt !== undefined && encrypt !== one && encrypt !== decrypt) {
      extra.push(encrypt.use.session!.nonceTPM);
    }
  }
  return clientHmac(
    session.hashAlg,
    hmacKey(use, authValue),
    clientHash(session.hashAlg)(hashed),
    nonceCaller,
    session.nonceTPM,
    ...extra,
    Uint8Array.of(attributes),
  );
}

function readResponse(
  call: Call,
  sent: readonly Sent[],
  hashed: Uint8Array,
  response: Uint8Array,
): Reply {
  const reader = new WireReader(response);
  const tag = reader.uint16();
  if (reader.uint32() !== response.length) throw new Error('Response has a wrong size field');
  const code = reader.uint32();
  if (code !== 0) {
    if (tag !== TPM_ST.NO_SESSIONS || response.length !== 10) throw new Error('Odd error response');
    return { code, handle: 0, parameters: EMPTY, attributes: [] };
  }
  const handle = call.responseHandle === true ? reader.uint32() : 0;
  const size = sent.length > 0 ? reader.uint32() : reader.remaining;
  const parameters = reader.bytes(size).slice();
  const answered = concatBytes(uint32(code), uint32(call.code), parameters);
  const attributes = sent.map((one) => responseSession(call, one, hashed, answered, reader));
  if (reader.remaining > 0) throw new Error('Bytes follow the response');
  const one = find(sent, SESSION.encrypt);
  if (one !== undefined) {
    const { session } = one.use;
    const cipher = parameterCipher(
      session!,
      cipherKey(one.use),
      session!.nonceTPM,
      one.nonceCaller,
    );
    const length = new WireReader(parameters).uint16();
    parameters.set(cipher.decrypt(parameters.slice(2, 2 + length)), 2);
  }
  return { code, handle, parameters, attributes };
}

/** Reads and checks a session of the response. @returns its attributes */
function responseSession(
  call: Call,
  { use, nonceCaller, attributes: asked }: Sent,
  hashed: Uint8Array,
  answered: Uint8Array,
  reader: WireReader,
): number {
  const nonceTPM = reader.bytes(reader.uint16()).slice();
  const attributes = reader.uint8();
  const hmac = reader.bytes(reader.uint16());
  const { session } = use;
  if (session === undefined) {
    if (nonceTPM.length > 0 || hmac.length > 0) throw new Error('Password session with an HMAC');
    return attributes;
  }
  const hash = clientHash(session.hashAlg);
  const authValue =
    use.authorizes === call.handles?.[0] && call.newAuthValue !== undefined
      ? call.newAuthValue
      : (use.authorizes?.authValue ?? EMPTY);
  const right = clientHmac(
    session.hashAlg,
    hmacKey(use, authValue),
    hash(answered),
    nonceTPM,
    nonceCaller,
    Uint8Array.of(attributes),
  );
  const isEmpty =
    (session.passwordNeeded && use.authorizes !== undefined) ||
    (typeof use.hmac !== 'function' && use.hmac?.length === 0);
  if (!equal(hmac, isEmpty ? EMPTY : right)) {
    throw new Error(`HMAC of session 0x${session.handle.toString(16)} is wrong`);
  }
  session.nonceTPM = nonceTPM;
  if ((asked & SESSION.audit) !== 0) {
    session.bind = undefined;
    const isReset = session.auditDigest === undefined || (asked & SESSION.auditReset) !== 0;
    const old = isReset ? new Uint8Array(hash.outputLen) : session.auditDigest!;
    session.auditDigest = hash(concatBytes(old, hash(hashed), hash(answered)));
  }
  return attributes;
}
