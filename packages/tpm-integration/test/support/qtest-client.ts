import type { Socket } from 'node:net';

/** What came back for one command: the lines `IRQ …` before the answer, and the answer. */
export interface Exchange {
  readonly interrupts: readonly string[];
  readonly answer: string;
}

interface Waiting {
  readonly resolve: (exchange: Exchange) => void;
  readonly reject: (error: Error) => void;
}

/** A client of the qtest protocol that keeps commands in a row and pairs them with answers. */
export class QtestClient {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #input = '';
  #interrupts: string[] = [];
  #lost: Error | undefined;
  /** Every line `IRQ …` so far. */
  readonly interruptLog: string[] = [];
  /** How many of them came before the latest answer. */
  interruptsPaired = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('The qtest connection was closed')));
  }

  /** Sends one command. */
  async command(line: string): Promise<Exchange> {
    const [exchange] = await this.commands([line]);
    return exchange!;
  }

  /** Sends commands in one piece. */
  commands(lines: readonly string[]): Promise<Exchange[]> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const exchanges = lines.map(
      () =>
        new Promise<Exchange>((resolve, reject) => {
          this.#waiting.push({ resolve, reject });
        }),
    );
    this.#socket.write(lines.map((line) => `${line}\n`).join(''), 'latin1');
    return Promise.all(exchanges);
  }

  /** Reads 1, 2, 4 or 8 bytes. */
  async read(address: number, width: number): Promise<bigint> {
    const { answer } = await this.command(readLine(address, width));
    if (!answer.startsWith('OK 0x')) throw new Error(`Reading ${address} gave "${answer}"`);
    return BigInt(answer.slice(3));
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    const lines = (this.#input + text).split('\n');
    this.#input = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('IRQ ')) {
        this.#interrupts.push(line);
        this.interruptLog.push(line);
        continue;
      }
      this.#waiting.shift()?.resolve({ interrupts: this.#interrupts, answer: line });
      this.#interrupts = [];
      this.interruptsPaired = this.interruptLog.length;
    }
  }

  #fail(error: Error): void {
    this.#lost ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }
}

const SUFFIXES: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'l', 8: 'q' };

/** @returns the command that reads `width` bytes */
export function readLine(address: number, width: number): string {
  const suffix = SUFFIXES[width];
  return suffix === undefined
    ? `read 0x${address.toString(16)} ${width}`
    : `read${suffix} 0x${address.toString(16)}`;
}

/** @returns the command that writes `width` bytes */
export function writeLine(address: number, width: number, value: bigint): string {
  return `write${SUFFIXES[width]} 0x${address.toString(16)} 0x${value.toString(16)}`;
}
