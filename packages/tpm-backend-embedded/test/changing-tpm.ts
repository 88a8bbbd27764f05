import { writeSync } from 'node:fs';
import { TPM_CC } from 'tpm-core';
import type { EmbeddedBackend } from '../src/backend/embedded-backend.js';
import { openEmbedded } from '../src/backend/open-embedded.js';
import { decodeStoredState } from '../src/state/tpm-state.js';
import { fileStore } from '../src/store/file-store.js';
import { type ExpectedState, expectedStateOf, FACTORY_STATE } from './expected-state.js';
import { commandBytes, responseCode } from './password-command.js';

const OWNER = 0x4000_0001;
const PLATFORM = 0x4000_000c;
const SHA1 = 0x0004;

/**
 * Has a TPM in a file store change its permanent state until the process is killed. Tells on
 * standard output before each command what the state will be (`next`), and after its answer that
 * this is so (`done`).
 */
export async function changeStateForEver(directory: string): Promise<never> {
  const store = await fileStore(directory);
  const bytes = await store.read();
  const found = bytes === undefined ? undefined : decodeStoredState(bytes);
  if (typeof found === 'string') throw new Error(`The state ${found}`);
  const state = found === undefined ? FACTORY_STATE : expectedStateOf(found);
  const tpm = new ChangingTpm(await openEmbedded({ store }), state);
  for (let number = 0; ; number++) await tpm.runThrough(number);
}

class ChangingTpm {
  readonly #backend: EmbeddedBackend;
  #state: ExpectedState;

  constructor(backend: EmbeddedBackend, state: ExpectedState) {
    this.#backend = backend;
    this.#state = state;
  }

  /** A power cycle and every change once. */
  async runThrough(number: number): Promise<void> {
    await this.#change({}, async () => {
      await this.#backend.start({ bufferSize: 0 });
      await this.#send(TPM_CC.Startup, [0, 0]);
    });
    for (const part of ['a', 'b', 'c']) await this.#changeOwnerAuth(`${number}${part}`);
    const disableClear = !this.#state.disableClear;
    const flag = disableClear ? 1 : 0;
    await this.#change({ disableClear }, () => this.#send(TPM_CC.ClearControl, [flag], PLATFORM));
    if (!disableClear) {
      await this.#change({ owner: '' }, () => this.#send(TPM_CC.Clear, [], PLATFORM));
    }
    await this.#change({ orderly: 1 }, () => this.#send(TPM_CC.Shutdown, [0, 1]));
    const hasSha1 = !this.#state.hasSha1;
    const select = hasSha1 ? 0xff : 0;
    const allocation = [0, 0, 0, 1, 0, SHA1, 3, select, select, select];
    await this.#change({ hasSha1 }, () => this.#send(TPM_CC.PCR_Allocate, allocation, PLATFORM));
    await this.#change({ orderly: 0 }, () => this.#send(TPM_CC.Shutdown, [0, 0]));
  }

  async #changeOwnerAuth(owner: string): Promise<void> {
    const { owner: before } = this.#state;
    const newAuth = [0, owner.length, ...new TextEncoder().encode(owner)];
    const act = () => this.#send(TPM_CC.HierarchyChangeAuth, newAuth, OWNER, before);
    await this.#change({ owner }, act);
  }

  async #change(changed: Partial<ExpectedState>, act: () => Promise<void>): Promise<void> {
    this.#state = { ...this.#state, orderly: undefined, ...changed };
    this.#tell('next');
    await act();
    this.#tell('done');
  }

  #tell(kind: 'next' | 'done'): void {
    // Synchronous: an acknowledgement must not wait in this process, where the kill would take it.
    writeSync(1, `${kind} ${JSON.stringify(this.#state)}\n`);
  }

  async #send(code: number, parameters: number[], handle?: number, password = ''): Promise<void> {
    const command = commandBytes({
      code,
      ...(handle !== undefined && {
        handles: [handle],
        passwords: [new TextEncoder().encode(password)],
      }),
      parameters: Uint8Array.from(parameters),
    });
    const request = { command, locality: 0, responseCapacity: 4096 } as const;
    const answer = responseCode((await this.#backend.execute(request)).response);
    if (answer !== 0) throw new Error(`0x${code.toString(16)}: 0x${answer.toString(16)}`);
  }
}
