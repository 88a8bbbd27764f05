import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, WireWriter } from 'tpm-core';
import { SLOT_KIND } from '../src/state/object-state.js';
import type { Tpm } from '../src/tpm.js';
import { freshTpm } from './fresh-tpm.js';
import { type Call, type Entity, password, SESSION, SessionClient } from './session-client.js';
import { createStorageKey } from './storage-key.js';

const OWNER: Entity = { handle: 0x4000_0001 };
const PLATFORM: Entity = { handle: 0x4000_000c };
const NULL_ALGORITHM = 0x0010;

/** Bytes from numbers of 8, 16 or 32 bits, written as `[width, value]`. */
function wire(...fields: readonly (readonly [8 | 16 | 32, number])[]): Uint8Array {
  const writer = new WireWriter();
  for (const [width, value] of fields) {
    if (width === 8) writer.uint8(value);
    else if (width === 16) writer.uint16(value);
    else writer.uint32(value);
  }
  return writer.finish();
}

/**
 * A running TPM whose state has something everywhere: a key in a slot and the same one persistent,
 * a hash, an HMAC and an event sequence, three loaded sessions, a saved one, changed PCR, a running
 * hash sequence of the platform, NV indexes of each type, and an owner's authorization value.
 *
 * @throws Error when a command on the way is refused
 */
export async function richTpm(): Promise<Tpm> {
  const tpm = freshTpm({ transientSlots: 6 });
  tpm.initialize();
  const client = new SessionClient((command) => tpm.execute(command, 0));
  const call = async (request: Parameters<SessionClient['call']>[0]) => {
    const reply = await client.call(request);
    if (reply.code !== 0) {
      const code = reply.code.toString(16);
      throw new Error(`Command 0x${request.code.toString(16)} was refused with 0x${code}`);
    }
    return reply;
  };
  await call({ code: TPM_CC.Startup, parameters: wire([16, 0]) });
  await call({
    code: TPM_CC.PCR_Extend,
    handles: [{ handle: 7 }],
    sessions: [password({ handle: 7 })],
    parameters: concatBytes(wire([32, 1], [16, 0x000b]), new Uint8Array(32).fill(7)),
  });
  const key = await createStorageKey(client, 'ecc', { hierarchy: OWNER });
  for (const hash of [0x000c, NULL_ALGORITHM]) {
    const { handle } = await call({
      code: TPM_CC.HashSequenceStart,
      parameters: wire([16, 0], [16, hash]),
      responseHandle: true,
    });
    await call({
      code: TPM_CC.SequenceUpdate,
      handles: [{ handle, name: new Uint8Array(0) }],
      sessions: [password({ handle, name: new Uint8Array(0) })],
      parameters: wire([16, 5], [32, 0x0102_0304], [8, 5]),
    });
  }
  const saved = await client.startAuthSession({ hashAlg: 0x000c });
  await call({
    code: TPM_CC.ContextSave,
    handles: [{ handle: saved.handle }],
  });
  const audit = await client.startAuthSession({ bind: OWNER });
  await call({
    code: TPM_CC.GetRandom,
    parameters: wire([16, 8]),
    sessions: [{ session: audit, attributes: SESSION.continue | SESSION.audit }],
  });
  const policy = await client.startAuthSession({ type: 1, hashAlg: 0x0004 });
  await call({
    code: TPM_CC.PolicyPCR,
    handles: [policy],
    parameters: wire([16, 0], [32, 1], [16, 0x000b], [8, 3], [16, 0x8000], [8, 0]),
  });
  await call({
    code: TPM_CC.PolicySecret,
    handles: [OWNER, policy],
    parameters: concatBytes(wire([16, 0], [16, 20]), new Uint8Array(20), wire([16, 0], [32, 100])),
    sessions: [password(OWNER)],
  });
  await client.startAuthSession({ type: 3, saltKey: key });
  await call({
    code: TPM_CC.HierarchyChangeAuth,
    handles: [OWNER],
    sessions: [password(OWNER)],
    parameters: wire([16, 1], [8, 0x61]),
    newAuthValue: Uint8Array.of(0x61),
  });
  await addIndexes(call);
  tpm.hashStart();
  tpm.hashData(Uint8Array.of(1, 2, 3));
  addPersistent(tpm);
  return tpm;
}

/** NV indexes of each type; what can be written is. */
async function addIndexes(call: (request: Call) => Promise<unknown>): Promise<void> {
  const authorized = { handles: [PLATFORM], sessions: [password(PLATFORM)] };
  for (const [at, type] of [0x0, 0x1, 0x2, 0x4, 0x8, 0x9].entries()) {
    const handle = 0x0150_0000 + at;
    const attributes = 0x4600_0000 | (type << 4) | (type < 8 ? 0x0007_0007 : 0x0007_0003);
    const area = wire(
      [32, handle],
      [16, 0x000b],
      [32, attributes],
      [16, 0],
      [16, type === 4 ? 32 : 8],
    );
    const parameters = concatBytes(wire([16, 1], [8, 0x61], [16, area.length]), area);
    await call({ code: TPM_CC.NV_DefineSpace, ...authorized, parameters });
    if (type !== 0) continue;
    const name = concatBytes(wire([16, 0x000b]), sha256(area));
    await call({
      ...authorized,
      code: TPM_CC.NV_Write,
      handles: [PLATFORM, { handle, name }],
      parameters: wire([16, 2], [16, 0x6869], [16, 3]),
    });
  }
}

/** The key of slot 0 as a persistent object. */
function addPersistent(tpm: Tpm): void {
  const slot = tpm.state.volatile.slots[0];
  if (slot?.kind !== SLOT_KIND.OBJECT) throw new Error('There is no key in slot 0');
  tpm.state.permanent.persistentObjects.push({ handle: 0x8100_0001, object: slot.object });
}
