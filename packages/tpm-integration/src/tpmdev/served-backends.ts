import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchSwtpm } from 'tpm-backend-swtpm';
import type { BackendEvent, TpmBackend } from 'tpm-core';
import { openBackend } from '../open-backend.js';
import type { PlatformSignals } from '../simulator/platform-signals.js';

/** What a back end of its own is opened with. */
export interface ServedBackendOptions {
  /** Directory that keeps the TPM's state; without it the TPM is fresh and leaves nothing. */
  readonly state: string | undefined;
  /** Receives failures from the start on. */
  readonly onEvent: (event: BackendEvent) => void;
}

/** A TPM that belongs to this process alone. */
export interface ServedBackend {
  readonly backend: TpmBackend;
  /** What else it can be told; absent: what the back end itself has. */
  readonly signals?: Partial<PlatformSignals>;
  /** Shuts the TPM down and removes what was made for it. */
  close(): Promise<void>;
}

/** A kind of back end that a command of `tpmdev` can have for itself. */
export interface ServedBackendKind {
  readonly name: string;
  /** One phrase for help. */
  readonly text: string;
  /** Rejects with a TpmdevError. */
  open(options: ServedBackendOptions): Promise<ServedBackend>;
}

const EMBEDDED: ServedBackendKind = {
  name: 'embedded',
  text: 'a TPM in this process',
  async open({ state, onEvent }) {
    const backend = await openBackend(
      { type: 'embedded', id: 'tpm0', ...(state === undefined ? {} : { state }) },
      { chardevs: new Map(), onEvent },
    );
    return { backend, close: () => backend.close() };
  },
};

const SWTPM: ServedBackendKind = { name: 'swtpm', text: 'an swtpm of its own', open: openSwtpm };

/** Kinds that can be opened; the first one is the default. */
export const SERVED_BACKENDS: readonly ServedBackendKind[] = [EMBEDDED, SWTPM];

async function openSwtpm({ state, onEvent }: ServedBackendOptions): Promise<ServedBackend> {
  const temporary =
    state === undefined ? await mkdtemp(join(tmpdir(), 'tpmdev-swtpm-')) : undefined;
  const remove = async () => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  try {
    const stateDirectory = state ?? temporary!;
    const backend = await launchSwtpm({ stateDirectory, tpmVersion: '2.0', onEvent });
    const { control } = backend;
    const signals: Partial<PlatformSignals> = {
      hashStart: () => control.hashStart(),
      hashData: (bytes) => control.hashData(bytes),
      hashEnd: () => control.hashEnd(),
    };
    const close = () => backend.close().finally(remove);
    return { backend, signals, close };
  } catch (error) {
    await remove();
    throw error;
  }
}
