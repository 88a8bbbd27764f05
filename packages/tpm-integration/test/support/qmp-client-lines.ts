import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

/** Turns of the event loop after which an answer that is going to come has come. */
const TURNS = 20;

/** A client of a monitor that reads line by line. */
export class QmpClientLines {
  readonly #stream: Duplex;
  readonly #lines: string[] = [];
  #input = '';
  #ended = false;
  #waiting: (() => void)[] = [];
  #syncs = 0;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.setEncoding('latin1');
    stream.on('data', (text: string) => {
      const lines = (this.#input + text).split('\r\n');
      this.#input = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    stream.on('error', end).on('end', end).on('close', end);
  }

  send(bytes: string | Uint8Array): void {
    this.#stream.write(bytes);
  }

  /** Leaves. */
  end(): void {
    this.#stream.end();
  }

  /** @returns the next line; rejects at the end */
  async line(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#ended) throw new Error(`The monitor ended the connection after ${this.#input}`);
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
  }

  /** Sends bytes and a command to tell the end of the answer. @returns the lines of the answer */
  async exchange(bytes: string | Uint8Array): Promise<string[]> {
    const id = `sync${this.#syncs++}`;
    this.send(bytes);
    this.send(`\n{"execute":"query-uuid","id":"${id}"}\n`);
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line.includes(`"${id}"`)) return lines;
      lines.push(line);
    }
  }

  /** Waits until what is under way in this process has come. */
  async settled(): Promise<void> {
    for (let count = 0; count < TURNS; count++) await turn();
  }

  /** @returns the lines up to the end of the connection */
  async rest(): Promise<string[]> {
    while (!this.#ended) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    return this.#lines.splice(0);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
