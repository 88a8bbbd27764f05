import { Duplex } from 'node:stream';

/** A connection in memory: a test feeds bytes and sees what was written. */
export class MemoryStream extends Duplex {
  /** What was written, as one text. */
  output = '';
  /** Number of writes. */
  writes = 0;
  /** Whether the peer reads; while not, writes are not completed. */
  #reading = true;
  #blocked: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.output += chunk.toString('latin1');
    this.writes++;
    if (this.#reading) done();
    else this.#blocked = done;
  }

  /** Sends text as the peer. */
  feed(text: string | Uint8Array): void {
    this.push(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** Stops or starts reading as the peer. */
  set reading(reading: boolean) {
    this.#reading = reading;
    if (!reading) return;
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.();
  }

  /** @returns the output since the last call, after everything under way has happened */
  async received(): Promise<string> {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    const taken = this.output;
    this.output = '';
    return taken;
  }
}
