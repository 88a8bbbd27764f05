import type { TpmdevError } from './error.js';
import type { MmioRegion } from './mmio.js';

/** Outcome of a machine reset as far as the TPM is concerned. */
export type ResetOutcome =
  | { readonly started: true }
  /** The back end could not start the TPM. QEMU ends the process; a host may go on without a TPM. */
  | { readonly started: false; readonly error: TpmdevError };

/** How {@link TpmFrontEnd.reset} resets. */
export interface ResetOptions {
  /** A snapshot will be restored: the TPM is not started, the back end's `restore()` does it. */
  readonly restoring?: boolean;
}

/** Saved state of a front end: plain data and bytes. */
export interface FrontEndSnapshot {
  /** Name and version of the layout, for example `'tpm-tis/1'`. */
  readonly format: string;
}

/**
 * A TPM device as a guest sees it. It knows nothing of a bus, a CPU or time.
 *
 * The host maps {@link mmio}, calls {@link reset} once before the guest runs and again at each
 * machine reset.
 */
export interface TpmFrontEnd<Snapshot extends FrontEndSnapshot = FrontEndSnapshot> {
  /** QEMU's name of the device, for example `'tpm-tis'`. */
  readonly model: string;
  /** The registers. */
  readonly mmio: MmioRegion;
  /**
   * Machine reset. The registers have their reset values when the call returns; the promise
   * resolves when the TPM is started. Commands that the guest sends in between wait for that.
   * Never rejects.
   */
  reset(options?: ResetOptions): Promise<ResetOutcome>;
  /**
   * Gives the back end up, for good: from now on the guest sees a dead device.
   *
   * @returns a promise that resolves when another device can claim the back end; never rejects
   */
  detach(): Promise<void>;
  /** Resolves when no command and no back-end request of this device is outstanding. */
  settled(): Promise<void>;
  /** Waits for a command in flight, takes in its response, then captures the device. */
  snapshot(): Promise<Snapshot>;
  /**
   * Applies a snapshot whole.
   *
   * @throws SnapshotError when it doesn't fit; the device is unchanged then
   */
  restore(snapshot: Snapshot): void;
}
