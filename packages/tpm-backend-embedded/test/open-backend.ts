import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import type { BackendEvent, Locality, TpmRequest } from 'tpm-core';
import type { EmbeddedBackend } from '../src/backend/embedded-backend.js';
import { type EmbeddedOptions, openEmbedded } from '../src/backend/open-embedded.js';
import { memoryStore } from '../src/store/memory-store.js';
import type { StateStore } from '../src/store/state-store.js';
import { ManualClock, RepeatableRandom } from './fresh-tpm.js';

export const STARTUP_CLEAR = '80010000000c000001440000';
export const STARTUP_STATE = '80010000000c000001440001';
export const SHUTDOWN_STATE = '80010000000c000001450001';
export const SUCCESS = '80010000000a00000000';
export const FAILURE = '80010000000a00000101';
export const FABRICATED = '00c40000000a00000009';
/** TPM2_HierarchyChangeAuth of the owner from "" to "a". */
export const CHANGE_OWNER_AUTH = '80020000001e000001294000000100000009400000090000000000000161';
/** TPM2_PCR_Extend of PCR 16 (SHA-256) with zeros. */
export const EXTEND_16 = `80020000004100000182000000100000000940000009000000000000000001000b${'00'.repeat(32)}`;
/** TPM2_PCR_Read of PCR 16 (SHA-256). */
export const READ_16 = '8001000000140000017e00000001000b03000001';
export const GET_TEST_RESULT = '80010000000a0000017c';

/** A store whose writes can be made to fail or to wait. */
export class TroubledStore implements StateStore {
  readonly inner: StateStore = memoryStore();
  failure: Error | undefined;
  wait: Promise<void> | undefined;
  writes = 0;
  closed = 0;

  read(): Promise<Uint8Array | undefined> {
    return this.inner.read();
  }

  async write(state: Uint8Array): Promise<void> {
    this.writes++;
    await this.wait;
    if (this.failure !== undefined) throw this.failure;
    await this.inner.write(state);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/** @returns a request with a command in hexadecimal */
export function request(
  command: string,
  locality: Locality = 0,
  responseCapacity = 4096,
): TpmRequest {
  return { command: fromHex(command), locality, responseCapacity };
}

/** @returns the response in hexadecimal */
export async function send(backend: EmbeddedBackend, command: string, locality: Locality = 0) {
  return toHex((await backend.execute(request(command, locality))).response);
}

/** A back end with a standing clock and repeatable random numbers, and what it reports. */
export async function open(options: EmbeddedOptions = {}) {
  const events: BackendEvent[] = [];
  const backend = await openEmbedded({
    clock: new ManualClock(),
    random: new RepeatableRandom(),
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { backend, events };
}

/** The same, started and after TPM2_Startup(CLEAR). */
export async function openStarted(options: EmbeddedOptions = {}) {
  const opened = await open(options);
  await opened.backend.start({ bufferSize: 0 });
  const answer = await send(opened.backend, STARTUP_CLEAR);
  if (answer !== SUCCESS) throw new Error(`Startup was refused: ${answer}`);
  return opened;
}
