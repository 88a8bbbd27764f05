import {
  type Clock,
  type RandomSource,
  TPM_RC,
  TPM_RC_WARNING,
  TPM_ST,
  WireWriter,
} from 'tpm-core';
import { advanceTime } from './clock.js';
import type { CommandContext } from './command-context.js';
import { RandomGenerator } from './crypto/random-generator.js';
import { hashData, hashEnd, hashStart } from './hash-sequence-signals.js';
import { DEFAULT_IDENTITY, type TpmIdentity } from './identity.js';
import { manufacture, newClearState, newResetState, newVolatileState } from './manufacture.js';
import { PrimaryCache } from './objects/primary-objects.js';
import { processCommand } from './process-command.js';
import type { ResponseCode } from './response-code.js';
import type { PermanentState } from './state/permanent-state.js';
import type { ClearState, ResetState } from './state/saved-state.js';
import type { VolatileState } from './state/volatile-state.js';
import { HASHES } from './structures/algorithms.js';
import { LIMIT } from './structures/limits.js';

/** What a TPM is made of and what it gets from its host. */
export interface TpmOptions {
  /** Milliseconds for clock, timers and sessions. */
  readonly clock: Clock;
  /** Seeds and random numbers. With a fixed source and clock a run repeats bit for bit. */
  readonly random: RandomSource;
  /** Strings and versions that GetCapability shows. */
  readonly identity?: Partial<TpmIdentity>;
  /** Transient object slots, 3 to 64; 3 unless given (TPM_PT_HR_TRANSIENT_MIN). */
  readonly transientSlots?: number;
  /** Hashes whose PCR banks a new TPM allocates; all implemented ones unless given. */
  readonly pcrBanks?: readonly number[];
}

/** State that a Shutdown(STATE) kept. */
export interface SavedState {
  readonly reset: ResetState;
  readonly clear: ClearState;
}

/** A TPM's whole state. */
export interface TpmState {
  permanent: PermanentState;
  /** Valid while `permanent.orderly` is STATE. */
  saved: SavedState | undefined;
  reset: ResetState;
  clear: ClearState;
  volatile: VolatileState;
}

/**
 * One TPM 2.0: bytes in, bytes out, synchronous. It shares nothing with other instances, and knows
 * neither a bus nor a store; `tpm-backend-embedded`'s `EmbeddedBackend` gives it both.
 */
export class Tpm {
  readonly clock: Clock;
  readonly entropy: RandomSource;
  readonly identity: TpmIdentity;
  readonly transientSlots: number;
  readonly pcrBanks: readonly number[];
  /** The TPM's own generator (Part 1, section 11.4.10.2). */
  random: RandomGenerator;
  state: TpmState;
  /** Primary objects that can be made again from their seeds, and so are no part of `state`. */
  readonly primaries: PrimaryCache = new PrimaryCache();
  /** Whether `state.permanent` or `state.saved` differ from what was last taken for the store. */
  permanentChanged = true;
  /** Command and response size that the front end negotiated, in bytes; GetCapability shows it. */
  bufferSize: number = LIMIT.COMMAND_SIZE;
  /** Locality of the command in progress, 0 to 4. */
  locality = 0;
  /** Asked to end a long command between two of its steps. */
  cancelRequested = false;
  /** The command in progress; undefined between commands. */
  context: CommandContext | undefined;
  /** Why the TPM is in failure mode (Part 1, section 12.5); undefined when it is not. */
  failure: unknown;
  /** The clock's reading up to which `time` and `clock` were counted, in milliseconds. */
  countedUntil: number;

  constructor(options: TpmOptions, state?: TpmState) {
    this.clock = options.clock;
    this.entropy = options.random;
    this.identity = { ...DEFAULT_IDENTITY, ...options.identity };
    this.transientSlots = options.transientSlots ?? 3;
    this.pcrBanks = options.pcrBanks ?? HASHES;
    this.random = RandomGenerator.seeded(options.random);
    this.countedUntil = options.clock.now();
    this.state = state ?? manufacture(this);
  }

  /**
   * _TPM_Init: power-on or a reset signal. What isn't permanent or saved is gone; the next command
   * has to be TPM2_Startup.
   */
  initialize(): void {
    this.state.reset = newResetState(this);
    this.state.clear = newClearState();
    this.state.volatile = newVolatileState(this, this.state.permanent.clock);
    this.failure = undefined;
    this.cancelRequested = false;
    this.context = undefined;
    this.countedUntil = this.clock.now();
  }

  /** _TPM_Hash_Start: begins an H-CRTM sequence before Startup, a DRTM sequence after it. */
  hashStart(): void {
    hashStart(this);
  }

  /** _TPM_Hash_Data: more bytes of the sequence; ignored without one. */
  hashData(bytes: Uint8Array): void {
    hashData(this, bytes);
  }

  /** _TPM_Hash_End: PCR 0 or PCR 17 gets the digest; ignored without a sequence. */
  hashEnd(): void {
    hashEnd(this);
  }

  /**
   * Runs a command in steps, so that the caller can let others run, or cancel it, in between.
   *
   * @param command bytes as the guest sent them, of any length and content
   * @param locality 0 to 4
   * @returns a generator whose result is a well-formed response of at most 4096 bytes
   */
  *process(command: Uint8Array, locality: number): Generator<void, Uint8Array, void> {
    this.locality = locality;
    this.cancelRequested = false;
    this.state.volatile.hashSequence = undefined;
    try {
      advanceTime(this);
      const steps = processCommand(this, command);
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
        yield;
        if (this.cancelRequested) {
          steps.return(new Uint8Array(0));
          return errorResponse(TPM_RC_WARNING.CANCELED);
        }
      }
    } catch (error) {
      this.failure = error;
      return errorResponse(TPM_RC.FAILURE);
    } finally {
      this.context = undefined;
    }
  }

  /** Runs a command to its end. */
  execute(command: Uint8Array, locality: number): Uint8Array {
    const steps = this.process(command, locality);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }
}

/** @returns a response without parameters that carries an error code (Part 1, section 18.4) */
export function errorResponse(code: ResponseCode): Uint8Array {
  return new WireWriter(10).uint16(TPM_ST.NO_SESSIONS).uint32(10).uint32(code).finish();
}
