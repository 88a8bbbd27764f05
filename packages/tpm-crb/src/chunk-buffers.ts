import { HEADER_OFFSET, HEADER_SIZE, readUint32 } from 'tpm-core';
import { CRB_CHUNKED_BUFFER_LIMIT } from './registers.js';

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * @param message the beginning of a command, at least as long as its size field
 * @param limit most bytes that count
 * @returns how long the message is, by its header
 */
export function claimedLength(message: Uint8Array, limit: number): number {
  return Math.min(readUint32(message, HEADER_OFFSET.size), limit);
}

/**
 * A command that is put together from pieces, and a response that is shown in pieces, each as long
 * as the data buffer (PTP, capCRBChunk).
 */
export class ChunkBuffers {
  readonly #command: Uint8Array = new Uint8Array(CRB_CHUNKED_BUFFER_LIMIT);
  #length = 0;
  /** The whole response; empty when there is none. Replaced, never changed. */
  response: Uint8Array = EMPTY;
  /** How many bytes of the response were shown. */
  responseOffset = 0;

  /** The pieces of the command that came so far; a view. */
  get command(): Uint8Array {
    return this.#command.subarray(0, this.#length);
  }

  set command(command: Uint8Array) {
    this.#command.set(command);
    this.#length = command.length;
  }

  /** Forgets everything. */
  clear(): void {
    this.#length = 0;
    this.response = EMPTY;
    this.responseOffset = 0;
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
    const total = claimedLength(first, limit);
    if (total < HEADER_SIZE) return false;
    // The buffer size may have become smaller in the middle of a command.
    const lacking = Math.max(total - this.#length, 0);
    const piece = dataBuffer.subarray(0, lacking);
    this.#command.set(piece, this.#length);
    this.#length += piece.length;
    return true;
  }

  /** Fills the data buffer with the response from `offset` on, and with zeros behind it. */
  show(dataBuffer: Uint8Array, offset: number): void {
    const piece = this.response.subarray(offset, offset + dataBuffer.length);
    dataBuffer.set(piece);
    dataBuffer.fill(0, piece.length);
    this.responseOffset = offset + piece.length;
  }
}
