import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchSwtpm, type SwtpmBackend } from 'tpm-backend-swtpm';
import { readUint16, readUint32, TPM_CC } from 'tpm-core';
import type { Tpm } from '../src/tpm.js';
import { freshTpm } from './fresh-tpm.js';
import { startup } from './owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';
import { transplantSeeds } from './transplanted-seeds.js';

/** libtpms notes something in NV first and wants to be asked again. */
const RETRY = 0x922;

/** A command to one of the two. */
export interface Request {
  readonly code: number;
  readonly handles?: readonly number[];
  readonly parameters?: Uint8Array;
  /** Passwords; no session area when left out. */
  readonly passwords?: readonly Uint8Array[];
  /** The whole command, where its sessions are no passwords. */
  readonly bytes?: Uint8Array;
}

/** An answer. */
export class Answer {
  readonly bytes: Uint8Array;
  readonly #start: number;

  constructor(bytes: Uint8Array, hasHandle: boolean) {
    this.bytes = bytes;
    this.#start = 10 + (hasHandle ? 4 : 0) + (readUint16(bytes, 0) === 0x8002 ? 4 : 0);
  }

  get code(): number {
    return responseCode(this.bytes);
  }

  /** First handle. */
  get handle(): number {
    return readUint32(this.bytes, 10);
  }

  /** @returns TPM2B number `index` of the parameters */
  sized(index: number): Uint8Array {
    let offset = this.#start;
    for (let skip = index; skip > 0; skip--) offset += 2 + readUint16(this.bytes, offset);
    return this.bytes.slice(offset + 2, offset + 2 + readUint16(this.bytes, offset));
  }
}

const WITH_HANDLE: readonly number[] = [
  TPM_CC.CreatePrimary,
  TPM_CC.Load,
  TPM_CC.LoadExternal,
  TPM_CC.CreateLoaded,
];

/** A swtpm and an embedded TPM with the same seeds and proofs, both started. */
export class TwinTpms {
  readonly ours: Tpm = freshTpm();
  readonly #swtpm: SwtpmBackend;
  readonly #directory: string;

  private constructor(swtpm: SwtpmBackend, directory: string) {
    this.#swtpm = swtpm;
    this.#directory = directory;
  }

  static async start(): Promise<TwinTpms> {
    const directory = await mkdtemp(join(tmpdir(), 'tpmdev-twins-'));
    const swtpm = await launchSwtpm({ stateDirectory: directory, tpmVersion: '2.0' });
    const twins = new TwinTpms(swtpm, directory);
    await swtpm.start({ bufferSize: 0 });
    const parameters = Uint8Array.of(0, 0);
    const { code } = await twins.theirs({ code: TPM_CC.Startup, parameters });
    if (code !== 0 || startup(twins.ours) !== 0) throw new Error('A TPM refuses to start');
    transplantSeeds(twins.ours, await readFile(join(directory, 'tpm2-00.permall')));
    return twins;
  }

  /** Sends a command to swtpm. */
  async theirs(request: Request): Promise<Answer> {
    const command = request.bytes ?? commandBytes(request);
    for (;;) {
      const sent = { command, locality: 0, responseCapacity: 4096 } as const;
      const { response } = await this.#swtpm.execute(sent);
      const answer = new Answer(response.slice(), WITH_HANDLE.includes(request.code));
      if (answer.code !== RETRY) return answer;
    }
  }

  /** Sends a command to the embedded TPM. */
  mine(request: Request): Answer {
    const answer = new Answer(
      this.ours.execute(request.bytes ?? commandBytes(request), 0),
      WITH_HANDLE.includes(request.code),
    );
    if (this.ours.failure !== undefined) throw this.ours.failure;
    return answer;
  }

  /** Sends a command to both. */
  async both(request: Request): Promise<{ readonly mine: Answer; readonly theirs: Answer }> {
    return { mine: this.mine(request), theirs: await this.theirs(request) };
  }

  async close(): Promise<void> {
    await this.#swtpm.close();
    await rm(this.#directory, { recursive: true });
  }
}

/** Authorization by an empty password. */
export const EMPTY_AUTH: readonly Uint8Array[] = [NO_PASSWORD];
