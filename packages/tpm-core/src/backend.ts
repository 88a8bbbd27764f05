import type { TpmdevError } from './error.js';
import type { TraceHook } from './trace.js';

/** TPM family of a back end: TPM Main Specification 1.2 or TPM 2.0 Library. */
export type TpmVersion = '1.2' | '2.0';

/** Locality of a command, 0 to 4 (TCG PC Client Platform TPM Profile, section 6.2). */
export type Locality = 0 | 1 | 2 | 3 | 4;

/** Buffer size that a front end assumes when a back end can't tell its own, in bytes. */
export const DEFAULT_BUFFER_SIZE = 4096;

/** One TPM command on its way to a back end. */
export interface TpmRequest {
  /** Command bytes as the guest sent them; not necessarily well-formed. The back end owns them. */
  readonly command: Uint8Array;
  /** Locality at which the command runs, 0 to 4. */
  readonly locality: Locality;
  /** Room for the response in bytes. */
  readonly responseCapacity: number;
}

/** What a back end answers. */
export interface TpmResult {
  /**
   * A response whose size field equals its length, at least 10 bytes and at most the request's
   * `responseCapacity`.
   */
  readonly response: Uint8Array;
  /**
   * Whether the back end could not obtain a response and made one up
   * ({@link fabricateFailureResponse}). CRB shows this to the guest as a fatal error.
   */
  readonly failed: boolean;
}

/** How {@link TpmBackend.start} starts the TPM. */
export interface StartOptions {
  /** Buffer size that the front end negotiated, in bytes; 0 leaves the present one. */
  readonly bufferSize: number;
  /**
   * A state will be restored: negotiate the buffer size only. The TPM is started by
   * {@link TpmBackend.restore}.
   */
  readonly deferred?: boolean;
}

/** Saved state of a back end: plain data and bytes, to be handed back to `restore()`. */
export interface BackendSnapshot {
  /** Name and version of the layout, for example `'tpm-backend-swtpm/1'`. */
  readonly format: string;
  readonly [field: string]: unknown;
}

/** Something that happened to a back end outside the answer to a request. */
export interface BackendEvent {
  /**
   * - `'lost'`: the peer is gone; every further command is answered with a failure response
   * - `'command-failed'`: one command was answered with a failure response
   * - `'warning'`: an advisory operation (cancel, established flag) failed; nothing else changed
   */
  readonly type: 'lost' | 'command-failed' | 'warning';
  /** What happened and why. */
  readonly error: TpmdevError;
}

/** Description of a back end for people and monitors (QEMU: `query-tpm`). */
export interface BackendDescription {
  /** QEMU's name of the type: `'emulator'`, `'passthrough'` or `'embedded'`. */
  readonly type: string;
  /** Options by their QEMU names, in the order in which `info tpm` prints them. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * A TPM that executes commands: bytes in, bytes out, one command at a time.
 *
 * A back end is opened by its package's own factory, which also probes the TPM's version, and
 * serves exactly one front end. Life cycle: `attach`, then for each machine reset `bufferSize`,
 * `reset`, `start`; then `execute` any number of times; at the end `close`.
 */
export interface TpmBackend {
  /** Short name of the kind, for example `'emulator'`. */
  readonly kind: string;
  /** TPM family, fixed when the back end was opened. */
  readonly tpmVersion: TpmVersion;
  /** Type and options for monitors. */
  readonly description: BackendDescription;
  /**
   * The TPM-established flag (TCG PC Client Platform TPM Profile, TPM_ACCESS): a cached value, so
   * that a register read can show it. `false` when the peer can't tell.
   */
  readonly established: boolean;

  /**
   * Claims the back end for one front end.
   *
   * @param owner the front end's model name
   * @throws TpmdevError `ERR_BACKEND_IN_USE` when it is claimed already; the first claim stays
   */
  attach(owner: string): void;
  /** Gives up the claim of {@link attach}. */
  detach(): void;

  /** @returns the TPM's buffer size in bytes; {@link DEFAULT_BUFFER_SIZE} when it can't tell */
  bufferSize(): Promise<number>;
  /**
   * Waits for an outstanding request, then power-cycles the TPM. Rejects with a
   * {@link TpmdevError} when the TPM can't be started.
   *
   * @returns the buffer size in use, in bytes: the wanted one, or less if the TPM insists
   */
  start(options: StartOptions): Promise<number>;
  /**
   * Executes one command. Never rejects: a back end that can't answer resolves with a failure
   * response, `failed: true`, and reports the cause as an event. A second call while one is
   * outstanding is answered at once with a failure response and reported.
   */
  execute(request: TpmRequest): Promise<TpmResult>;
  /** Asks the TPM to cut the outstanding command short. Advisory; harmless when there is none. */
  cancel(): void;
  /** Ends with an empty pipeline: resolves after an outstanding request was answered. */
  reset(): Promise<void>;
  /**
   * Clears the TPM-established flag on behalf of a locality. A refusal is an event of type
   * `'warning'`.
   *
   * @returns a promise that resolves when {@link established} shows the outcome; never rejects
   */
  resetEstablished(locality: Locality): Promise<void>;

  /** @returns why the state can't be moved, or `undefined` when it can */
  migrationBlocker(): string | undefined;
  /**
   * Waits for an outstanding request, then captures the whole state. Rejects with a
   * {@link TpmdevError} when the state can't be read; the TPM goes on.
   */
  snapshot(): Promise<BackendSnapshot>;
  /**
   * Replaces the state and starts the TPM from it. Rejects with a {@link TpmdevError} when the
   * state is refused; then no half-loaded TPM runs.
   */
  restore(snapshot: BackendSnapshot): Promise<void>;

  /** Shuts the TPM down and releases everything. An outstanding request is answered first. */
  close(): Promise<void>;

  /** Receives failures that are not an answer to the caller. Set by the host. */
  onEvent: ((event: BackendEvent) => void) | undefined;
  /** Receives what is sent to and received from the TPM. Set by the host. */
  trace: TraceHook | undefined;
}
