import type { Socket } from 'node:net';
import { readUint32 } from 'tpm-core';

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * Reads a socket piece by piece, in whatever packets it comes. The socket holds no more than its
 * buffer and the piece that is waited for; the sender has to wait meanwhile.
 */
export class SocketReader {
  readonly #socket: Socket;
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('readable', () => this.#wake());
    socket.on('end', end).on('close', end);
  }

  /** @returns the next byte, or `undefined` when the client is gone */
  async uint8(): Promise<number | undefined> {
    return (await this.bytes(1))?.[0];
  }

  /** @returns the next 32 bits as a number, or `undefined` when the client is gone */
  async uint32(): Promise<number | undefined> {
    const bytes = await this.bytes(4);
    return bytes === undefined ? undefined : readUint32(bytes, 0);
  }

  /**
   * @param length number of bytes; the caller bounds it
   * @returns exactly so many bytes, or `undefined` when the client is gone before
   */
  async bytes(length: number): Promise<Uint8Array | undefined> {
    if (length === 0) return EMPTY;
    while (!this.#ended) {
      const bytes: Buffer | null = this.#socket.read(length);
      // At its end a stream gives what it has, also when that is less.
      if (bytes !== null) return bytes.length === length ? bytes : undefined;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }
}
