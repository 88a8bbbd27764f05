import {
  type AccessWidth,
  BackendLink,
  fabricateFailureResponse,
  type IrqLine,
  type MmioRegion,
  type ResetOptions,
  type ResetOutcome,
  SnapshotError,
  type TpmBackend,
  type TpmdevError,
  type TpmFrontEnd,
  type TraceHook,
} from 'tpm-core';
import { dumpForDebugging, type TisDebugDump } from './debug-dump.js';
import { TisError } from './error.js';
import type { LocalityRegisters } from './locality.js';
import { readRegion, writeRegion } from './register-map.js';
import { TIS_BUFFER_SIZE, TIS_DEFAULT_IRQ, TIS_REGION_SIZE } from './registers.js';
import {
  applyState,
  captureState,
  checkSnapshot,
  TIS_SNAPSHOT_FORMAT,
  type TisConfiguration,
  type TisSnapshot,
  type TisVariant,
} from './snapshot.js';
import { TisCore, type TisPort } from './tis-core.js';

/** What a {@link TisDevice} is made of. */
export interface TisDeviceOptions {
  /** The TPM. Serves this device only, until {@link TisDevice.detach}. */
  readonly backend: TpmBackend;
  /** Interrupt line. `set()` must not call back into the device. Without it the guest polls. */
  readonly irq?: IrqLine;
  /**
   * What TPM_INT_VECTOR shows, default 5: the ISA interrupt 0 to 15, or for `sysbus` any unsigned
   * 32-bit number.
   */
  readonly irqNumber?: number;
  /** Default `isa`. */
  readonly variant?: TisVariant;
  /** Receives register accesses, commands, and changes of state and owner. */
  readonly trace?: TraceHook;
  /**
   * Receives what went wrong out of the guest's sight: `ERR_TIS_REQUEST_LOST`, when a guest sent a
   * second command while one was running, and `ERR_BACKEND_CONTRACT`, when the back end threw,
   * rejected or answered nonsense.
   */
  readonly onError?: (error: TpmdevError) => void;
  /** Receives a dump of the device when the guest reads the vendor-specific debug register. */
  readonly onDebugDump?: (dump: TisDebugDump) => void;
}

function checkedIrqNumber(number: number, variant: TisVariant): number {
  const last = variant === 'isa' ? 15 : 0xffff_ffff;
  if (Number.isInteger(number) && number >= 0 && number <= last) return number;
  throw new TisError('ERR_TIS_IRQ', `IRQ ${number} is outside valid range of 0 to ${last}`);
}

/**
 * A TPM behind the memory-mapped FIFO interface of TIS 1.3 and PTP, register for register as QEMU's
 * `tpm-tis` and `tpm-tis-device` show it.
 *
 * Five localities share one command buffer and one back end that runs one command at a time. A
 * guest that makes a second locality execute while a command runs loses that second command, and
 * gets the running one's answer there; the first locality stays in Execution until the next reset.
 *
 * @example
 * const tpm = new TisDevice({ backend, irq: { set: (level) => pic.setLine(5, level) } });
 * bus.map(TIS_BASE_ADDRESS, tpm.mmio);
 * await tpm.reset();
 */
export class TisDevice implements TpmFrontEnd<TisSnapshot> {
  /** QEMU's name: `tpm-tis` for ISA, `tpm-tis-device` for the system bus. */
  readonly model: 'tpm-tis' | 'tpm-tis-device';
  /** The registers of the five localities, 0x5000 bytes. */
  readonly mmio: MmioRegion;
  readonly #variant: TisVariant;
  readonly #backend: TpmBackend;
  readonly #core: TisCore;
  readonly #link: BackendLink;
  readonly #onError: ((error: TpmdevError) => void) | undefined;
  readonly #onDebugRead: ((locality: LocalityRegisters) => void) | undefined;
  /** QEMU: after a failed start all registers read as zero and no write has an effect. */
  #isDead = false;
  #detached: Promise<void> | undefined;

  /**
   * Claims the back end. The guest must not run before {@link reset} was called.
   *
   * @throws TisError `ERR_TIS_IRQ`
   * @throws TpmdevError `ERR_BACKEND_IN_USE`
   */
  constructor(options: TisDeviceOptions) {
    const { backend, irq, irqNumber = TIS_DEFAULT_IRQ, variant = 'isa', trace } = options;
    const vector = checkedIrqNumber(irqNumber, variant);
    this.model = variant === 'isa' ? 'tpm-tis' : 'tpm-tis-device';
    backend.attach(this.model);
    this.#variant = variant;
    this.#backend = backend;
    this.#onError = options.onError;
    this.#core = new TisCore(backend.tpmVersion, vector, this.#port(), irq, trace);
    this.#link = this.#connect();
    const { onDebugDump } = options;
    this.#onDebugRead =
      onDebugDump && ((locality) => onDebugDump(dumpForDebugging(this.#core, locality)));
    this.mmio = {
      size: TIS_REGION_SIZE,
      read: (offset, width) => this.#read(offset, width),
      write: (offset, width, value) => this.#write(offset, width, value),
    };
  }

  /** What a snapshot has to agree with; the buffer size is the negotiated one. */
  get configuration(): TisConfiguration {
    return {
      tpmVersion: this.#core.tpmVersion,
      bufferSize: this.#core.fifo.size,
      irqNumber: this.#core.interruptVector,
      variant: this.#variant,
    };
  }

  /**
   * Machine reset. A command in flight ends at once with a failure response, and its real answer
   * is dropped. A reset during another one follows it.
   *
   * QEMU: the interrupt line keeps its level.
   */
  reset(options: ResetOptions = {}): Promise<ResetOutcome> {
    if (this.#detached !== undefined) {
      const message = `Resetting ${this.model} failed: it is detached; make a new device`;
      return Promise.resolve({ started: false, error: new TisError('ERR_TIS_DETACHED', message) });
    }
    this.#isDead = false;
    if (this.#link.inFlight) this.#core.answer(fabricateFailureResponse(), false);
    this.#link.abandon();
    this.#core.reset();
    return this.#link.restart(options.restoring === true);
  }

  /** Resolves when no command, no reset and no clearing of the established flag is outstanding. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#link.whenIdle(resolve));
  }

  /** Captures the device at the moment at which nothing is outstanding. */
  snapshot(): Promise<TisSnapshot> {
    return new Promise((resolve) => this.#link.whenIdle(() => resolve(this.#capture())));
  }

  /**
   * Applies a snapshot whole and drives the interrupt line to the saved level.
   *
   * @throws SnapshotError when it doesn't fit, or while something is outstanding: await
   *   `reset({ restoring: true })` before; the device is unchanged then
   */
  restore(snapshot: TisSnapshot): void {
    if (!this.#link.isIdle) {
      throw new SnapshotError(
        `Restoring ${this.model} while it waits for its back end: await reset({ restoring: true }) first`,
      );
    }
    checkSnapshot(snapshot, this.configuration);
    applyState(this.#core, snapshot);
    this.#core.driveLine(snapshot.lineAsserted);
  }

  /**
   * Gives the back end up, for good: from now on registers read as zero and writes have no effect.
   *
   * @returns a promise that resolves when another device can claim the back end; never rejects
   */
  detach(): Promise<void> {
    this.#isDead = true;
    this.#detached ??= this.#link.release();
    return this.#detached;
  }

  #read(offset: number, width: AccessWidth): number {
    const value = this.#isDead ? 0 : readRegion(this.#core, offset, width, this.#onDebugRead);
    this.#core.trace?.({ type: 'register-read', offset, width, value });
    return value;
  }

  #write(offset: number, width: AccessWidth, value: number): void {
    this.#core.trace?.({ type: 'register-write', offset, width, value });
    if (!this.#isDead) writeRegion(this.#core, offset, width, value);
  }

  #capture(): TisSnapshot {
    return {
      format: TIS_SNAPSHOT_FORMAT,
      configuration: this.configuration,
      ...captureState(this.#core),
      lineAsserted: this.#core.lineAsserted,
    };
  }

  /** From the registers to the back end. */
  #port(): TisPort {
    const device = this;
    return {
      get established(): boolean {
        return device.#backend.established;
      },
      send: (locality) => this.#send(locality),
      cancel: () => this.#link.cancel(),
      resetEstablished: (locality) => this.#link.clearEstablished(locality.number),
    };
  }

  #send(locality: LocalityRegisters): void {
    const bytes = this.#core.fifo.command();
    if (this.#link.submit(bytes, locality.number)) {
      this.#core.trace?.({ type: 'command', locality: locality.number, bytes });
      return;
    }
    this.#onError?.(
      new TisError(
        'ERR_TIS_REQUEST_LOST',
        `Command of locality ${locality.number} is lost: the guest sent it while another one was running`,
      ),
    );
  }

  /** From the back end to the registers. */
  #connect(): BackendLink {
    const core = this.#core;
    const onError = this.#onError;
    return new BackendLink(
      this.#backend,
      {
        get bufferSize(): number {
          return core.fifo.size;
        },
        answered: ({ response }, selfTestDone) => core.answer(response, selfTestDone),
        started: (bufferSize) => core.fifo.resize(bufferSize),
        startFailed: () => this.#die(),
        report: (error) => onError?.(error),
      },
      { bufferLimit: TIS_BUFFER_SIZE, asksSizeFirst: true },
    );
  }

  /** The TPM doesn't run. A command that waited for it will never be answered. */
  #die(): void {
    this.#isDead = true;
    this.#link.abandon();
    this.#core.reset();
  }
}
