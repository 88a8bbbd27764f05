import type {
  PpiMemory,
  PpiRequest,
  ResetOutcome,
  TpmBackend,
  TpmdevError,
  TpmFrontEnd,
  TraceHook,
} from 'tpm-integration/assembly';

/** How a TPM is attached. */
export interface AttachTpmOptions {
  /** QEMU's name of the device. */
  readonly model: 'tpm-tis' | 'tpm-crb';
  /** An open back end that no other device uses. The host closes it after {@link TpmAttachment.detach}. */
  readonly backend: TpmBackend;
  /**
   * Receives every failure: one of the attachment itself, of the back end, of a callback.
   * What it throws is thrown outside of v86.
   */
  readonly onError: (error: TpmdevError) => void;
  /**
   * How firmware learns of the TPM: `'overlay'` adds tables to those that SeaBIOS makes (default),
   * `'fw-cfg'` replaces v86's fw_cfg device by one with DMA and complete tables.
   */
  readonly tables?: 'overlay' | 'fw-cfg' | undefined;
  /**
   * Where the event log is with overlay tables: in the device's own block (`'mmio'`, default) or at
   * the top of guest memory (`'ram'`). With `'fw-cfg'`, firmware chooses a place in guest memory.
   */
  readonly eventLog?: 'mmio' | 'ram' | undefined;
  /** Whether there is a physical presence interface; default `true`. */
  readonly ppi?: boolean | undefined;
  /**
   * Asks a physically present person about a request that the guest left in PPI memory. Without it
   * nobody is present, and a request that needs a confirmation ends with "user abort".
   */
  readonly confirm?: ((request: PpiRequest) => boolean | Promise<boolean>) | undefined;
  /** Further fw_cfg files by name, such as `etc/show-boot-menu`; names have at most 55 characters. */
  readonly files?: ReadonlyMap<string, Uint8Array> | undefined;
  /**
   * ISA interrupt of `tpm-tis`: 3, 5, 7, 10 or 11. Default 5, as QEMU. ACPI doesn't tell of it, also
   * as QEMU: Linux polls.
   */
  readonly irq?: number | undefined;
  /** Receives what the device does. */
  readonly trace?: TraceHook | undefined;
}

/** A TPM in a v86 machine. */
export interface TpmAttachment {
  /**
   * Resolves when the TPM is in the machine and started; the guest runs from then on, and v86 has sent
   * `emulator-loaded`. Rejects with a
   * TpmdevError when that failed; the guest doesn't run then.
   */
  readonly ready: Promise<void>;
  /** The device. */
  readonly frontEnd: TpmFrontEnd;
  /** Memory of the physical presence interface, if there is one. */
  readonly ppi: PpiMemory | undefined;
  /**
   * Restarts the TPM as a machine reset does. Not needed for the resets of the machine itself, which
   * the attachment sees: firmware doesn't run, so nothing is measured. Never rejects.
   */
  reset(): Promise<ResetOutcome>;
  /**
   * Resolves when no start, restore or save is under way: after `restore_state()`, when the TPM is
   * restored too. Rejects with a TpmdevError when the last start or restore failed.
   */
  settled(): Promise<void>;
  /** @returns a copy of the event log's memory; `undefined` when firmware gave it no place yet */
  eventLog(): Uint8Array | undefined;
  /**
   * Saves the machine with its TPM, for `restore_state()` or `initial_state` of a machine with a TPM
   * that is attached in the same way. The guest stands still meanwhile. Use this in the place of
   * `save_state()`, which can't wait for a TPM and therefore refuses.
   *
   * Rejects with a TpmdevError when the TPM's state can't be had; the machine goes on.
   */
  saveState(): Promise<ArrayBuffer>;
  /**
   * Takes the back end away, for good: the guest sees a dead device, and can't be saved any more.
   *
   * @returns a promise that resolves when the back end can be closed or used again; never rejects
   */
  detach(): Promise<void>;
}
