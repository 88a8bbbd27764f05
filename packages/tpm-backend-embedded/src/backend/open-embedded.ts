import type { BackendEvent, Clock, RandomSource } from 'tpm-core';
import type { TpmIdentity } from '../identity.js';
import { memoryStore } from '../store/memory-store.js';
import type { StateStore } from '../store/state-store.js';
import { HASHES } from '../structures/algorithms.js';
import { Tpm } from '../tpm.js';
import { EmbeddedBackend } from './embedded-backend.js';
import { EmbeddedTpmError } from './error.js';
import { HOST_CLOCK, HOST_RANDOM, pauseForOtherTasks } from './host-defaults.js';
import { StateKeeper } from './state-keeper.js';

const TRANSIENT_SLOTS = { least: 3, most: 64 } as const;

/** How {@link openEmbedded} makes a TPM. */
export interface EmbeddedOptions {
  /**
   * Where the TPM's state is kept; in memory unless given: then the TPM is a new one. The back end
   * owns the store and closes it.
   */
  readonly store?: StateStore;
  /** Time in milliseconds; the host's monotonic clock unless given. */
  readonly clock?: Clock;
  /** Seeds and random numbers; the host's cryptographic ones unless given. */
  readonly random?: RandomSource;
  /** What GetCapability says of the maker. */
  readonly identity?: Partial<TpmIdentity>;
  /**
   * Slots for transient objects, 3 to 64; 3 unless given, as swtpm has. More make life without a
   * resource manager easier.
   */
  readonly transientSlots?: number;
  /** Hashes (TPM_ALG) whose PCR banks a new TPM has; SHA-1, SHA-256, SHA-384, SHA-512 unless given. */
  readonly pcrBanks?: readonly number[];
  /**
   * Called about every 8 ms of a long command; it goes on when the promise resolves. Lets the
   * host's other tasks run unless given.
   */
  readonly pause?: () => Promise<void>;
  /** Receives failures from the start on; see `TpmBackend.onEvent`. */
  readonly onEvent?: (event: BackendEvent) => void;
}

/**
 * Opens a TPM 2.0 in this process: the one that is in the store, or a new one.
 *
 * @throws EmbeddedTpmError `ERR_OPTION`, `ERR_STATE_STORE` when the store can't be read,
 *   `ERR_STATE_REFUSED` when it has no state of this TPM; the store is closed then
 *
 * @example
 * const backend = await openEmbedded();
 * await backend.start({ bufferSize: 0 });
 * // TPM2_Startup(CLEAR)
 * const command = Uint8Array.of(0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0);
 * await backend.execute({ command, locality: 0, responseCapacity: 4096 });
 */
export async function openEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedBackend> {
  const { store = memoryStore(), identity, transientSlots = TRANSIENT_SLOTS.least } = options;
  try {
    checkOptions(transientSlots, options.pcrBanks);
    const tpm = new Tpm({
      clock: options.clock ?? HOST_CLOCK,
      random: options.random ?? HOST_RANDOM,
      transientSlots,
      ...(identity === undefined ? {} : { identity }),
      ...(options.pcrBanks === undefined ? {} : { pcrBanks: options.pcrBanks }),
    });
    const keeper = new StateKeeper(tpm, store);
    await keeper.load();
    const { pause = pauseForOtherTasks, onEvent } = options;
    return new EmbeddedBackend({ tpm, keeper, pause, onEvent });
  } catch (error) {
    await store.close();
    throw error;
  }
}

function checkOptions(transientSlots: number, pcrBanks: readonly number[] | undefined): void {
  const { least, most } = TRANSIENT_SLOTS;
  if (!(Number.isInteger(transientSlots) && transientSlots >= least && transientSlots <= most)) {
    const message = `transientSlots is ${transientSlots}; give a whole number from ${least} to ${most}`;
    throw new EmbeddedTpmError('ERR_OPTION', message);
  }
  const unknown = pcrBanks?.find((hash) => !HASHES.includes(hash));
  if (unknown !== undefined || pcrBanks?.length === 0) {
    const given = unknown === undefined ? 'none' : `0x${unknown.toString(16)}`;
    throw new EmbeddedTpmError(
      'ERR_OPTION',
      `pcrBanks names ${given}; name at least one of TPM_ALG.SHA1, SHA256, SHA384, SHA512`,
    );
  }
}
