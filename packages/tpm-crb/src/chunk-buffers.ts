import { HEADER_OFFSET, HEADER_SIZE, readUint32 } from 'tpm-core';
import { CRB_CHUNKED_BUFFER_LIMIT, CRB_DATA_BUFFER_SIZE } from './registers.js';

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * A command that is put together from pieces, and a response that is shown in pieces, each as long
 * as the data buffer (PTP, capCRBChunk).
 */
export class ChunkBuffers {
  readonly #command: Uint8Array = new Uint8Array(CRB_CHUNKED_BUFFER_LIMIT);
  #length = 0;
  #response: Uint8Array = EMPTY;
  #offset = 0;

  /** The pieces of the command that came so far; a view. */
  get command(): Uint8Array {
    return this.#command.subarray(0, this.#length);
  }

  /** The whole response; empty when there is none. */
  get response(): Uint8Array {
    return this.#response;
  }

  /** How many bytes of the response were shown. */
  get responseOffset(): number {
    return this.#offset;
  }

  /** Forgets everything. */
  clear(): void {
    this.#length = 0;
    this.#response = EMPTY;
    this.#offset = 0;
  }

  /**
   * Takes the next piece of the command, at most what it still lacks. The first piece says how long
   * the command is.
   *
   * @param dataBuffer where the piece is
   * @param limit longest command in bytes
   * @returns `false` when the command would be shorter than a header; nothing was taken then
   */
  append(dataBuffer: Uint8Array, limit: number): boolean {
    const first = this.#length === 0 ? dataBuffer : this.#command;
    const total = Math.min(readUint32(first, HEADER_OFFSET.size), limit);
    if (total < HEADER_SIZE) return false;
    const count = Math.min(total - this.#length, CRB_DATA_BUFFER_SIZE);
    // Nothing is lacking where the buffer size became smaller in the middle of a command.
    if (count <= 0) return true;
    this.#command.set(dataBuffer.subarray(0, count), this.#length);
    this.#length += count;
    return true;
  }

  /** @returns a copy of the command; the buffers are empty afterwards */
  takeCommand(): Uint8Array {
    const command = this.command.slice();
    this.clear();
    return command;
  }

  /** Puts a response in the place of everything. It must not change any more. */
  load(response: Uint8Array): void {
    this.clear();
    this.#response = response;
  }

  /** Whether a part of the response was not shown yet. */
  get isResponseLeft(): boolean {
    return this.#offset < this.#response.length;
  }

  /** Goes back to the first piece of the response. */
  rewind(): void {
    this.#offset = 0;
  }

  /** Fills the data buffer with the next piece of the response, and with zeros behind it. */
  show(dataBuffer: Uint8Array): void {
    const piece = this.#response.subarray(this.#offset, this.#offset + CRB_DATA_BUFFER_SIZE);
    dataBuffer.set(piece);
    dataBuffer.fill(0, piece.length);
    this.#offset += piece.length;
  }

  /** Puts checked contents in the place of the present ones. */
  restore(command: Uint8Array, response: Uint8Array, responseOffset: number): void {
    this.#command.set(command);
    this.#length = command.length;
    this.#response = response.slice();
    this.#offset = responseOffset;
  }
}
