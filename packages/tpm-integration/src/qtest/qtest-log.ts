import type { AnswerBuffer } from './answer-buffer.js';

const LATIN1 = new TextDecoder('latin1');

/** Writes what QEMU writes to its qtest log: `[R +0.012345] readb 0x100`. */
export class QtestLog {
  readonly #write: (line: string) => void;
  readonly #start: number = performance.now();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** The connection is there. */
  opened(): void {
    this.#write('[I 0.000000] OPENED');
  }

  /** The connection is over. */
  closed(): void {
    this.#entry('I', 'CLOSED');
  }

  /** A line came in: the bytes from `start` to before `end`. */
  received(bytes: Uint8Array, start: number, end: number): void {
    this.#entry('R', LATIN1.decode(bytes.subarray(start, end)));
  }

  /** Lines went out: what stands in `answer` from `start` on. */
  sent(answer: AnswerBuffer, start: number): void {
    const text = LATIN1.decode(answer.since(start));
    for (const line of text.split('\n')) if (line !== '') this.#entry('S', line);
  }

  #entry(kind: string, text: string): void {
    const seconds = (performance.now() - this.#start) / 1000;
    this.#write(`[${kind} +${seconds.toFixed(6)}] ${text}`);
  }
}
