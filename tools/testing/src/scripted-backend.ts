import {
  type BackendDescription,
  type BackendEvent,
  type BackendSnapshot,
  fabricateFailureResponse,
  type Locality,
  type StartOptions,
  type TpmBackend,
  TpmdevError,
  type TpmRequest,
  type TpmResult,
  type TpmVersion,
} from 'tpm-core';

/** One command and its answer; hexadecimal. */
export interface Exchange {
  readonly locality: number;
  readonly command: string;
  readonly response: string;
}

/** How a {@link ScriptedBackend} behaves. */
export interface ScriptedBackendOptions {
  readonly tpmVersion?: TpmVersion;
  readonly bufferSize?: number;
  /** Buffer size that the TPM insists on at start. */
  readonly grantedSize?: number;
  readonly established?: boolean;
  /** Whether {@link TpmBackend.resetEstablished} works; default true. */
  readonly clearsEstablished?: boolean;
  /** Answers in order; when there are none left, {@link defaultResponse}. */
  readonly responses?: readonly string[];
}

/** A TPM 2.0 success response without parameters. */
export const SUCCESS_RESPONSE = '80010000000a00000000';

/** @returns the bytes as hexadecimal text */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @returns the bytes of a hexadecimal text */
export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** A back end that answers from a script, on time or when it is told to, and logs every call. */
export class ScriptedBackend implements TpmBackend {
  readonly kind = 'scripted';
  readonly tpmVersion: TpmVersion;
  readonly description: BackendDescription = { type: 'scripted', options: {} };
  established: boolean;
  onEvent: ((event: BackendEvent) => void) | undefined;
  trace: undefined;

  /** What arrived, in order. */
  readonly log: string[] = [];
  /** Commands that arrived and the answers that were given. */
  readonly exchanges: Exchange[] = [];
  /** Set to make {@link start} fail. */
  startError: TpmdevError | undefined;
  bufferSizeNow: number;
  grantedSize: number | undefined;
  owner: string | undefined;
  readonly #responses: string[];
  readonly #clearsEstablished: boolean;
  #failing = false;
  #replacement: Uint8Array | undefined;
  #held = false;
  #holdStart = false;
  #releases: (() => void)[] = [];
  #startReleases: (() => void)[] = [];
  #outstanding: Promise<unknown> | undefined;

  constructor(options: ScriptedBackendOptions = {}) {
    this.tpmVersion = options.tpmVersion ?? '2.0';
    this.bufferSizeNow = options.bufferSize ?? 4096;
    this.grantedSize = options.grantedSize;
    this.established = options.established ?? false;
    this.#clearsEstablished = options.clearsEstablished ?? true;
    this.#responses = [...(options.responses ?? [])];
  }

  /** Keeps answers back until {@link release}. */
  hold(): void {
    this.#held = true;
  }

  /** Delivers the answers that were kept back. */
  release(): void {
    this.#held = false;
    for (const go of this.#releases.splice(0)) go();
  }

  /** Keeps starts back until {@link releaseStart}. */
  holdStart(): void {
    this.#holdStart = true;
  }

  /** Lets the starts go on. */
  releaseStart(): void {
    this.#holdStart = false;
    for (const go of this.#startReleases.splice(0)) go();
  }

  /** From the next command on there are failure responses only. */
  fail(): void {
    this.#failing = true;
  }

  /** Adds an answer to the script. */
  respond(response: string): void {
    this.#responses.push(response);
  }

  attach(owner: string): void {
    if (this.owner !== undefined) {
      throw new TpmdevError('ERR_BACKEND_IN_USE', `Back end is in use by ${this.owner}`);
    }
    this.owner = owner;
  }

  detach(): void {
    this.owner = undefined;
  }

  async bufferSize(): Promise<number> {
    this.log.push('bufferSize');
    return this.bufferSizeNow;
  }

  async start({ bufferSize, deferred }: StartOptions): Promise<number> {
    this.log.push(`start ${bufferSize}${deferred === true ? ' deferred' : ''}`);
    if (this.#holdStart) await new Promise<void>((go) => this.#startReleases.push(go));
    if (this.startError !== undefined) throw this.startError;
    return this.grantedSize ?? bufferSize;
  }

  execute(request: TpmRequest): Promise<TpmResult> {
    if (this.#outstanding !== undefined) throw new Error('a command is outstanding already');
    const answer = this.#answer(request).finally(() => {
      this.#outstanding = undefined;
    });
    this.#outstanding = answer;
    return answer;
  }

  async #answer({ command, locality }: TpmRequest): Promise<TpmResult> {
    const failed = this.#failing;
    const response = failed
      ? fabricateFailureResponse()
      : fromHex(this.#responses.shift() ?? SUCCESS_RESPONSE);
    this.log.push(`execute ${locality}`);
    this.exchanges.push({ locality, command: toHex(command), response: toHex(response) });
    if (this.#held) await new Promise<void>((go) => this.#releases.push(go));
    return { response: this.#replacement ?? response, failed };
  }

  /** The command that is held back gets this answer, and each one after it until it is changed. */
  replaceHeldResponse(response: Uint8Array): void {
    this.#replacement = response;
  }

  cancel(): void {
    this.log.push('cancel');
  }

  async reset(): Promise<void> {
    this.log.push('reset');
    await this.#outstanding;
  }

  async resetEstablished(locality: Locality): Promise<void> {
    this.log.push(`resetEstablished ${locality}`);
    if (this.#held) await new Promise<void>((go) => this.#releases.push(go));
    if (this.#clearsEstablished) this.established = false;
  }

  migrationBlocker(): string {
    return 'a script has no state';
  }

  async snapshot(): Promise<BackendSnapshot> {
    throw new TpmdevError('ERR_SCRIPTED', 'A script has no state');
  }

  async restore(): Promise<void> {
    throw new TpmdevError('ERR_SCRIPTED', 'A script has no state');
  }

  async close(): Promise<void> {
    this.log.push('close');
  }
}
