import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchSwtpm, type SwtpmBackend, SwtpmError } from 'tpm-backend-swtpm';
import type { Locality } from 'tpm-core';
import { onTestFinished } from 'vitest';

/** TPM_RC_RETRY: libtpms notes something in NV first and wants to be asked again. */
const RETRY = 0x22;

/** A new swtpm, which ends with the test. */
export class SwtpmPeer {
  readonly #backend: SwtpmBackend;
  readonly #directory: string;

  private constructor(backend: SwtpmBackend, directory: string) {
    this.#backend = backend;
    this.#directory = directory;
  }

  /** @throws Error with the line that installs swtpm where it is missing */
  static async launch(): Promise<SwtpmPeer> {
    const directory = await mkdtemp(join(tmpdir(), 'tpm-backend-embedded-test-'));
    try {
      const backend = await launchSwtpm({ stateDirectory: directory, tpmVersion: '2.0' });
      return new SwtpmPeer(backend, directory);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      if (SwtpmError.isInstance(error) && String(error.message).includes('ENOENT')) {
        throw new Error('These tests need swtpm; install it with: apt-get install swtpm');
      }
      throw error;
    }
  }

  /** Power cycle. */
  async init(): Promise<void> {
    await this.#backend.start({ bufferSize: 4096 });
  }

  /** @returns its permanent state as it is in its file */
  async readState(): Promise<Uint8Array> {
    return readFile(join(this.#directory, 'tpm2-00.permall'));
  }

  /** Control channel. */
  get control(): SwtpmBackend['control'] {
    return this.#backend.control;
  }

  /** Hash sequence of the platform. */
  async hash(data: Uint8Array): Promise<void> {
    await this.#backend.control.hashStart();
    await this.#backend.control.hashData(data);
    await this.#backend.control.hashEnd();
  }

  /** @returns the answer, after TPM_RC_RETRY the second one */
  async execute(command: Uint8Array, locality: number): Promise<Uint8Array> {
    for (;;) {
      const request = { command, locality: locality as Locality, responseCapacity: 4096 };
      const { response, failed } = await this.#backend.execute(request);
      if (failed) throw new Error(`swtpm failed on ${Buffer.from(command).toString('hex')}`);
      const isRetry = response.length === 10 && response[8] === 0x09 && response[9] === RETRY;
      if (!isRetry) return response;
    }
  }

  /** Ends swtpm. */
  async close(): Promise<void> {
    await this.#backend.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** A new swtpm for the running test. */
export async function launchForTest(): Promise<SwtpmPeer> {
  const peer = await SwtpmPeer.launch();
  onTestFinished(() => peer.close());
  return peer;
}
