import type { Duplex } from 'node:stream';
import type { TraceHook } from 'tpm-core';
import { listenToStream } from './channel-stream.js';
import type { ControlCommandName } from './control-codes.js';
import {
  type ControlRequest,
  encodeControlRequest,
  SET_STATEBLOB_HEAD_SIZE,
} from './control-request.js';
import {
  type ControlResponse,
  controlResponseLength,
  decodeControlResponse,
} from './control-response.js';
import { SwtpmError } from './error.js';

/** Time limits of control answers, in milliseconds. */
export interface ControlTimeLimits {
  /** INIT, which makes a new TPM in a fresh state directory. Default 30 000. */
  readonly init?: number;
  /**
   * Every other request. Default 10 000. swtpm answers no control request while it executes a TPM
   * command, so the time counts from the end of the command.
   */
  readonly answer?: number;
}

/** Writes a request's bytes to the stream by other means, with a descriptor attached. */
export type RequestWriter = (request: Uint8Array) => void;

interface PendingRequest {
  readonly request: ControlRequest;
  readonly write: RequestWriter | undefined;
  readonly resolve: (response: ControlResponse) => void;
  readonly reject: (error: SwtpmError) => void;
}

const INITIAL_ANSWER_SIZE = 16;
const DEFAULT_INIT_LIMIT = 30_000;
const DEFAULT_ANSWER_LIMIT = 10_000;

/**
 * The control channel: one request at a time, each written with one call (the state blob: head and
 * data), answers accepted in any split. swtpm takes everything that it reads at once as one request,
 * so the next request is written only after the whole answer arrived.
 */
export class ControlChannel {
  /** Receives requests and answers. */
  trace: TraceHook | undefined;
  /** Called once when the channel is lost, after the outstanding requests were rejected. */
  onLost: ((error: SwtpmError) => void) | undefined;

  readonly #stream: Duplex;
  readonly #initLimit: number;
  readonly #answerLimit: number;
  readonly #queue: PendingRequest[] = [];
  #pending: PendingRequest | undefined;
  #answer: Uint8Array = new Uint8Array(INITIAL_ANSWER_SIZE);
  #answerLength = 0;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #tpmBusy = false;
  #lost: SwtpmError | undefined;

  /** @param stream a connected control socket */
  constructor(stream: Duplex, limits: ControlTimeLimits = {}) {
    this.#stream = stream;
    this.#initLimit = limits.init ?? DEFAULT_INIT_LIMIT;
    this.#answerLimit = limits.answer ?? DEFAULT_ANSWER_LIMIT;
    listenToStream(stream, {
      bytes: (chunk) => this.#receive(chunk),
      closed: (cause) =>
        this.#lose(
          new SwtpmError('ERR_CONTROL_LOST', this.#lossMessage(cause), cause && { cause }),
        ),
    });
  }

  /** Why the channel can't be used any more. */
  get lost(): SwtpmError | undefined {
    return this.#lost;
  }

  /**
   * Sends a request after all earlier ones were answered.
   *
   * @param request what to send
   * @param write sends the bytes in place of a plain write
   * @returns the answer, whatever its result code is; rejects with a {@link SwtpmError} when the
   *   channel is lost
   */
  request<Request extends ControlRequest>(
    request: Request,
    write?: RequestWriter,
  ): Promise<ControlResponse<Request['command']>> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) {
        reject(this.#lost);
        return;
      }
      this.#queue.push({
        request,
        write,
        resolve: resolve as (response: ControlResponse) => void,
        reject,
      });
      if (this.#pending === undefined) this.#sendNext();
    });
  }

  /** A TPM command was written: the clock of control answers stands. */
  tpmCommandStarted(): void {
    this.#tpmBusy = true;
  }

  /** The TPM command was answered: the clock of a control answer starts anew. */
  tpmCommandEnded(): void {
    this.#tpmBusy = false;
    if (this.#pending !== undefined) this.#startClock(this.#pending);
  }

  /** Gives up the channel: outstanding requests are rejected, the socket is closed. */
  destroy(error: SwtpmError): void {
    this.#lose(error);
  }

  #sendNext(): void {
    const next = this.#queue.shift();
    this.#pending = next;
    if (next === undefined) return;
    const bytes = encodeControlRequest(next.request);
    this.trace?.({ type: 'control-request', name: next.request.command, bytes });
    this.#startClock(next);
    if (next.write !== undefined) {
      next.write(bytes);
    } else if (next.request.command === 'SET_STATEBLOB') {
      this.#stream.write(bytes.subarray(0, SET_STATEBLOB_HEAD_SIZE));
      if (bytes.length > SET_STATEBLOB_HEAD_SIZE) {
        this.#stream.write(bytes.subarray(SET_STATEBLOB_HEAD_SIZE));
      }
    } else {
      this.#stream.write(bytes);
    }
  }

  #receive(chunk: Uint8Array): void {
    let consumed = 0;
    while (this.#pending !== undefined && this.#lost === undefined) {
      const needed = this.#neededLength(this.#pending.request.command);
      if (needed === undefined) return;
      if (needed === this.#answerLength) {
        if (consumed < chunk.length) break;
        this.#complete(this.#pending);
        return;
      }
      const taken = Math.min(needed - this.#answerLength, chunk.length - consumed);
      if (taken === 0) return;
      this.#append(chunk.subarray(consumed, consumed + taken), needed);
      consumed += taken;
    }
    this.#loseOutOfStep(chunk.length - consumed);
  }

  #neededLength(command: ControlCommandName): number | undefined {
    try {
      return controlResponseLength(command, this.#answer, this.#answerLength);
    } catch (error) {
      this.#lose(error as SwtpmError);
      return undefined;
    }
  }

  #append(bytes: Uint8Array, needed: number): void {
    if (needed > this.#answer.length) {
      const larger = new Uint8Array(needed);
      larger.set(this.#answer.subarray(0, this.#answerLength));
      this.#answer = larger;
    }
    this.#answer.set(bytes, this.#answerLength);
    this.#answerLength += bytes.length;
  }

  #complete(pending: PendingRequest): void {
    const { command } = pending.request;
    const bytes = this.#answer.slice(0, this.#answerLength);
    this.#answerLength = 0;
    if (this.#answer.length > INITIAL_ANSWER_SIZE) {
      this.#answer = new Uint8Array(INITIAL_ANSWER_SIZE);
    }
    clearTimeout(this.#deadline);
    this.trace?.({ type: 'control-response', name: command, bytes });
    pending.resolve(decodeControlResponse(command, bytes));
    this.#sendNext();
  }

  #startClock(pending: PendingRequest): void {
    clearTimeout(this.#deadline);
    const limit = pending.request.command === 'INIT' ? this.#initLimit : this.#answerLimit;
    this.#deadline = setTimeout(() => this.#expire(pending, limit), limit);
  }

  #expire(pending: PendingRequest, limit: number): void {
    if (this.#tpmBusy) return;
    this.#lose(
      new SwtpmError(
        'ERR_CONTROL_TIMEOUT',
        `swtpm did not answer ${pending.request.command} within ${limit} ms; restart swtpm`,
      ),
    );
  }

  #loseOutOfStep(surplus: number): void {
    const during = this.#pending?.request.command;
    this.#lose(
      new SwtpmError(
        'ERR_CONTROL_PROTOCOL',
        during === undefined
          ? `swtpm sent ${surplus} bytes on the control channel without a request`
          : `swtpm sent ${surplus} bytes more than the answer to ${during} has`,
      ),
    );
  }

  #lossMessage(cause: Error | undefined): string {
    const during = this.#pending?.request.command;
    const where = during === undefined ? '' : ` before it answered ${during}`;
    return cause === undefined
      ? `swtpm closed the control channel${where}`
      : `Control channel failed${where}: ${cause.message}`;
  }

  #lose(error: SwtpmError): void {
    if (this.#lost !== undefined) return;
    this.#lost = error;
    clearTimeout(this.#deadline);
    const waiting = this.#pending === undefined ? [] : [this.#pending];
    waiting.push(...this.#queue.splice(0));
    this.#pending = undefined;
    this.#stream.destroy();
    for (const pending of waiting) pending.reject(error);
    this.onLost?.(error);
  }
}
