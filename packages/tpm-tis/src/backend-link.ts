import {
  fabricateFailureResponse,
  HEADER_SIZE,
  isSelfTestDone,
  isWellFormedResponse,
  type Locality,
  type ResetOutcome,
  type TpmBackend,
  TpmdevError,
} from 'tpm-core';
import { TisError } from './error.js';
import { TIS_BUFFER_SIZE } from './registers.js';

/** What happens at the back end, as the device wants to know it. */
export interface BackendUser {
  /** Bytes that a response may have. */
  readonly bufferSize: number;
  /** The command that was submitted last is answered. */
  answered(response: Uint8Array, selfTestDone: boolean): void;
  /** The TPM runs. */
  started(bufferSize: number): void;
  /** The TPM could not be started. */
  startFailed(): void;
  /** Something went wrong that the guest doesn't see as such. */
  report(error: TisError): void;
}

/**
 * @returns the smaller of two buffer sizes
 * @throws TisError when no response fits in it
 */
function usableBufferSize(reported: number, limit: number): number {
  const size = Math.min(reported, limit);
  if (Number.isInteger(size) && size >= HEADER_SIZE) return size;
  throw new TisError(
    'ERR_TIS_START',
    `Starting the TPM failed: the back end reports a buffer of ${reported} bytes, which can't hold a response header of ${HEADER_SIZE} bytes; check the TPM behind it`,
  );
}

interface Submission {
  readonly command: Uint8Array;
  readonly locality: Locality;
}

/**
 * The asynchronous side of the device: at most one command, one restart and one
 * established-flag request are outstanding at the back end, and at most one of each waits.
 */
export class BackendLink {
  readonly #backend: TpmBackend;
  readonly #user: BackendUser;
  /** Identifies the command in flight; an answer with another number is of a time before a reset. */
  #ticket = 0;
  #inFlight = false;
  /** The command in flight, when it waits for the end of a restart. */
  #waiting: Submission | undefined;
  /** The back end may have changed the command, or given its memory away, when it answers. */
  readonly #header: Uint8Array = new Uint8Array(HEADER_SIZE);
  #running: Promise<ResetOutcome> | undefined;
  #queued: Promise<ResetOutcome> | undefined;
  #restoring = false;
  #clearing = false;
  #clearNext: Locality | undefined;
  #idleCallbacks: (() => void)[] = [];

  constructor(backend: TpmBackend, user: BackendUser) {
    this.#backend = backend;
    this.#user = user;
  }

  /** Whether a command waits for its answer. */
  get inFlight(): boolean {
    return this.#inFlight;
  }

  /** Whether nothing at all is outstanding. */
  get isIdle(): boolean {
    return !this.#inFlight && !this.#clearing && this.#running === undefined;
  }

  /** Calls back at the very moment at which nothing is outstanding, at once if that is so now. */
  whenIdle(callback: () => void): void {
    this.#idleCallbacks.push(callback);
    this.#checkIdle();
  }

  /**
   * Sends a command, after the restart if one is under way.
   *
   * @returns `false` when another command is in flight; this one is dropped then
   */
  submit(command: Uint8Array, locality: Locality): boolean {
    if (this.#inFlight) return false;
    this.#inFlight = true;
    this.#ticket++;
    if (this.#running === undefined) void this.#execute({ command, locality });
    else this.#waiting = { command, locality };
    return true;
  }

  /** Forgets the command in flight: its answer will be dropped. */
  abandon(): void {
    this.#ticket++;
    this.#inFlight = false;
    this.#waiting = undefined;
  }

  /** Asks the TPM to cut the command in flight short. */
  cancel(): void {
    try {
      this.#backend.cancel();
    } catch (cause) {
      this.#reportFault('cancelling a command', cause);
    }
  }

  /** Clears the TPM-established flag. A request during another one follows it, once. */
  clearEstablished(locality: Locality): void {
    if (this.#clearing || this.#running !== undefined) this.#clearNext = locality;
    else void this.#clear(locality);
  }

  /**
   * Restarts the TPM. During a restart the next one is queued; further ones join the queued one.
   */
  restart(restoring: boolean): Promise<ResetOutcome> {
    this.#restoring = restoring;
    if (this.#running === undefined) return this.#beginRestart();
    this.#queued ??= this.#running.then(() => this.#beginRestart());
    return this.#queued;
  }

  #beginRestart(): Promise<ResetOutcome> {
    this.#queued = undefined;
    this.#running = this.#restart(this.#restoring);
    return this.#running;
  }

  async #restart(restoring: boolean): Promise<ResetOutcome> {
    let bufferSize: number;
    try {
      bufferSize = await this.#startBackend(restoring);
    } catch (cause) {
      const error = TpmdevError.isInstance(cause)
        ? cause
        : new TisError('ERR_TIS_START', `Starting the TPM failed: ${String(cause)}`, { cause });
      this.#restarted(() => this.#user.startFailed());
      return { started: false, error };
    }
    this.#restarted(() => this.#user.started(bufferSize));
    return { started: true };
  }

  /** The back end's part of a reset; the size query goes out before anything is waited for. */
  async #startBackend(deferred: boolean): Promise<number> {
    const bufferSize = usableBufferSize(await this.#backend.bufferSize(), TIS_BUFFER_SIZE);
    await this.#backend.reset();
    return usableBufferSize(await this.#backend.start({ bufferSize, deferred }), bufferSize);
  }

  /** The outcome counts only when no further restart is queued. */
  #restarted(apply: () => void): void {
    if (this.#queued !== undefined) return;
    this.#running = undefined;
    apply();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) void this.#execute(waiting);
    this.#clearAgain();
    this.#checkIdle();
  }

  async #execute({ command, locality }: Submission): Promise<void> {
    const ticket = this.#ticket;
    const responseCapacity = this.#user.bufferSize;
    // A command that is shorter than a header leaves zeros, which are no command code.
    this.#header.fill(0);
    this.#header.set(command.subarray(0, HEADER_SIZE));
    let response: Uint8Array;
    try {
      ({ response } = await this.#backend.execute({ command, locality, responseCapacity }));
      if (!isWellFormedResponse(response, responseCapacity)) {
        throw new TypeError(`malformed response of ${response.length} bytes`);
      }
    } catch (cause) {
      this.#reportFault('executing a command', cause);
      response = fabricateFailureResponse();
    }
    if (ticket !== this.#ticket) return;
    try {
      this.#user.answered(response, isSelfTestDone(this.#header, response));
    } finally {
      this.#inFlight = false;
      this.#checkIdle();
    }
  }

  async #clear(locality: Locality): Promise<void> {
    this.#clearing = true;
    try {
      await this.#backend.resetEstablished(locality);
    } catch (cause) {
      this.#reportFault('clearing the established flag', cause);
    }
    this.#clearing = false;
    this.#clearAgain();
    this.#checkIdle();
  }

  #clearAgain(): void {
    const locality = this.#clearNext;
    if (locality === undefined || this.#clearing || this.#running !== undefined) return;
    this.#clearNext = undefined;
    void this.#clear(locality);
  }

  #checkIdle(): void {
    if (!this.isIdle || this.#idleCallbacks.length === 0) return;
    const callbacks = this.#idleCallbacks;
    this.#idleCallbacks = [];
    for (const callback of callbacks) callback();
  }

  #reportFault(action: string, cause: unknown): void {
    this.#user.report(
      new TisError(
        'ERR_TIS_BACKEND',
        `Back end "${this.#backend.kind}" broke its contract while ${action}: ${String(cause)}`,
        { cause },
      ),
    );
  }
}
