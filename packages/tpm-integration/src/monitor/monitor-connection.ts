import type { Duplex } from 'node:stream';

/** Bytes that may wait for a peer that doesn't read, before it is cut off. */
const BACKLOG_LIMIT = 1024 * 1024;

/** How long the last words may take to reach a peer at the end, in milliseconds. */
const FAREWELL_LIMIT = 1000;

/**
 * One client of a monitor. Its input is served chunk by chunk, so that a client that sends faster
 * than it is served has to wait; one that reads nothing is cut off before memory grows.
 */
export class MonitorConnection {
  /** Resolves when the connection is over; rejects when `serve` failed. */
  readonly closed: Promise<void>;
  readonly #stream: Duplex;
  #serving: Promise<void> = Promise.resolve();

  /**
   * @param stream the connection
   * @param serve handles one chunk of input; not called again before it is done
   */
  constructor(stream: Duplex, serve: (chunk: Uint8Array) => Promise<void>) {
    this.#stream = stream;
    this.closed = new Promise((resolve, reject) => {
      stream.on('data', (chunk: Uint8Array) => {
        stream.pause();
        this.#serving = serve(chunk);
        this.#serving.then(() => stream.resume(), reject);
      });
      // A connection that breaks off is how many clients leave.
      stream.on('error', () => stream.destroy());
      stream.on('end', () => stream.end());
      stream.on('close', resolve);
    });
  }

  /** Sends a text without waiting. @returns whether the peer takes more at once */
  post(text: string | Uint8Array): boolean {
    if (!this.#stream.writable) return true;
    const hasRoom = this.#stream.write(text);
    if (!hasRoom && this.#stream.writableLength > BACKLOG_LIMIT) this.#stream.destroy();
    return hasRoom;
  }

  /** Sends a text; resolves when the peer takes more, or is gone. */
  async send(text: string | Uint8Array): Promise<void> {
    if (this.post(text) || !this.#stream.writable) return;
    const stream = this.#stream;
    await new Promise<void>((resolve) => {
      const done = () => {
        stream.off('drain', done);
        stream.off('close', done);
        resolve();
      };
      stream.on('drain', done);
      stream.on('close', done);
    });
  }

  /** Ends the connection behind the answer that is under way, or without it after a second. */
  async close(): Promise<void> {
    const stream = this.#stream;
    const gone = new Promise<void>((resolve) => {
      if (stream.destroyed) resolve();
      else stream.on('close', resolve);
    });
    const limit = setTimeout(() => stream.destroy(), FAREWELL_LIMIT);
    const end = () => void stream.end(() => stream.destroy());
    this.#serving.then(end, end);
    await gone;
    clearTimeout(limit);
  }
}
