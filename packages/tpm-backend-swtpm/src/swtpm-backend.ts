import {
  type BackendDescription,
  type BackendEvent,
  type BackendSnapshot,
  DEFAULT_BUFFER_SIZE,
  HEADER_SIZE,
  type Locality,
  type StartOptions,
  type TpmBackend,
  type TpmRequest,
  type TpmResult,
  type TpmVersion,
  type TraceHook,
} from 'tpm-core';
import {
  CommandPipeline,
  type CommandTimeLimits,
  type SwtpmConnection,
} from './command-pipeline.js';
import type { ControlClient } from './control-client.js';
import {
  CAPABILITY,
  CONTROL_RESULT,
  INIT_DELETE_VOLATILE,
  MIGRATION_CAPABILITIES,
  STATE_BLOB_DECRYPTED,
  STATE_BLOB_TYPE,
  type StateBlobName,
} from './control-codes.js';
import { SwtpmError } from './error.js';
import {
  readSnapshot,
  SNAPSHOT_FORMAT,
  STATE_BLOB_NAMES,
  type SwtpmSnapshot,
  type SwtpmStateBlob,
} from './snapshot.js';

/** QEMU: attempts of LOCK_STORAGE, 10 ms apart. */
const LOCK_RETRIES = 300;
/** Largest buffer size that a peer may report, in bytes. */
const BUFFER_SIZE_LIMIT = 65_536;

/** Settings of a back end. */
export interface SwtpmBackendSettings {
  /** Name of the character device that `info tpm` shows (QEMU: option `chardev`). */
  readonly chardev?: string;
  /** Receives failures from the start on; see `TpmBackend.onEvent`. */
  readonly onEvent?: (event: BackendEvent) => void;
  /** Time limits of commands and of closing, in milliseconds. */
  readonly timeLimits?: CommandTimeLimits;
}

/**
 * The back end "emulator": a TPM in the process swtpm, reached over its control and data sockets.
 * Made by `launchSwtpm` and `connectSwtpm`.
 *
 * QEMU: the order of control commands and their bytes are QEMU's, except that the established flag
 * is asked after every start rather than at the first register read.
 */
export class SwtpmBackend implements TpmBackend {
  readonly kind: 'emulator' = 'emulator';
  readonly tpmVersion: TpmVersion;
  readonly description: BackendDescription;
  /** Mask of `CAPABILITY` bits that swtpm offers. */
  readonly capabilities: number;
  /**
   * All commands of the control protocol, for what the contract of a back end doesn't cover, such as
   * a hash sequence. Power and state commands belong to the methods of this class.
   */
  readonly control: ControlClient;
  /** Process id of swtpm when it is our child. */
  readonly pid: number | undefined;
  onEvent: ((event: BackendEvent) => void) | undefined;

  readonly #pipeline: CommandPipeline;
  #owner: string | undefined;
  #established = false;
  #establishedReset: Promise<void> | undefined;
  #savedOnce = false;
  #closed: Promise<void> | undefined;

  /** @param connection open sockets; the back end owns them from now on */
  constructor(connection: SwtpmConnection, settings: SwtpmBackendSettings = {}) {
    this.control = connection.control;
    this.tpmVersion = connection.tpmVersion;
    this.capabilities = connection.capabilities;
    this.pid = connection.child?.pid;
    this.onEvent = settings.onEvent;
    const { chardev } = settings;
    this.description = { type: this.kind, options: chardev === undefined ? {} : { chardev } };
    this.#pipeline = new CommandPipeline(connection, settings.timeLimits ?? {}, (type, error) =>
      this.#report(type, error),
    );
  }

  get trace(): TraceHook | undefined {
    return this.control.trace;
  }

  set trace(hook: TraceHook | undefined) {
    this.control.trace = hook;
  }

  get established(): boolean {
    return this.#established;
  }

  attach(owner: string): void {
    if (this.#owner !== undefined) {
      throw new SwtpmError(
        'ERR_BACKEND_IN_USE',
        `TPM back end already serves '${this.#owner}', '${owner}' needs one of its own`,
      );
    }
    this.#owner = owner;
  }

  detach(): void {
    this.#owner = undefined;
  }

  async bufferSize(): Promise<number> {
    try {
      return await this.#pipeline.exclusive(async () => {
        await this.control.stop();
        return await this.#negotiateBufferSize(0);
      });
    } catch (error) {
      this.#report('warning', error as SwtpmError);
      return DEFAULT_BUFFER_SIZE;
    }
  }

  start(options: StartOptions): Promise<number> {
    return this.#pipeline.exclusive(async () => {
      const deferred = options.deferred === true;
      if (this.#pipeline.refused !== undefined && !deferred) throw this.#pipeline.refused;
      await this.control.stop();
      const size = await this.#negotiateBufferSize(options.bufferSize);
      if (deferred) return size;
      await this.#init(0);
      await this.#queryEstablished();
      return size;
    });
  }

  execute(request: TpmRequest): Promise<TpmResult> {
    return this.#pipeline.execute(request);
  }

  cancel(): void {
    if ((this.capabilities & CAPABILITY.CANCEL_TPM_CMD) !== 0) this.#pipeline.cancel();
  }

  async reset(): Promise<void> {
    await this.#pipeline.answered;
  }

  resetEstablished(_locality: Locality): Promise<void> {
    if (this.tpmVersion === '1.2') return Promise.resolve();
    // Calls during one that waits for swtpm join it: a guest must not be able to pile them up.
    this.#establishedReset ??= this.#resetEstablishedNow();
    return this.#establishedReset;
  }

  migrationBlocker(): string | undefined {
    const missing = capabilityNames(MIGRATION_CAPABILITIES & ~this.capabilities);
    if (missing.length === 0) return undefined;
    return `swtpm lacks ${missing.join(', ')}, so the TPM's state can't be moved; use a newer swtpm`;
  }

  snapshot(): Promise<SwtpmSnapshot> {
    return this.#pipeline.exclusive(async () => {
      this.#checkMovable();
      const permanent = await this.#readBlob('permanent');
      const volatile = await this.#readBlob('volatile');
      const savestate = await this.#readBlob('savestate');
      this.#savedOnce = true;
      const { tpmVersion } = this;
      return { format: SNAPSHOT_FORMAT, tpmVersion, permanent, volatile, savestate };
    });
  }

  /**
   * To be called when the machine continues after it stopped, in particular after a snapshot: swtpm
   * 0.8 and later gives its state's lock away with a snapshot, for a peer on shared storage. Does
   * nothing before the first snapshot and with older releases.
   *
   * Rejects with a {@link SwtpmError} when another process holds the state now; the machine must not
   * continue then.
   */
  async continueAfterSnapshot(): Promise<void> {
    if (!this.#savedOnce || (this.capabilities & CAPABILITY.LOCK_STORAGE) === 0) return;
    await this.#pipeline.exclusive(() => this.control.lockStorage(LOCK_RETRIES));
  }

  /**
   * As the contract says. After a refusal the TPM stays stopped, every command and `start()` fails
   * with the reason, until a state is restored: INIT after a refused state would make a new TPM.
   */
  async restore(snapshot: BackendSnapshot): Promise<void> {
    const state = readSnapshot(snapshot, this.tpmVersion);
    await this.#pipeline.exclusive(async () => {
      this.#checkMovable();
      await this.control.stop();
      try {
        await this.#loadState(state);
      } catch (error) {
        this.#pipeline.refused = stateRefused(error as SwtpmError);
        throw this.#pipeline.refused;
      }
      this.#pipeline.refused = undefined;
      await this.#queryEstablished();
      if (state.savestate.bytes.length > 0) this.#report('warning', savestateHazard());
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#pipeline.shutDown();
    return this.#closed;
  }

  async #loadState(state: SwtpmSnapshot): Promise<void> {
    for (const name of STATE_BLOB_NAMES) {
      const { flags, bytes } = state[name];
      if (bytes.length === 0) continue;
      await this.control.setStateBlob(STATE_BLOB_TYPE[name], flags, bytes);
    }
    await this.#init(INIT_DELETE_VOLATILE);
  }

  async #init(flags: number): Promise<void> {
    try {
      await this.control.init(flags);
    } catch (error) {
      const { resultCode } = error as SwtpmError;
      if (resultCode !== CONTROL_RESULT.fail) throw error;
      throw new SwtpmError(
        'ERR_CONTROL_REFUSED',
        `${(error as SwtpmError).message}; check that swtpm's state directory exists and that no other swtpm uses it`,
        { cause: error, resultCode },
      );
    }
  }

  async #negotiateBufferSize(wanted: number): Promise<number> {
    const { size } = await this.control.setBufferSize(wanted);
    if (size < HEADER_SIZE || size > BUFFER_SIZE_LIMIT) {
      throw new SwtpmError(
        'ERR_CONTROL_PROTOCOL',
        `swtpm reports a buffer size of ${size} bytes, expected ${HEADER_SIZE} to ${BUFFER_SIZE_LIMIT}`,
      );
    }
    this.#pipeline.bufferSize = size;
    return wanted === 0 ? size : Math.min(wanted, size);
  }

  async #queryEstablished(): Promise<void> {
    try {
      this.#established = await this.control.getTpmEstablished();
    } catch (error) {
      this.#established = false;
      this.#report('warning', error as SwtpmError);
    }
  }

  async #resetEstablishedNow(): Promise<void> {
    try {
      await this.#pipeline.operationsEnded;
      // QEMU: the locality that was set last counts, not the one that asks; none yet is 0xff.
      await this.control.resetTpmEstablished(this.#pipeline.locality);
      await this.#queryEstablished();
    } catch (error) {
      this.#report('warning', error as SwtpmError);
    } finally {
      this.#establishedReset = undefined;
    }
  }

  #checkMovable(): void {
    const blocker = this.migrationBlocker();
    if (blocker !== undefined) throw new SwtpmError('ERR_STATE_UNREADABLE', blocker);
  }

  async #readBlob(name: StateBlobName): Promise<SwtpmStateBlob> {
    const blob = await this.control.getStateBlob(STATE_BLOB_TYPE[name], STATE_BLOB_DECRYPTED);
    return { flags: blob?.flags ?? 0, bytes: blob?.data ?? new Uint8Array(0) };
  }

  #report(type: BackendEvent['type'], error: SwtpmError): void {
    try {
      this.onEvent?.({ type, error });
    } catch (failure) {
      // The host's own failure surfaces as an uncaught exception, not inside a front end.
      queueMicrotask(() => {
        throw failure;
      });
    }
  }
}

/** @returns the names of the bits in a mask of `CAPABILITY` */
export function capabilityNames(mask: number): string[] {
  return Object.entries(CAPABILITY).flatMap(([name, bit]) => ((mask & bit) === 0 ? [] : [name]));
}

function stateRefused(cause: SwtpmError): SwtpmError {
  const { resultCode } = cause;
  return new SwtpmError(
    'ERR_STATE_REFUSED',
    `Saved TPM state can't be loaded: ${cause.message}; the TPM stays stopped, restore a state that fits or restart swtpm`,
    resultCode === undefined ? { cause } : { cause, resultCode },
  );
}

function savestateHazard(): SwtpmError {
  return new SwtpmError(
    'ERR_STATE_REFUSED',
    "The TPM 1.2 was saved between TPM_SaveState and the next command: unless swtpm's state directory holds the same savestate, its next command fails with code 9 and all later ones with 0x1c",
  );
}
