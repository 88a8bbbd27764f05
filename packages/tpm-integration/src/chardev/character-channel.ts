import type { Duplex } from 'node:stream';

/** An open character device: a source of connections, one at a time. */
export interface CharacterChannel {
  /**
   * Resolves when the first client is there, if the device was described to wait for one, or when
   * the device is closed.
   */
  ready(): Promise<void>;
  /**
   * Hands over the connection, and for a listening device every further one after the last one
   * has closed. Called once.
   */
  serve(onConnection: (stream: Duplex) => void): void;
  /** Closes the device and its connection. */
  close(): Promise<void>;
}

/** A character device with the one connection it was opened with. */
export class SingleChannel implements CharacterChannel {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  async ready(): Promise<void> {}

  serve(onConnection: (stream: Duplex) => void): void {
    onConnection(this.#stream);
  }

  async close(): Promise<void> {
    this.#stream.destroy();
  }
}
