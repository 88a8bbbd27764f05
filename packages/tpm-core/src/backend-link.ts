import type { Locality, TpmBackend, TpmResult } from './backend.js';
import { TpmdevError, type TpmdevErrorOptions } from './error.js';
import { fabricateFailureResponse, isSelfTestDone, isWellFormedResponse } from './failure.js';
import type { ResetOutcome } from './front-end.js';
import { HEADER_SIZE } from './wire.js';

/**
 * What goes wrong between a front end and its back end:
 *
 * - `'ERR_BACKEND_START'`: the back end could not be started
 * - `'ERR_BACKEND_CONTRACT'`: the back end threw, rejected or answered nonsense
 */
export type BackendLinkErrorCode = 'ERR_BACKEND_START' | 'ERR_BACKEND_CONTRACT';

/** An error of a {@link BackendLink}; {@link BackendLinkErrorCode} lists its codes. */
export class BackendLinkError extends TpmdevError {
  /** @param message what failed, with which value, and the way out */
  constructor(code: BackendLinkErrorCode, message: string, options: TpmdevErrorOptions = {}) {
    super(code, message, options);
  }
}

/** What happens at the back end, as the device wants to know it. */
export interface BackendUser {
  /** Bytes that a response may have. */
  readonly bufferSize: number;
  /**
   * The command that was submitted last is answered.
   *
   * @param result what the back end answered; well-formed
   * @param selfTestDone the exchange was a successful TPM_ContinueSelfTest
   */
  answered(result: TpmResult, selfTestDone: boolean): void;
  /** A command that was abandoned is answered. Without this its answer is dropped. */
  abandonedAnswered?(result: TpmResult): void;
  /** The TPM runs with this buffer size in bytes. */
  started(bufferSize: number): void;
  /** The TPM could not be started. */
  startFailed(): void;
  /** Something went wrong that the guest doesn't see as such. */
  report(error: TpmdevError): void;
}

/**
 * @returns the smaller of two buffer sizes
 * @throws BackendLinkError when no response fits in it
 */
function usableBufferSize(reported: number, limit: number): number {
  const size = Math.min(reported, limit);
  if (Number.isInteger(size) && size >= HEADER_SIZE) return size;
  throw new BackendLinkError(
    'ERR_BACKEND_START',
    `Starting the TPM failed: the back end reports a buffer of ${reported} bytes, which can't hold a response header of ${HEADER_SIZE} bytes; check the TPM behind it`,
  );
}

interface Submission {
  readonly command: Uint8Array;
  readonly locality: Locality;
}

/** How a {@link BackendLink} restarts the TPM. */
export interface BackendLinkOptions {
  /** Largest buffer that the front end can use, in bytes. */
  readonly bufferLimit: number;
  /** Whether the buffer size is asked for before an outstanding command is waited for. */
  readonly asksSizeFirst: boolean;
}

/**
 * The asynchronous side of a front end: at most one command, one restart and one established-flag
 * request are outstanding at the back end, and at most one of each waits. A back end that breaks
 * its contract is reported and counts as one that failed.
 */
export class BackendLink {
  readonly #backend: TpmBackend;
  readonly #user: BackendUser;
  readonly #options: BackendLinkOptions;
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

  constructor(backend: TpmBackend, user: BackendUser, options: BackendLinkOptions) {
    this.#backend = backend;
    this.#user = user;
    this.#options = options;
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

  /**
   * Forgets the command in flight, waits until nothing is outstanding, resets the back end and
   * gives up the claim on it.
   *
   * QEMU: the back end is reset when its device lets go of it.
   *
   * @returns a promise that resolves when another device can claim the back end; never rejects
   */
  async release(): Promise<void> {
    this.abandon();
    await new Promise<void>((resolve) => this.whenIdle(resolve));
    try {
      await this.#backend.reset();
    } catch (cause) {
      this.#reportFault('being reset', cause);
    }
    this.#backend.detach();
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
        : new BackendLinkError('ERR_BACKEND_START', `Starting the TPM failed: ${String(cause)}`, {
            cause,
          });
      this.#restarted(() => this.#user.startFailed());
      return { started: false, error };
    }
    this.#restarted(() => this.#user.started(bufferSize));
    return { started: true };
  }

  /** The back end's part of a reset. */
  async #startBackend(deferred: boolean): Promise<number> {
    const { asksSizeFirst, bufferLimit } = this.#options;
    if (!asksSizeFirst) await this.#backend.reset();
    const bufferSize = usableBufferSize(await this.#backend.bufferSize(), bufferLimit);
    if (asksSizeFirst) await this.#backend.reset();
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
    let result: TpmResult;
    try {
      result = await this.#backend.execute({ command, locality, responseCapacity });
      if (!isWellFormedResponse(result.response, responseCapacity)) {
        throw new TypeError(`malformed response of ${result.response.length} bytes`);
      }
    } catch (cause) {
      this.#reportFault('executing a command', cause);
      result = { response: fabricateFailureResponse(), failed: true };
    }
    if (ticket !== this.#ticket) {
      this.#user.abandonedAnswered?.(result);
      return;
    }
    try {
      this.#user.answered(result, isSelfTestDone(this.#header, result.response));
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
      new BackendLinkError(
        'ERR_BACKEND_CONTRACT',
        `Back end "${this.#backend.kind}" broke its contract while ${action}: ${String(cause)}`,
        { cause },
      ),
    );
  }
}
