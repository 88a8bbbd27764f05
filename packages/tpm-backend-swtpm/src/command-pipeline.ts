import type { Duplex } from 'node:stream';
import {
  type BackendEvent,
  DEFAULT_BUFFER_SIZE,
  fabricateFailureResponse,
  type TpmRequest,
  type TpmResult,
  type TpmVersion,
} from 'tpm-core';
import type { SwtpmChild } from './child-process.js';
import { commandDefect } from './command-form.js';
import type { ControlClient } from './control-client.js';
import { DataChannel } from './data-channel.js';
import { SwtpmError } from './error.js';
import { settlesWithin } from './time-limit.js';

/** QEMU: the locality on the wire before any was set. */
const NO_LOCALITY = 0xff;
/** How long a lost channel waits for the reason that the ended process gives, in milliseconds. */
const EXIT_REASON_LIMIT = 500;
const DEFAULT_CLOSE_LIMIT = 10_000;

/** What an opened connection to swtpm consists of. */
export interface SwtpmConnection {
  readonly control: ControlClient;
  /** Connected data socket, probed and paused. */
  readonly data: Duplex;
  readonly tpmVersion: TpmVersion;
  /** Mask of `CAPABILITY` bits. */
  readonly capabilities: number;
  /** The process, when it is ours. */
  readonly child?: SwtpmChild | undefined;
}

/** Time limits of commands, in milliseconds. */
export interface CommandTimeLimits {
  /**
   * How long one TPM command may take before swtpm counts as lost. Default: no limit, as in QEMU;
   * making a key can take many seconds.
   */
  readonly command?: number;
  /** How long `close()` waits for a command, then for SHUTDOWN. Default 10 000. */
  readonly close?: number;
}

/** Receives failures that are not an answer to the caller. */
export type EventReporter = (type: BackendEvent['type'], error: SwtpmError) => void;

interface Outstanding {
  readonly request: TpmRequest;
  readonly resolve: (result: TpmResult) => void;
  /** The command was written to swtpm. */
  sent: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Brings commands and operations of one swtpm in order: one command at a time, its locality first;
 * operations that need the TPM to themselves (start, save, restore) between commands. Knows when the
 * peer is lost, and then answers everything with a failure.
 */
export class CommandPipeline {
  readonly control: ControlClient;
  readonly #tpmVersion: TpmVersion;
  readonly #data: DataChannel;
  readonly #child: SwtpmChild | undefined;
  readonly #limits: CommandTimeLimits;
  readonly #report: EventReporter;
  /** Longest command that swtpm takes, in bytes. */
  #commandLimit = DEFAULT_BUFFER_SIZE;
  #locality = NO_LOCALITY;
  #cancelling = false;
  #outstanding: Outstanding | undefined;
  /** Settles when the latest command was answered. */
  #answered: Promise<unknown> = Promise.resolve();
  /** Number of operations, and of commands behind them, that wait or run. */
  #operations = 0;
  /** Settles when the latest of them ended. */
  #operationsEnded: Promise<unknown> = Promise.resolve();
  #refused: SwtpmError | undefined;
  #lost: SwtpmError | undefined;
  #closing = false;
  #ending = false;

  constructor(connection: SwtpmConnection, limits: CommandTimeLimits, report: EventReporter) {
    this.control = connection.control;
    this.#tpmVersion = connection.tpmVersion;
    this.#child = connection.child;
    this.#limits = limits;
    this.#report = report;
    this.#data = new DataChannel(connection.data, {
      response: (bytes) => this.#respond(bytes),
      lost: (error) => this.#lose(error),
    });
    const { channel } = this.control;
    channel.onLost = (error) => this.#lose(error);
    if (channel.lost !== undefined) this.#lose(channel.lost);
    this.#child?.ended.then((error) => this.#lose(error));
  }

  /** Locality that swtpm has, 0xff before one was set. */
  get locality(): number {
    return this.#locality;
  }

  /** Settles when the latest command was answered. */
  get answered(): Promise<unknown> {
    return this.#answered;
  }

  /** Settles when all operations so far have ended; `undefined` when there is none. */
  get operationsEnded(): Promise<unknown> | undefined {
    return this.#operations === 0 ? undefined : this.#operationsEnded;
  }

  /** Sets swtpm's buffer size in bytes: longest command and longest response. */
  set bufferSize(bytes: number) {
    this.#commandLimit = bytes;
    this.#data.responseLimit = bytes;
  }

  /** Why there is no TPM that commands could reach: each is answered with this failure. */
  get refused(): SwtpmError | undefined {
    return this.#refused;
  }

  set refused(reason: SwtpmError | undefined) {
    this.#refused = reason;
  }

  /** As `TpmBackend.execute()`. */
  execute(request: TpmRequest): Promise<TpmResult> {
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.#report('command-failed', refusal);
      return Promise.resolve(failedResult());
    }
    const answered = new Promise<TpmResult>((resolve) => {
      this.#outstanding = { request, resolve, sent: false, timer: undefined };
    });
    this.#answered = answered;
    if (this.#operations === 0) {
      this.#submit();
    } else {
      this.#enqueue(
        this.#operationsEnded.then(() => {
          this.#submit();
          return answered;
        }),
      );
    }
    return answered;
  }

  /**
   * Sends CANCEL_TPM_CMD when a command runs. One at a time: swtpm reads it only after the command,
   * and a guest must not be able to pile them up.
   */
  cancel(): void {
    if (this.#outstanding?.sent !== true || this.#cancelling) return;
    this.#cancelling = true;
    this.control
      .cancelTpmCommand()
      .catch((error) => this.#report('warning', error))
      .finally(() => {
        this.#cancelling = false;
      });
  }

  /** Runs an operation when earlier ones have ended and no command is outstanding. */
  exclusive<Result>(operation: () => Promise<Result>): Promise<Result> {
    // A command behind other operations is one of them.
    const command = this.#operations === 0 ? this.#answered : undefined;
    const preceding = this.#operationsEnded;
    const run = async (): Promise<Result> => {
      await preceding;
      await command;
      if (this.#lost !== undefined) throw this.#lost;
      if (this.#closing) throw closedError();
      return await operation();
    };
    const result = run();
    this.#enqueue(result);
    return result;
  }

  /** Answers an outstanding command, sends SHUTDOWN, and releases sockets and process. */
  async shutDown(): Promise<void> {
    const limit = this.#limits.close ?? DEFAULT_CLOSE_LIMIT;
    this.#closing = true;
    const idle = Promise.all([this.#operationsEnded, this.#answered]);
    const ready = await settlesWithin(idle, limit);
    this.#ending = true;
    if (this.#lost === undefined && ready) {
      const answer = this.control.shutdown().catch((error) => this.#report('warning', error));
      await settlesWithin(answer, limit);
    }
    this.#fail(closedError());
    this.#lost ??= closedError();
    this.#data.destroy();
    this.control.channel.destroy(this.#lost);
    await this.#child?.end();
  }

  #enqueue(turn: Promise<unknown>): void {
    this.#operations++;
    const ended = (): void => {
      this.#operations--;
    };
    this.#operationsEnded = turn.then(ended, ended);
  }

  #refusal(request: TpmRequest): SwtpmError | undefined {
    if (this.#lost !== undefined) return this.#lost;
    if (this.#closing) return closedError();
    if (this.#outstanding !== undefined) {
      return new SwtpmError(
        'ERR_BACKEND_BUSY',
        'TPM command submitted while another one is outstanding; wait for its answer',
      );
    }
    if (this.#refused !== undefined) return this.#refused;
    const defect = commandDefect(request.command, this.#commandLimit, this.#tpmVersion);
    return defect === undefined ? undefined : new SwtpmError('ERR_COMMAND_FORM', defect);
  }

  #submit(): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    const { locality } = outstanding.request;
    if (locality === this.#locality) {
      this.#transmit(outstanding);
      return;
    }
    this.control.setLocality(locality).then(
      () => {
        this.#locality = locality;
        if (this.#outstanding === outstanding) this.#transmit(outstanding);
      },
      (error) => {
        if (this.#outstanding === outstanding) this.#fail(error);
      },
    );
  }

  #transmit(outstanding: Outstanding): void {
    const { command, locality } = outstanding.request;
    this.control.trace?.({ type: 'command', locality, bytes: command });
    outstanding.sent = true;
    this.control.channel.tpmCommandStarted();
    this.#data.send(command);
    const limit = this.#limits.command;
    if (limit !== undefined) {
      outstanding.timer = setTimeout(() => this.#lose(commandTimeout(limit)), limit);
    }
  }

  #respond(response: Uint8Array): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    const { locality, responseCapacity } = outstanding.request;
    this.control.trace?.({ type: 'response', locality, bytes: response });
    if (response.length <= responseCapacity) {
      this.#complete(outstanding, { response, failed: false });
    } else {
      const message = `Response has ${response.length} bytes, the request has room for ${responseCapacity}`;
      this.#fail(new SwtpmError('ERR_RESPONSE_SIZE', message));
    }
  }

  /** Answers the outstanding command, if there is one, with a failure response. */
  #fail(error: SwtpmError): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    this.#complete(outstanding, failedResult());
    this.#report('command-failed', error);
  }

  #complete(outstanding: Outstanding, result: TpmResult): void {
    this.#outstanding = undefined;
    if (outstanding.timer !== undefined) clearTimeout(outstanding.timer);
    if (outstanding.sent) this.control.channel.tpmCommandEnded();
    outstanding.resolve(result);
  }

  /** Either channel or the process is gone: nothing works any more. */
  #lose(error: SwtpmError): void {
    if (this.#lost !== undefined || this.#ending) return;
    this.#lost = error;
    this.#data.destroy();
    this.control.channel.destroy(error);
    if (this.#child === undefined) this.#announceLoss();
    else void this.#loseChild(this.#child);
  }

  /** A process of ours that is gone, or about to go, tells more than its closed socket. */
  async #loseChild(child: SwtpmChild): Promise<void> {
    if (await settlesWithin(child.ended, EXIT_REASON_LIMIT)) this.#lost = await child.ended;
    this.#announceLoss();
    await child.end(0);
  }

  #announceLoss(): void {
    const reason = this.#lost ?? closedError();
    this.#fail(reason);
    if (!this.#ending) this.#report('lost', reason);
  }
}

function failedResult(): TpmResult {
  return { response: fabricateFailureResponse(), failed: true };
}

function closedError(): SwtpmError {
  return new SwtpmError('ERR_BACKEND_CLOSED', 'TPM back end was closed');
}

function commandTimeout(limit: number): SwtpmError {
  const message = `swtpm did not answer a TPM command within ${limit} ms; restart swtpm`;
  return new SwtpmError('ERR_COMMAND_TIMEOUT', message);
}
