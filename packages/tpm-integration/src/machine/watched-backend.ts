import type {
  BackendDescription,
  BackendEvent,
  BackendSnapshot,
  Locality,
  StartOptions,
  TpmBackend,
  TpmRequest,
  TpmResult,
  TpmVersion,
  TraceHook,
} from 'tpm-core';

/**
 * A back end that tells the machine when the TPM-established flag is being cleared.
 *
 * QEMU: the register write that clears the flag returns when the TPM has answered. Here the write
 * returns at once, and whoever drives the machine must wait instead, to see the same.
 */
export class WatchedBackend implements TpmBackend {
  readonly #backend: TpmBackend;
  readonly #onClearing: (cleared: Promise<void>) => void;

  /**
   * @param backend what does the work
   * @param onClearing receives a promise that resolves when the flag shows the outcome
   */
  constructor(backend: TpmBackend, onClearing: (cleared: Promise<void>) => void) {
    this.#backend = backend;
    this.#onClearing = onClearing;
  }

  get kind(): string {
    return this.#backend.kind;
  }
  get tpmVersion(): TpmVersion {
    return this.#backend.tpmVersion;
  }
  get description(): BackendDescription {
    return this.#backend.description;
  }
  get established(): boolean {
    return this.#backend.established;
  }
  get onEvent(): ((event: BackendEvent) => void) | undefined {
    return this.#backend.onEvent;
  }
  set onEvent(listener: ((event: BackendEvent) => void) | undefined) {
    this.#backend.onEvent = listener;
  }
  get trace(): TraceHook | undefined {
    return this.#backend.trace;
  }
  set trace(hook: TraceHook | undefined) {
    this.#backend.trace = hook;
  }

  attach(owner: string): void {
    this.#backend.attach(owner);
  }
  detach(): void {
    this.#backend.detach();
  }
  bufferSize(): Promise<number> {
    return this.#backend.bufferSize();
  }
  start(options: StartOptions): Promise<number> {
    return this.#backend.start(options);
  }
  execute(request: TpmRequest): Promise<TpmResult> {
    return this.#backend.execute(request);
  }
  cancel(): void {
    this.#backend.cancel();
  }
  reset(): Promise<void> {
    return this.#backend.reset();
  }
  resetEstablished(locality: Locality): Promise<void> {
    const cleared = this.#backend.resetEstablished(locality);
    this.#onClearing(cleared);
    return cleared;
  }
  migrationBlocker(): string | undefined {
    return this.#backend.migrationBlocker();
  }
  snapshot(): Promise<BackendSnapshot> {
    return this.#backend.snapshot();
  }
  restore(snapshot: BackendSnapshot): Promise<void> {
    return this.#backend.restore(snapshot);
  }
  close(): Promise<void> {
    return this.#backend.close();
  }
}
