import type { Duplex } from 'node:stream';
import { DEFAULT_BUFFER_SIZE, HEADER_OFFSET, HEADER_SIZE, readUint32 } from 'tpm-core';
import { listenToStream } from './channel-stream.js';
import { SwtpmError } from './error.js';

/** Receives the responses of the data channel. */
export interface DataListener {
  /** The whole response to the command that was sent; at most the buffer size long. */
  response(bytes: Uint8Array): void;
  /** The channel can't be used any more; called once, nothing follows. */
  lost(error: SwtpmError): void;
}

/**
 * The data channel: one command at a time, each written with one call, because swtpm takes what one
 * read returns as the command. Responses are collected by their size field.
 */
export class DataChannel {
  readonly #stream: Duplex;
  readonly #listener: DataListener;
  #responseLimit = DEFAULT_BUFFER_SIZE;
  #partial: Uint8Array = new Uint8Array(DEFAULT_BUFFER_SIZE);
  #partialLength = 0;
  #expecting = false;
  #lost = false;

  /** @param stream a connected data socket on which no command is outstanding */
  constructor(stream: Duplex, listener: DataListener) {
    this.#stream = stream;
    this.#listener = listener;
    listenToStream(stream, {
      bytes: (chunk) => this.#receive(chunk),
      closed: (cause) =>
        this.#lose(
          'ERR_DATA_LOST',
          lossMessage(this.#expecting, this.#partialLength, cause),
          cause,
        ),
    });
  }

  /** Sets the longest response in bytes: the TPM's buffer size. */
  set responseLimit(bytes: number) {
    this.#responseLimit = bytes;
    if (bytes > this.#partial.length) this.#partial = new Uint8Array(bytes);
  }

  /** Writes a command. The previous one must have been answered. */
  send(command: Uint8Array): void {
    this.#expecting = true;
    this.#stream.write(command);
  }

  /** Closes the socket without a call of the listener. */
  destroy(): void {
    this.#lost = true;
    this.#stream.destroy();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#lost) return;
    if (!this.#expecting) {
      const message = `swtpm sent ${chunk.length} bytes on the data channel without a command`;
      this.#lose('ERR_DATA_PROTOCOL', message);
      return;
    }
    const whole =
      this.#partialLength === 0 &&
      chunk.length >= HEADER_SIZE &&
      chunk.length <= this.#responseLimit &&
      readUint32(chunk, HEADER_OFFSET.size) === chunk.length;
    if (whole) this.#deliver(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
    else this.#collect(chunk);
  }

  #collect(chunk: Uint8Array): void {
    const room = this.#partial.subarray(this.#partialLength);
    this.#partial.set(chunk.subarray(0, room.length), this.#partialLength);
    this.#partialLength += chunk.length;
    if (this.#partialLength < HEADER_SIZE) return;
    const size = readUint32(this.#partial, HEADER_OFFSET.size);
    if (size < HEADER_SIZE || size > this.#responseLimit) {
      const range = `${HEADER_SIZE} to ${this.#responseLimit}`;
      this.#lose(
        'ERR_DATA_PROTOCOL',
        `swtpm sent a response with size field ${size}, not ${range}`,
      );
    } else if (this.#partialLength > size) {
      const message = `swtpm sent ${this.#partialLength} bytes for a response with size field ${size}`;
      this.#lose('ERR_DATA_PROTOCOL', message);
    } else if (this.#partialLength === size) {
      this.#deliver(this.#partial.slice(0, size));
    }
  }

  #deliver(response: Uint8Array): void {
    this.#partialLength = 0;
    this.#expecting = false;
    this.#listener.response(response);
  }

  #lose(code: 'ERR_DATA_LOST' | 'ERR_DATA_PROTOCOL', message: string, cause?: Error): void {
    if (this.#lost) return;
    this.destroy();
    this.#listener.lost(new SwtpmError(code, message, cause && { cause }));
  }
}

function lossMessage(expecting: boolean, received: number, cause: Error | undefined): string {
  const during = expecting ? ` during a command, after ${received} bytes of the response` : '';
  return cause === undefined
    ? `swtpm closed the data channel${during}`
    : `Data channel failed${during}: ${cause.message}`;
}
