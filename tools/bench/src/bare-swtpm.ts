import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { readHeader } from 'tpm-core';

/** Sends a command and collects the response from a socket, with nothing in between. */
export class BareSocket {
  readonly #socket: Duplex;
  #chunks: Buffer = Buffer.alloc(0);
  #resolve: ((response: Uint8Array) => void) | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks = this.#chunks.length === 0 ? chunk : Buffer.concat([this.#chunks, chunk]);
      const size = readHeader(this.#chunks)?.size ?? Number.POSITIVE_INFINITY;
      if (this.#chunks.length < size) return;
      const response = this.#chunks;
      this.#chunks = Buffer.alloc(0);
      this.#resolve?.(response);
    });
  }

  send(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#socket.write(command);
    });
  }
}

/** Starts swtpm as the back end does, over inherited sockets, so that only our code differs. */
export function startBareSwtpm(folder: string): { socket: Duplex; end: () => Promise<void> } {
  const child = spawn(
    'swtpm',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${folder}`],
      ...['--server', 'type=tcp,fd=3', '--ctrl', 'type=unixio,clientfd=4'],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'] },
  );
  const gone = once(child, 'close');
  const socket = child.stdio[3] as unknown as Duplex;
  const control = child.stdio[4] as unknown as Duplex;
  return {
    socket,
    async end() {
      socket.destroy();
      control.destroy();
      await gone;
    },
  };
}
