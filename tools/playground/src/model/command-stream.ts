import { decodeCommand, decodeResponse } from 'tpm-core';

/** A command with its response, as it is shown. */
export interface Exchange {
  /** Number since the start, 1 for the first. */
  readonly number: number;
  readonly locality: number;
  /** The standard's name of the command, for example `TPM2_PCR_Extend`. */
  readonly name: string;
  readonly command: Uint8Array;
  /** When the command was handed to the TPM, in milliseconds of the caller's clock. */
  readonly startedAt: number;
  /** `undefined` while the TPM works on it. */
  readonly answer: Answer | undefined;
}

/** The response to a command. */
export interface Answer {
  readonly response: Uint8Array;
  /** Name of the response code, for example `TPM_RC_SUCCESS`. */
  readonly name: string;
  readonly isSuccess: boolean;
  /** Milliseconds from command to response. */
  readonly duration: number;
}

/**
 * The last exchanges between guest and TPM. Memory is bounded: by the number of exchanges, and by
 * the bytes that are kept of each message.
 */
export class CommandStream {
  readonly #capacity: number;
  readonly #messageLimit: number;
  readonly #exchanges: Exchange[] = [];
  #count = 0;
  #revision = 0;

  /**
   * @param capacity exchanges that are kept, at least 1
   * @param messageLimit bytes that are kept of a command or response
   */
  constructor(capacity = 400, messageLimit = 4096) {
    this.#capacity = Math.max(1, capacity);
    this.#messageLimit = messageLimit;
  }

  /** The exchanges that are kept, oldest first. */
  get exchanges(): readonly Exchange[] {
    return this.#exchanges;
  }

  /** Commands since the start, also those that are not kept any more. */
  get count(): number {
    return this.#count;
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  /** @param bytes copied */
  command(bytes: Uint8Array, locality: number, now: number): void {
    this.#count++;
    this.#revision++;
    this.#exchanges.push({
      number: this.#count,
      locality,
      name: decodeCommand(bytes).name,
      command: bytes.slice(0, this.#messageLimit),
      startedAt: now,
      answer: undefined,
    });
    if (this.#exchanges.length > this.#capacity) this.#exchanges.shift();
  }

  /**
   * The response to the command before it. One without a command is ignored: its command was
   * forgotten, or belongs to a time before {@link clear}.
   *
   * @param bytes copied
   * @returns the completed exchange
   */
  response(bytes: Uint8Array, now: number): Exchange | undefined {
    const last = this.#exchanges.at(-1);
    if (last === undefined || last.answer !== undefined) return undefined;
    const { header, name } = decodeResponse(bytes);
    const completed: Exchange = {
      ...last,
      answer: {
        response: bytes.slice(0, this.#messageLimit),
        name,
        isSuccess: header?.code === 0,
        duration: Math.max(0, now - last.startedAt),
      },
    };
    this.#exchanges[this.#exchanges.length - 1] = completed;
    this.#revision++;
    return completed;
  }

  /** Forgets the exchanges; numbers go on. */
  clear(): void {
    this.#exchanges.length = 0;
    this.#revision++;
  }
}

/** @returns the exchanges whose command or response code has the text in its name, in any case */
export function filterExchanges(exchanges: readonly Exchange[], text: string): readonly Exchange[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return exchanges;
  return exchanges.filter(
    ({ name, answer }) =>
      name.toLowerCase().includes(wanted) || (answer?.name.toLowerCase().includes(wanted) ?? false),
  );
}
