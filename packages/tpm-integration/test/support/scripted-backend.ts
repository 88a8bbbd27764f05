import {
  type BackendDescription,
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

/** A back end without a TPM, each step of which a test decides. */
export class ScriptedBackend implements TpmBackend {
  readonly kind = 'scripted';
  tpmVersion: TpmVersion = '2.0';
  readonly description: BackendDescription = { type: 'scripted', options: {} };
  established = true;
  onEvent: TpmBackend['onEvent'];
  trace: TpmBackend['trace'];
  /** What was called, in order. */
  readonly calls: string[] = [];
  /** Whether starting fails. */
  broken = false;
  readonly #pending: (() => void)[] = [];
  /** Whether operations wait for {@link proceed}. */
  held = false;

  /** Lets everything finish that waits. */
  proceed(): void {
    this.held = false;
    for (const finish of this.#pending.splice(0)) finish();
  }

  attach(owner: string): void {
    this.calls.push(`attach ${owner}`);
  }
  detach(): void {
    this.calls.push('detach');
  }
  async bufferSize(): Promise<number> {
    this.calls.push('bufferSize');
    return 4096;
  }
  async start({ bufferSize }: StartOptions): Promise<number> {
    this.calls.push(`start ${bufferSize}`);
    await this.#turn();
    if (this.broken) throw new TpmdevError('ERR_SCRIPTED', 'Starting was made to fail');
    return bufferSize;
  }
  async execute(request: TpmRequest): Promise<TpmResult> {
    this.calls.push(`execute ${request.command.length} at ${request.locality}`);
    await this.#turn();
    return { response: fabricateFailureResponse(), failed: false };
  }
  cancel(): void {
    this.calls.push('cancel');
  }
  async reset(): Promise<void> {
    this.calls.push('reset');
  }
  async resetEstablished(locality: Locality): Promise<void> {
    this.calls.push(`resetEstablished ${locality}`);
    await this.#turn();
    this.established = false;
  }
  migrationBlocker(): string {
    return 'scripted';
  }
  async snapshot(): Promise<BackendSnapshot> {
    return { format: 'scripted/1' };
  }
  async restore(): Promise<void> {}
  async close(): Promise<void> {
    this.calls.push('close');
  }

  #turn(): Promise<void> {
    if (!this.held) return Promise.resolve();
    return new Promise((resolve) => void this.#pending.push(resolve));
  }
}
