import { HEADER_OFFSET, readUint16, readUint32 } from 'tpm-core';
import { TIS_BUFFER_SIZE } from './registers.js';

/** Offset of the low half of a header's size field. */
const SIZE_LOW_HALF = HEADER_OFFSET.size + 2;

/** Bytes after which the size field of a header is known. */
const SIZE_KNOWN = HEADER_OFFSET.size + 4;

/**
 * The one command and response buffer and the one position in it. QEMU: all localities share both,
 * so that one can see what another left there.
 */
export class Fifo {
  /** The whole buffer; bytes beyond the present message are left from earlier ones. */
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(TIS_BUFFER_SIZE);
  #size = TIS_BUFFER_SIZE;
  #offset = 0;

  /** Bytes in use, as negotiated with the back end; at most {@link TIS_BUFFER_SIZE}. */
  get size(): number {
    return this.#size;
  }

  /** Bytes received of a command, or read of a response; 0 to {@link size}. */
  get offset(): number {
    return this.#offset;
  }

  /** Sets the number of bytes in use, 1 to {@link TIS_BUFFER_SIZE}. */
  resize(size: number): void {
    this.#size = size;
    this.seek(this.#offset);
  }

  /** Moves the position, not beyond {@link size}. */
  seek(offset: number): void {
    this.#offset = Math.min(offset, this.#size);
  }

  /** Back to the first byte. */
  rewind(): void {
    this.#offset = 0;
  }

  /** Bytes between the position and the end of the buffer. */
  get room(): number {
    return this.#size - this.#offset;
  }

  /** Length of the message by its header, limited to {@link size}. */
  get messageLength(): number {
    return Math.min(readUint32(this.bytes, HEADER_OFFSET.size), this.#size);
  }

  /** Bytes left of the response. QEMU: negative when another locality left a shorter message. */
  get unread(): number {
    return this.messageLength - this.#offset;
  }

  /** @returns `false` when the buffer is full and the byte was dropped */
  push(byte: number): boolean {
    if (this.#offset >= this.#size) return false;
    this.bytes[this.#offset++] = byte;
    return true;
  }

  /** @returns the next byte, or `undefined` at the end of the buffer */
  shift(): number | undefined {
    return this.#offset < this.#size ? this.bytes[this.#offset++] : undefined;
  }

  /** Whether the size field of the command was received. */
  get isSizeKnown(): boolean {
    return this.#offset >= SIZE_KNOWN;
  }

  /**
   * Whether as many bytes as the command's size field says were received. QEMU: only the field's
   * low 16 bits count.
   */
  get isCommandComplete(): boolean {
    return readUint16(this.bytes, SIZE_LOW_HALF) <= this.#offset;
  }

  /** @returns a copy of the bytes received. QEMU: the position tells the length, not the header */
  command(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.#offset);
  }

  /** Puts a response, at most {@link size} bytes, in the place of whatever was there. */
  load(response: Uint8Array): void {
    this.bytes.set(response);
    this.rewind();
  }
}
