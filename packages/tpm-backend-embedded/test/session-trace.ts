import { fromHex } from '@tpmdev/testing/scripted-backend';
import { readUint16, readUint32, TPM_CC, WireReader, WireWriter } from 'tpm-core';
import type { Command } from '../src/commands/command.js';
import { TPM2B_DIGEST, TPM2B_NAME } from '../src/structures/buffers.js';
import { TPM2B_CREATION_DATA, TPM2B_PUBLIC } from '../src/structures/public-area.js';
import { TPMT_TK_CREATION } from '../src/structures/tickets.js';
import { Unmarshaller } from '../src/structures/wire-type.js';
import {
  isRetry,
  recordedHandles,
  recordedParameters,
  type TracePlayer,
  type TraceStep,
} from './consumer-traces.js';
import { commandRow, sessionArea } from './response-form.js';
import { SavedContext } from './saved-context.js';
import {
  type ClientSession,
  type Entity,
  password,
  type Reply,
  SessionClient,
  type Use,
} from './session-client.js';
import { aesCfb } from './session-cryptography.js';
import type { SaltKey } from './session-salt.js';
import { createStorageKey } from './storage-key.js';

const OWNER: Entity = { handle: 0x4000_0001 };
const PASSWORD = 0x4000_0009;
/** Private area without its data, where parent and object have SHA-256. */
const PRIVATE_AREA = 126;
const NULL_HANDLE = 0x4000_0007;

/**
 * Plays traces with HMAC sessions. Nonces, salts and HMACs are those of the day, so the commands are
 * not sent as they are: a client makes them anew with its own sessions, which have the attributes
 * of the recorded ones, and checks every HMAC that comes back.
 */
export class SessionTracePlayer {
  readonly #player: TracePlayer;
  readonly #client: SessionClient;
  readonly #context = new SavedContext();
  /** Keys and sessions by their recorded handles; a missing one was never made. */
  readonly #keys = new Map<number, SaltKey>();
  readonly #sessions = new Map<number, ClientSession>();
  /** Other loaded objects by their recorded handles. */
  readonly #objects = new Map<number, Entity>();
  #savedKey: SaltKey | undefined;
  /** Private and public area of the object that was created last, one after the other. */
  #created: Uint8Array = new Uint8Array(0);

  constructor(player: TracePlayer) {
    this.#player = player;
    this.#client = new SessionClient(player.execute);
  }

  /** Gives the TPM a persistent storage key that the recorded one had from the start. */
  async provision(handle: number): Promise<void> {
    const key = await createStorageKey(this.#client, 'ecc', { hierarchy: OWNER });
    const { code } = await this.#client.call({
      code: TPM_CC.EvictControl,
      handles: [OWNER, key],
      sessions: [password(OWNER)],
      parameters: new WireWriter().uint32(handle).finish(),
    });
    if (code !== 0) throw new Error(`EvictControl was refused with 0x${code.toString(16)}`);
    const parameters = new WireWriter().uint32(key.handle).finish();
    await this.#client.call({ code: TPM_CC.FlushContext, parameters });
    this.#keys.set(handle, { ...key, handle });
  }

  /** Plays a command of the trace. */
  async play(step: TraceStep): Promise<void> {
    const command = fromHex(step.send);
    const row = commandRow(command)!;
    if (isRetry(fromHex(step.recv))) return;
    if (this.#player.noteAbsent(command)) return;
    if (this.#isDependent(row, command)) {
      this.#player.outcome.dependent++;
      return;
    }
    if (row.code === TPM_CC.StartAuthSession) return this.#startAuthSession(command, step);
    if (row.code === TPM_CC.ContextLoad) return this.#loadContext(step);
    if (row.code === TPM_CC.Load) return this.#call(row, command, step);
    if (this.#hmacSessions(row, command).length > 0) return this.#call(row, command, step);
    return this.#replay(row, command, step);
  }

  /** Handles of the handle area, of the session area, and in the parameters of FlushContext. */
  #isDependent(row: Command, command: Uint8Array): boolean {
    const isFlush = row.code === TPM_CC.FlushContext;
    const handles = [
      ...recordedHandles(row, command),
      ...this.#hmacSessions(row, command).map(({ handle }) => handle),
      ...(isFlush ? [readUint32(command, 10)] : []),
    ];
    return handles.some((handle) => {
      if (handle >>> 24 === 0x80 || handle >>> 24 === 0x81)
        return !this.#keys.has(handle) && !this.#objects.has(handle);
      return handle >>> 25 === 1 && !this.#sessions.has(handle);
    });
  }

  #hmacSessions(row: Command, command: Uint8Array) {
    return (sessionArea(row, command) ?? []).filter(({ handle }) => handle !== PASSWORD);
  }

  async #replay(row: Command, command: Uint8Array, step: TraceStep): Promise<void> {
    const sent = command.slice();
    if (row.code === TPM_CC.FlushContext) {
      const handle = readUint32(command, 10);
      const own = this.#sessions.get(handle)?.handle ?? this.#entity(handle).handle;
      new DataView(sent.buffer).setUint32(10, own);
      this.#sessions.delete(handle);
      this.#keys.delete(handle);
      this.#objects.delete(handle);
    }
    const send = Array.from(sent, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const response = await this.#player.replay({ ...step, send });
    if (response === undefined) return;
    if (row.code === TPM_CC.CreatePrimary) this.#noteKey(response);
    if (row.code === TPM_CC.ContextSave) this.#savedKey = this.#keys.get(readUint32(command, 10));
    this.#context.note(command, response);
  }

  #noteKey(response: Uint8Array): void {
    const handle = readUint32(response, 10);
    const reader = new Unmarshaller(response, 18);
    const area = TPM2B_PUBLIC.unmarshal(reader);
    TPM2B_CREATION_DATA.unmarshal(reader);
    TPM2B_DIGEST.unmarshal(reader);
    TPMT_TK_CREATION.unmarshal(reader);
    const name = TPM2B_NAME.unmarshal(reader);
    if (
      !('curveID' in area.parameters) ||
      typeof area.unique !== 'object' ||
      !('x' in area.unique)
    ) {
      throw new Error('Key of the trace is no elliptic curve key');
    }
    const ecc = { curve: area.parameters.curveID, x: area.unique.x, y: area.unique.y };
    this.#keys.set(handle, { handle, name, nameAlg: area.nameAlg, ecc });
  }

  async #loadContext(step: TraceStep): Promise<void> {
    const command = this.#context.command({ type: 'load-context' })!;
    const response = await this.#player.execute(command);
    if (!this.#sameCode(command, readUint32(response, 6), step)) return;
    const key = this.#savedKey!;
    this.#keys.set(readUint32(fromHex(step.recv), 10), {
      ...key,
      handle: readUint32(response, 10),
    });
  }

  async #startAuthSession(command: Uint8Array, step: TraceStep): Promise<void> {
    const row = commandRow(command)!;
    const [tpmKey, bind] = recordedHandles(row, command);
    const parameters = new WireReader(recordedParameters(row, command));
    const nonceSize = parameters.uint16();
    parameters.bytes(nonceSize);
    parameters.bytes(parameters.uint16());
    const type = parameters.uint8();
    if (parameters.uint16() !== 6) throw new Error('Session of the trace has no AES');
    const symmetric = aesCfb(parameters.uint16());
    parameters.uint16();
    const started = await this.#client.tryStartAuthSession({
      type,
      hashAlg: parameters.uint16(),
      symmetric,
      nonceSize,
      sessions: this.#uses(row, command),
      ...(tpmKey !== NULL_HANDLE && { saltKey: this.#keys.get(tpmKey!)! }),
      ...(bind !== NULL_HANDLE && { bind: this.#entity(bind!) }),
    });
    const code = typeof started === 'number' ? started : 0;
    if (!this.#sameCode(command, code, step) || typeof started === 'number') return;
    this.#sessions.set(readUint32(fromHex(step.recv), 10), started);
  }

  #uses(row: Command, command: Uint8Array): Use[] {
    const handles = recordedHandles(row, command).map((handle) => this.#entity(handle));
    return (sessionArea(row, command) ?? []).map(({ handle, attributes }, index) => {
      const authorizes = row.handles[index]?.role === undefined ? undefined : handles[index];
      if (handle === PASSWORD) return password(authorizes!);
      const session = this.#sessions.get(handle)!;
      return { session, attributes, ...(authorizes && { authorizes }) };
    });
  }

  #entity(handle: number): Entity {
    return this.#keys.get(handle) ?? this.#objects.get(handle) ?? { handle };
  }

  /** Sends a command with HMAC sessions; what the response encrypts is compared by its size. */
  async #call(row: Command, command: Uint8Array, step: TraceStep): Promise<void> {
    const reply = await this.#client.call({
      code: row.code,
      handles: recordedHandles(row, command).map((handle) => this.#entity(handle)),
      parameters: this.#parameters(row, command, step),
      sessions: this.#uses(row, command),
      responseHandle: row.responseHandle,
    });
    if (!this.#sameCode(command, reply.code, step)) return;
    if (row.code === TPM_CC.Create) this.#created = firstSized(reply.parameters, 2);
    if (row.code === TPM_CC.Load) this.#noteObject(reply, step);
    const recorded = fromHex(step.recv);
    const size = readUint32(recorded, row.responseHandle ? 14 : 10);
    if (reply.parameters.length !== size) {
      this.#player.problem(command, `${reply.parameters.length} bytes of parameters, not ${size}`);
    }
    for (const { handle, attributes } of this.#hmacSessions(row, command)) {
      if ((attributes & 1) === 0) this.#sessions.delete(handle);
    }
  }

  /**
   * What was encrypted on the way can't be known: a creation gets zeros of the recorded sizes, and
   * what is loaded is the object that was created last.
   */
  #parameters(row: Command, command: Uint8Array, step: TraceStep): Uint8Array {
    const parameters = recordedParameters(row, command);
    if (row.code === TPM_CC.Load) return this.#created;
    if (row.code !== TPM_CC.Create) return parameters;
    const size = readUint16(parameters, 0);
    const dataSize = readUint16(fromHex(step.recv), 14) - PRIVATE_AREA;
    parameters.fill(0, 2, 2 + size);
    const view = new DataView(parameters.buffer);
    view.setUint16(2, size - 4 - dataSize);
    view.setUint16(size - dataSize, dataSize);
    return parameters;
  }

  #noteObject({ handle, parameters }: Reply, step: TraceStep): void {
    const name = parameters.slice(2);
    this.#objects.set(readUint32(fromHex(step.recv), 10), { handle, name });
  }

  #sameCode(command: Uint8Array, code: number, step: TraceStep): boolean {
    const recorded = readUint32(fromHex(step.recv), 6);
    if (code === recorded) {
      this.#player.outcome.equal++;
      return true;
    }
    const hex = code.toString(16);
    this.#player.problem(command, `response code 0x${hex}, not 0x${recorded.toString(16)}`);
    return false;
  }
}

/** @returns the first `count` TPM2B with their sizes */
function firstSized(bytes: Uint8Array, count: number): Uint8Array {
  let end = 0;
  for (let left = count; left > 0; left--) end += 2 + readUint16(bytes, end);
  return bytes.slice(0, end);
}
