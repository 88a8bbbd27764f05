import { fabricateFailureResponse, HEADER_SIZE, type TpmResult, type TraceHook } from 'tpm-core';
import { ChunkBuffers, claimedLength } from './chunk-buffers.js';
import { CRB_CHUNKED_BUFFER_LIMIT, CRB_DATA_BUFFER_SIZE } from './registers.js';

/** What the registers ask of the device around them. */
export interface CrbPort {
  /** @returns the TPM-established flag of the back end */
  established(): boolean;
  /**
   * Hands a command to the back end, which owns the bytes.
   *
   * @returns whether there will be an answer
   */
  send(command: Uint8Array): boolean;
  /** Asks the back end to cut the running command short. */
  cancel(): void;
}

/**
 * States of the interface as the trace names them. QEMU: tpmIdle and Start are independent of each
 * other; Execution stands for Start = 1, whatever tpmIdle is.
 */
export type CrbStateName = 'idle' | 'ready' | 'execution';

/** The state of the device, and the functions that change it. */
export class CrbCore {
  /** The command and response buffer: plain memory, and untouched by a reset. */
  readonly dataBuffer: Uint8Array<ArrayBuffer> = new Uint8Array(CRB_DATA_BUFFER_SIZE);
  /** What chunking adds, if it is on. */
  readonly chunks: ChunkBuffers | undefined;
  readonly port: CrbPort;
  readonly trace: TraceHook | undefined;
  /** Guest-physical address of the registers. */
  readonly baseAddress: number;
  /** Most bytes that are ever negotiated with a back end. */
  readonly bufferLimit: number;
  /** Longest command and response in bytes, as negotiated with the back end. */
  bufferSize: number;
  /** TPM_LOC_STATE.locAssigned, and with it TPM_LOC_STS.Granted. */
  locAssigned = false;
  /** TPM_CRB_CTRL_STS.tpmIdle. */
  tpmIdle = true;
  /** TPM_CRB_CTRL_STS.tpmSts. */
  tpmSts = false;
  /** TPM_CRB_CTRL_START.Start. */
  start = false;

  constructor(baseAddress: number, chunking: boolean, port: CrbPort, trace: TraceHook | undefined) {
    this.baseAddress = baseAddress;
    this.chunks = chunking ? new ChunkBuffers() : undefined;
    this.bufferLimit = chunking ? CRB_CHUNKED_BUFFER_LIMIT : CRB_DATA_BUFFER_SIZE;
    this.bufferSize = this.bufferLimit;
    this.port = port;
    this.trace = trace;
  }

  /** Whether commands and responses can be longer than the data buffer. */
  get chunking(): boolean {
    return this.chunks !== undefined;
  }

  /** State as the trace names it. */
  get state(): CrbStateName {
    if (this.start) return 'execution';
    return this.tpmIdle ? 'idle' : 'ready';
  }

  /** The only place where the TPM is given to locality 0 or taken from it. */
  assignLocality(to: boolean): void {
    if (this.locAssigned === to) return;
    this.locAssigned = to;
    this.trace?.({ type: 'locality', from: to ? -1 : 0, to: to ? 0 : -1 });
  }

  /** The only place where tpmIdle and Start change. */
  changeState(tpmIdle: boolean, start: boolean): void {
    const from = this.state;
    this.tpmIdle = tpmIdle;
    this.start = start;
    const to = this.state;
    if (from !== to) this.trace?.({ type: 'state', locality: 0, from, to });
  }

  /** The only place where tpmSts changes. */
  changeFatalError(tpmSts: boolean): void {
    this.tpmSts = tpmSts;
  }

  /** Start: executes the command in the data buffer, or the one that its last piece completes. */
  execute(): void {
    const { chunks, dataBuffer, bufferSize } = this;
    if (chunks !== undefined) {
      if (this.appendChunk()) this.#send(chunks.command.slice());
      return;
    }
    this.#send(dataBuffer.slice(0, claimedLength(dataBuffer, bufferSize)));
  }

  #send(command: Uint8Array): void {
    this.changeState(this.tpmIdle, true);
    this.trace?.({ type: 'command', locality: 0, bytes: command });
    // A TPM can't execute what has no header, so no back end is asked. QEMU: it is, and swtpm never
    // answers; Start then stays 1 for ever, over machine resets too.
    if (command.length < HEADER_SIZE || !this.port.send(command)) {
      this.answer({ response: fabricateFailureResponse(), failed: true });
    }
  }

  /** @returns whether a piece of the command was taken; else the command is too short to be one */
  appendChunk(): boolean {
    const taken = this.chunks?.append(this.dataBuffer, this.bufferSize) === true;
    if (!taken) {
      this.chunks?.clear();
      this.changeFatalError(true);
    }
    return taken;
  }

  /** nextChunk: the next piece of the response while there is one, else of a command. */
  nextChunk(): void {
    const { chunks } = this;
    if (chunks !== undefined && chunks.responseOffset < chunks.response.length) {
      chunks.show(this.dataBuffer, chunks.responseOffset);
    } else this.appendChunk();
  }

  /** crbRspRetry: the first piece of the response again; nothing when there is no response. */
  retryResponse(): void {
    const { chunks } = this;
    if (chunks !== undefined && chunks.response.length > 0) chunks.show(this.dataBuffer, 0);
  }

  /** Takes in the answer to the running command. */
  answer(result: TpmResult): void {
    this.deliver(result);
    if (result.failed) this.changeFatalError(true);
    this.changeState(this.tpmIdle, false);
  }

  /** Puts a response, or its first piece, into the data buffer. */
  deliver({ response, failed }: TpmResult): void {
    this.trace?.({ type: 'response', locality: 0, bytes: response });
    const { chunks, dataBuffer } = this;
    if (chunks === undefined) {
      // QEMU: what is behind the response stays: the rest of the command, or what the guest wrote.
      dataBuffer.set(response);
      return;
    }
    chunks.clear();
    if (!failed) chunks.response = new Uint8Array(response);
    chunks.show(dataBuffer, 0);
  }

  /** Reset values everywhere. QEMU: the data buffer stays. */
  reset(): void {
    this.chunks?.clear();
    this.changeState(true, false);
    this.changeFatalError(false);
    this.assignLocality(false);
  }
}
