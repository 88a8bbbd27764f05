import {
  type AccessWidth,
  BackendLink,
  type MmioRegion,
  type ResetOptions,
  type ResetOutcome,
  SnapshotError,
  type TpmBackend,
  type TpmdevError,
  type TpmFrontEnd,
  type TpmResult,
  type TraceHook,
} from 'tpm-core';
import { CrbCore, type CrbPort } from './crb-core.js';
import { CrbError } from './error.js';
import { readRegister, writeRegister } from './register-map.js';
import {
  CRB_BASE_ADDRESS,
  CRB_DATA_BUFFER_OFFSET,
  CRB_REGION_SIZE,
  CTRL_REQ,
  CTRL_START,
} from './registers.js';
import {
  applyState,
  CRB_SNAPSHOT_FORMAT,
  type CrbConfiguration,
  type CrbSnapshot,
  type CrbVariant,
  captureState,
  checkSnapshot,
} from './snapshot.js';

/** What a {@link CrbDevice} is made of. */
export interface CrbDeviceOptions {
  /** The TPM. Serves this device only, until {@link CrbDevice.detach}. A TPM 2.0 for `sysbus`. */
  readonly backend: TpmBackend;
  /** Default `pc`. */
  readonly variant?: CrbVariant;
  /**
   * Where the page is mapped: a guest-physical address, a multiple of 4096; default 0xFED40000,
   * as on a PC.
   */
  readonly baseAddress?: number;
  /**
   * Where the guest finds the control area (ACPI table `TPM2`), 0x40 behind a page address; default
   * `baseAddress` + 0x40. The address registers point 0x40 behind it. For a host whose guest sees
   * the page at another address than the bus.
   */
  readonly controlAreaAddress?: number;
  /**
   * Whether commands and responses can be longer than the data buffer (PTP, capCRBChunk); default
   * false, as in QEMU 7.2.
   */
  readonly chunking?: boolean;
  /** Receives accesses, commands, and changes of state and owner. */
  readonly trace?: TraceHook;
  /** Receives `ERR_BACKEND_CONTRACT`: the back end threw, rejected or answered nonsense. */
  readonly onError?: (error: TpmdevError) => void;
}

function checkedPage(address: number): number {
  if (Number.isSafeInteger(address) && address >= 0 && address % CRB_REGION_SIZE === 0) {
    return address;
  }
  throw new CrbError(
    'ERR_CRB_BASE_ADDRESS',
    `Page address ${address} can't be used; use a multiple of ${CRB_REGION_SIZE} below 2^53`,
  );
}

/**
 * A TPM behind the memory-mapped Command Response Buffer interface of the PC Client Platform TPM
 * Profile, register for register as QEMU's `tpm-crb` shows it: one locality, one buffer for command
 * and response, no interrupt.
 *
 * @example
 * const tpm = new CrbDevice({ backend });
 * bus.map(CRB_BASE_ADDRESS, tpm.mmio);
 * await tpm.reset();
 */
export class CrbDevice implements TpmFrontEnd<CrbSnapshot> {
  /** QEMU's name: `tpm-crb` for the PC, `tpm-crb-device` for the system bus. */
  readonly model: 'tpm-crb' | 'tpm-crb-device';
  /** One page: the registers, and from 0x80 on the data buffer. */
  readonly mmio: MmioRegion;
  readonly #variant: CrbVariant;
  readonly #backend: TpmBackend;
  readonly #core: CrbCore;
  readonly #link: BackendLink;
  readonly #data: DataView;
  /** After a failed start all registers read as zero and no write has an effect. */
  #isDead = false;
  #isRestarting = false;
  /** The data buffer at a reset whose answer is still to come, unless the guest used it since. */
  #abandonedBuffer: Uint8Array | undefined;
  #detached: Promise<void> | undefined;

  /**
   * Claims the back end. The guest must not run before {@link reset} was called.
   *
   * @throws CrbError `ERR_CRB_BASE_ADDRESS`, `ERR_CRB_TPM_VERSION`
   * @throws TpmdevError `ERR_BACKEND_IN_USE`
   */
  constructor(options: CrbDeviceOptions) {
    const { backend, variant = 'pc', baseAddress = CRB_BASE_ADDRESS, trace } = options;
    const { controlAreaAddress = checkedPage(baseAddress) + CTRL_REQ.offset } = options;
    const address = checkedPage(controlAreaAddress - CTRL_REQ.offset);
    this.model = variant === 'pc' ? 'tpm-crb' : 'tpm-crb-device';
    if (variant === 'sysbus' && backend.tpmVersion !== '2.0') {
      throw new CrbError(
        'ERR_CRB_TPM_VERSION',
        `${this.model} can't use a TPM ${backend.tpmVersion}; give it a TPM 2.0`,
      );
    }
    backend.attach(this.model);
    this.#variant = variant;
    this.#backend = backend;
    this.#core = new CrbCore(address, options.chunking === true, this.#port(), trace);
    this.#data = new DataView(this.#core.dataBuffer.buffer);
    this.#link = this.#connect(options.onError);
    this.mmio = {
      size: CRB_REGION_SIZE,
      read: (offset, width) => this.#read(offset, width),
      write: (offset, width, value) => this.#write(offset, width, value),
    };
  }

  /**
   * The 3968 bytes at 0x80 of the page. Plain memory: a host may map it as RAM, and clears it where
   * it clears all memory.
   */
  get dataBuffer(): Uint8Array {
    return this.#core.dataBuffer;
  }

  /** What a snapshot has to agree with; the buffer size is the negotiated one. */
  get configuration(): CrbConfiguration {
    return {
      tpmVersion: this.#backend.tpmVersion,
      bufferSize: this.#core.bufferSize,
      chunking: this.#core.chunking,
      variant: this.#variant,
      baseAddress: this.#core.baseAddress,
    };
  }

  /**
   * Machine reset. The data buffer stays. A command in flight is forgotten, but its answer still
   * gets into the data buffer unless it was changed, or CTRL_START written, in the meantime. A reset during another one follows it.
   *
   * QEMU: the reset blocks until the answer is in the data buffer.
   */
  reset(options: ResetOptions = {}): Promise<ResetOutcome> {
    if (this.#detached !== undefined) {
      const message = `Resetting ${this.model} failed: it is detached; make a new device`;
      return Promise.resolve({ started: false, error: new CrbError('ERR_CRB_DETACHED', message) });
    }
    // During a restart a command in flight waits for its end, so it has no answer.
    if (!this.#isRestarting) {
      this.#abandonedBuffer = this.#link.inFlight ? this.#core.dataBuffer.slice() : undefined;
    }
    this.#isDead = false;
    this.#isRestarting = true;
    this.#link.abandon();
    this.#core.reset();
    return this.#link.restart(options.restoring === true);
  }

  /** Resolves when no command and no reset is outstanding. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#link.whenIdle(resolve));
  }

  /**
   * Captures the device at the moment at which nothing is outstanding.
   *
   * QEMU: saves the data buffer before it waits for the answer, which is lost then.
   */
  snapshot(): Promise<CrbSnapshot> {
    return new Promise((resolve) => this.#link.whenIdle(() => resolve(this.#capture())));
  }

  /**
   * Applies a snapshot whole.
   *
   * @throws SnapshotError when it doesn't fit, or while something is outstanding: await
   *   `reset({ restoring: true })` before; the device is unchanged then
   */
  restore(snapshot: CrbSnapshot): void {
    if (!this.#link.isIdle) {
      throw new SnapshotError(
        `Restoring ${this.model} while it waits for its back end: await reset({ restoring: true }) first`,
      );
    }
    checkSnapshot(snapshot, this.configuration);
    this.#abandonedBuffer = undefined;
    applyState(this.#core, snapshot);
  }

  /**
   * Gives the back end up, for good: from now on registers read as zero and writes to them have no
   * effect.
   *
   * @returns a promise that resolves when another device can claim the back end; never rejects
   */
  detach(): Promise<void> {
    this.#isDead = true;
    this.#abandonedBuffer = undefined;
    this.#detached ??= this.#link.release();
    return this.#detached;
  }

  #read(offset: number, width: AccessWidth): number {
    const value = this.#peek(offset, width);
    this.#core.trace?.({ type: 'register-read', offset, width, value });
    return value;
  }

  #peek(offset: number, width: AccessWidth): number {
    if (offset < CRB_DATA_BUFFER_OFFSET) {
      return this.#isDead ? 0 : readRegister(this.#core, offset, width);
    }
    if (offset + width > CRB_REGION_SIZE) return 0;
    const at = offset - CRB_DATA_BUFFER_OFFSET;
    if (width === 4) return this.#data.getUint32(at, true);
    return width === 2 ? this.#data.getUint16(at, true) : this.#data.getUint8(at);
  }

  #write(offset: number, width: AccessWidth, value: number): void {
    this.#core.trace?.({ type: 'register-write', offset, width, value });
    if (offset >= CRB_DATA_BUFFER_OFFSET || offset === CTRL_START.offset) {
      this.#abandonedBuffer = undefined;
    }
    if (offset < CRB_DATA_BUFFER_OFFSET) {
      if (!this.#isDead) writeRegister(this.#core, offset, width, value);
      return;
    }
    if (offset + width > CRB_REGION_SIZE) return;
    const at = offset - CRB_DATA_BUFFER_OFFSET;
    if (width === 4) this.#data.setUint32(at, value, true);
    else if (width === 2) this.#data.setUint16(at, value, true);
    else this.#data.setUint8(at, value);
  }

  #capture(): CrbSnapshot {
    return {
      format: CRB_SNAPSHOT_FORMAT,
      configuration: this.configuration,
      ...captureState(this.#core),
    };
  }

  /** From the registers to the back end. */
  #port(): CrbPort {
    return {
      established: () => this.#backend.established,
      send: (command) => this.#link.submit(command, 0),
      cancel: () => this.#link.cancel(),
    };
  }

  /** From the back end to the registers. */
  #connect(onError: CrbDeviceOptions['onError']): BackendLink {
    const core = this.#core;
    return new BackendLink(
      this.#backend,
      {
        get bufferSize(): number {
          return core.bufferSize;
        },
        answered: (result) => core.answer(result),
        abandonedAnswered: (result) => this.#deliverAbandoned(result),
        started: (bufferSize) => {
          this.#isRestarting = false;
          core.bufferSize = bufferSize;
        },
        startFailed: () => this.#die(),
        report: (error) => onError?.(error),
      },
      { bufferLimit: core.bufferLimit, asksSizeFirst: false },
    );
  }

  /** The comparison finds what was written past the registers: a host may map the buffer as RAM. */
  #deliverAbandoned(result: TpmResult): void {
    const before = this.#abandonedBuffer;
    this.#abandonedBuffer = undefined;
    const { dataBuffer } = this.#core;
    if (before?.every((byte, index) => byte === dataBuffer[index]) !== true) return;
    this.#core.deliver(result);
    // The reset emptied what is behind the data buffer.
    this.#core.chunks?.clear();
  }

  /** The TPM doesn't run. A command that waited for it will never be answered. */
  #die(): void {
    this.#isRestarting = false;
    this.#isDead = true;
    this.#link.abandon();
    this.#core.reset();
  }
}
