import { Duplex } from 'node:stream';

/** Two streams, each of which reads what the other one writes, as the ends of a socket pair. */
export function duplexPair(): [Duplex, Duplex] {
  const near = new End();
  const far = new End();
  near.peer = far;
  far.peer = near;
  return [near, far];
}

class End extends Duplex {
  peer: End | undefined;
  #resume: (() => void) | undefined;

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    const peer = this.peer!;
    if (peer.destroyed || peer.push(chunk)) done();
    else peer.#resume = done;
  }

  override _final(done: () => void): void {
    this.peer!.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const peer = this.peer!;
    if (!peer.destroyed && !peer.readableEnded) peer.push(null);
    done(error);
  }
}
