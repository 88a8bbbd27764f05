import {
  type BackendDescription,
  type BackendEvent,
  type BackendSnapshot,
  type Clock,
  fabricateFailureResponse,
  type Locality,
  SnapshotError,
  type StartOptions,
  type TpmBackend,
  TpmdevError,
  type TpmRequest,
  type TpmResult,
  type TraceHook,
} from 'tpm-core';
import { applySnapshot, decodeSnapshot, encodeSnapshot } from '../state/tpm-state.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';
import { EmbeddedTpmError } from './error.js';
import type { StateKeeper } from './state-keeper.js';

/** Name and version of the snapshot's layout. */
export const SNAPSHOT_FORMAT = 'tpm-backend-embedded/1';

/** How long a command runs before other tasks get their turn, in milliseconds: half a frame. */
const SLICE = 8;
/** Localities that may clear the established flag (PC Client Platform TPM Profile, TPM_ACCESS). */
const LEAST_CLEARING_LOCALITY = 3;

/** State of an embedded TPM between two commands. */
export interface EmbeddedSnapshot extends BackendSnapshot {
  readonly format: typeof SNAPSHOT_FORMAT;
  /** The TPM-established flag. */
  readonly established: boolean;
  /** The TPM: a value with a version and a checksum of its own. It contains the TPM's secrets. */
  readonly state: Uint8Array;
}

/** What a back end is made of. */
export interface EmbeddedBackendParts {
  readonly tpm: Tpm;
  readonly keeper: StateKeeper;
  readonly pause: () => Promise<void>;
  readonly onEvent: ((event: BackendEvent) => void) | undefined;
}

interface Outstanding {
  isCancelled: boolean;
}

/**
 * The back end "embedded": a TPM 2.0 in this process. Made by `openEmbedded`.
 *
 * Everything happens one after the other: commands, signals of the platform, power cycles, saving
 * and restoring. A command's permanent effects are in the store before its answer is handed out.
 */
export class EmbeddedBackend implements TpmBackend {
  readonly kind: 'embedded' = 'embedded';
  readonly tpmVersion: '2.0' = '2.0';
  readonly description: BackendDescription = { type: 'embedded', options: {} };
  onEvent: ((event: BackendEvent) => void) | undefined;
  trace: TraceHook | undefined;

  readonly #tpm: Tpm;
  readonly #clock: Clock;
  readonly #keeper: StateKeeper;
  readonly #pause: () => Promise<void>;
  #owner: string | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #outstanding: Outstanding | undefined;
  /** Why there is no TPM that commands could reach. */
  #stopped: EmbeddedTpmError | undefined;
  #established = false;
  #physicalPresence = false;
  #closed: Promise<void> | undefined;

  constructor({ tpm, keeper, pause, onEvent }: EmbeddedBackendParts) {
    this.#tpm = tpm;
    this.#clock = tpm.clock;
    this.#keeper = keeper;
    this.#pause = pause;
    this.onEvent = onEvent;
    this.#stopped = notStarted();
  }

  /** Set by a hash sequence of the platform; outlives power cycles. */
  get established(): boolean {
    return this.#established;
  }

  attach(owner: string): void {
    if (this.#owner !== undefined) {
      throw new EmbeddedTpmError(
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
    return LIMIT.COMMAND_SIZE;
  }

  start({ bufferSize, deferred = false }: StartOptions): Promise<number> {
    return this.#inTurn(async () => {
      this.#stopped = notStarted();
      if (bufferSize !== 0) this.#tpm.bufferSize = Math.min(bufferSize, LIMIT.COMMAND_SIZE);
      if (!deferred) await this.#powerOn();
      return this.#tpm.bufferSize;
    });
  }

  execute(request: TpmRequest): Promise<TpmResult> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.resolve(this.#fail(refusal));
    const outstanding: Outstanding = { isCancelled: false };
    this.#outstanding = outstanding;
    return this.#inTurn(() => this.#execute(request, outstanding));
  }

  cancel(): void {
    if (this.#outstanding !== undefined) this.#outstanding.isCancelled = true;
  }

  async reset(): Promise<void> {
    await this.#last;
  }

  resetEstablished(locality: Locality): Promise<void> {
    if (locality >= LEAST_CLEARING_LOCALITY) {
      this.#established = false;
    } else {
      const message = `Clearing the TPM-established flag needs locality 3 or 4, got ${locality}`;
      this.#report('warning', new EmbeddedTpmError('ERR_LOCALITY', message));
    }
    return Promise.resolve();
  }

  migrationBlocker(): undefined {
    return undefined;
  }

  /** Captures the TPM also before it is started. Rejects after `close()` only. */
  snapshot(): Promise<EmbeddedSnapshot> {
    return this.#inTurn(async () => ({
      format: SNAPSHOT_FORMAT,
      established: this.#established,
      state: encodeSnapshot(this.#tpm),
    }));
  }

  /** As the contract says. A refused snapshot changes nothing: a TPM that ran goes on. */
  restore(snapshot: BackendSnapshot): Promise<void> {
    return this.#inTurn(async () => {
      const { established, state: bytes } = checkedSnapshot(snapshot);
      const state = decodeSnapshot(bytes, this.#tpm.transientSlots);
      if (typeof state === 'string') throw new SnapshotError(`Saved TPM state ${state}`);
      // Whatever the store has if this fails, the TPM in memory is not known to be the one in it.
      this.#stopped = notStarted();
      await this.#keeper.store(state);
      applySnapshot(this.#tpm, state);
      this.#established = established;
      this.#physicalPresence = state.volatile.physicalPresence;
      this.#stopped = undefined;
    });
  }

  /**
   * Takes the power away as it is, without a TPM2_Shutdown: what is stored is stored. Closes the
   * store.
   */
  close(): Promise<void> {
    this.#closed ??= this.#last.then(() => this.#keeper.close());
    return this.#closed;
  }

  /** _TPM_Hash_Start (TPM 2.0 Part 1, section "H-CRTM Event Sequence"); sets {@link established}. */
  hashStart(): Promise<void> {
    return this.#signal(() => {
      this.#established = true;
      this.#tpm.hashStart();
    });
  }

  /** _TPM_Hash_Data. @param bytes the next piece of what is measured */
  hashData(bytes: Uint8Array): Promise<void> {
    return this.#signal(() => this.#tpm.hashData(bytes));
  }

  /** _TPM_Hash_End: the PCR gets the digest. */
  hashEnd(): Promise<void> {
    return this.#signal(() => this.#tpm.hashEnd());
  }

  /** Asserts or withdraws physical presence; it stays as it is over power cycles. */
  setPhysicalPresence(on: boolean): Promise<void> {
    return this.#inTurn(async () => {
      this.#physicalPresence = on;
      this.#tpm.state.volatile.physicalPresence = on;
    });
  }

  async #powerOn(): Promise<void> {
    await this.#keeper.reload();
    this.#tpm.initialize();
    this.#tpm.state.volatile.physicalPresence = this.#physicalPresence;
    await this.#keeper.storeChanges();
    this.#stopped = undefined;
  }

  async #execute(request: TpmRequest, outstanding: Outstanding): Promise<TpmResult> {
    try {
      if (this.#stopped !== undefined) return this.#fail(this.#stopped);
      const { command, locality, responseCapacity } = request;
      this.trace?.({ type: 'command', locality, bytes: command });
      const response = await this.#respond(command, locality, outstanding);
      this.trace?.({ type: 'response', locality, bytes: response });
      if (response.length <= responseCapacity) return { response, failed: false };
      const message = `Response has ${response.length} bytes, the request has room for ${responseCapacity}`;
      return this.#fail(new EmbeddedTpmError('ERR_RESPONSE_SIZE', message));
    } catch (error) {
      return this.#fail(asTpmdevError(error));
    } finally {
      this.#outstanding = undefined;
    }
  }

  /** Rejects when the command's effects could not be stored. */
  async #respond(
    command: Uint8Array,
    locality: Locality,
    outstanding: Outstanding,
  ): Promise<Uint8Array> {
    const failureBefore = this.#tpm.failure;
    const steps = this.#tpm.process(command, locality);
    try {
      let step = steps.next();
      let sliceEnd = step.done ? 0 : this.#clock.now() + SLICE;
      while (!step.done) {
        if (this.#clock.now() >= sliceEnd) {
          await this.#pause();
          sliceEnd = this.#clock.now() + SLICE;
        }
        this.#tpm.cancelRequested = outstanding.isCancelled;
        step = steps.next();
      }
      if (this.#tpm.failure === undefined) await this.#keeper.storeChanges();
      else if (failureBefore === undefined) this.#noteFailure();
      return step.value;
    } finally {
      // Of a command that was left in the middle: it changes nothing before its last step.
      steps.return(new Uint8Array(0));
    }
  }

  /** The TPM answers TPM_RC_FAILURE until it is started again, with what the store has. */
  #noteFailure(): void {
    this.#keeper.distrustMemory();
    const cause = this.#tpm.failure;
    const message = `TPM went into failure mode (${String(cause)}); start it again and report this`;
    this.#report('command-failed', new EmbeddedTpmError('ERR_INTERNAL', message, { cause }));
  }

  /** Something that the platform tells the running TPM. */
  #signal(action: () => void): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#stopped !== undefined) throw this.#stopped;
      action();
      await this.#keeper.storeChanges();
    });
  }

  #refusal(): EmbeddedTpmError | undefined {
    if (this.#closed !== undefined) return closedError();
    if (this.#outstanding === undefined) return undefined;
    const message = 'TPM command submitted while another one is outstanding; wait for its answer';
    return new EmbeddedTpmError('ERR_BACKEND_BUSY', message);
  }

  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    if (this.#closed !== undefined) return Promise.reject(closedError());
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => {});
    return turn;
  }

  #fail(error: TpmdevError): TpmResult {
    this.#report('command-failed', error);
    return { response: fabricateFailureResponse(), failed: true };
  }

  #report(type: BackendEvent['type'], error: TpmdevError): void {
    try {
      this.onEvent?.({ type, error });
    } catch (failure) {
      // The host's own failure surfaces as an unhandled rejection, not inside a front end.
      void Promise.reject(failure);
    }
  }
}

/** @throws SnapshotError when it is not of this back end */
function checkedSnapshot(
  snapshot: BackendSnapshot,
): Pick<EmbeddedSnapshot, 'established' | 'state'> {
  if (snapshot?.format !== SNAPSHOT_FORMAT) {
    throw new SnapshotError(
      `Snapshot of the TPM back end has format '${snapshot?.format}', expected '${SNAPSHOT_FORMAT}'`,
    );
  }
  const { established, state } = snapshot;
  if (typeof established !== 'boolean' || !(state instanceof Uint8Array)) {
    throw new SnapshotError('Snapshot of the TPM back end has no established flag or no state');
  }
  return { established, state };
}

function asTpmdevError(error: unknown): TpmdevError {
  if (TpmdevError.isInstance(error)) return error;
  const message = `Executing a TPM command failed: ${String(error)}`;
  return new EmbeddedTpmError('ERR_INTERNAL', message, { cause: error });
}

function notStarted(): EmbeddedTpmError {
  return new EmbeddedTpmError('ERR_BACKEND_STOPPED', 'TPM is not powered; call start() first');
}

function closedError(): EmbeddedTpmError {
  return new EmbeddedTpmError('ERR_BACKEND_CLOSED', 'TPM back end was closed; open another one');
}
