import { once } from 'node:events';
import type { ListenOptions, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CharacterChannel } from './character-channel.js';

/** Connections that may wait for their turn; further ones are closed at once. */
const QUEUE_LIMIT = 8;

/** A character device that listens. One client is served at a time, the others wait. */
export class ListeningChannel implements CharacterChannel {
  readonly #server: Server;
  readonly #wait: boolean;
  readonly #waiting: Socket[] = [];
  #current: Socket | undefined;
  #onConnection: ((stream: Duplex) => void) | undefined;

  private constructor(server: Server, wait: boolean) {
    this.#server = server;
    this.#wait = wait;
    server.on('connection', (socket) => this.#admit(socket));
  }

  /**
   * Starts to listen. Rejects with the error of the operating system.
   *
   * @param options where
   * @param wait whether {@link ready} waits for the first client
   */
  static async open(
    options: ListenOptions | { fd: number },
    wait: boolean,
  ): Promise<ListeningChannel> {
    const server = createServer({ allowHalfOpen: true });
    const channel = new ListeningChannel(server, wait);
    server.listen(options);
    await once(server, 'listening');
    return channel;
  }

  async ready(): Promise<void> {
    if (!this.#wait || this.#waiting.length > 0) return;
    await Promise.race([once(this.#server, 'connection'), once(this.#server, 'close')]);
  }

  serve(onConnection: (stream: Duplex) => void): void {
    this.#onConnection = onConnection;
    this.#next();
  }

  async close(): Promise<void> {
    this.#onConnection = undefined;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#current?.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    if (this.#waiting.length >= QUEUE_LIMIT) {
      socket.destroy();
      return;
    }
    // A connection that breaks off is how many clients leave.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#forget(socket));
    this.#waiting.push(socket);
    this.#next();
  }

  #next(): void {
    if (this.#current !== undefined || this.#onConnection === undefined) return;
    this.#current = this.#waiting.shift();
    if (this.#current !== undefined) this.#onConnection(this.#current);
  }

  #forget(socket: Socket): void {
    const index = this.#waiting.indexOf(socket);
    if (index >= 0) this.#waiting.splice(index, 1);
    if (this.#current !== socket) return;
    this.#current = undefined;
    this.#next();
  }
}
