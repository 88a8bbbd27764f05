import type { TpmVersion } from 'tpm-core';

/** PCR values by bank and index: what a guest finds in `/sys/class/tpm/tpm0/pcr-*`. */
export interface PcrBank {
  /** Hash algorithm in lower case, for example `sha256`. */
  readonly algorithm: string;
  readonly values: readonly Uint8Array[];
}

/** What a driver learns about its TPM at start. */
export interface ProbeReport {
  readonly version: TpmVersion;
  /** Names of the commands sent, in order, each with the name of the response code. */
  readonly steps: readonly string[];
  /** Manufacturer as four characters. */
  readonly manufacturer: string;
  readonly banks: readonly PcrBank[];
  readonly random: Uint8Array;
  /** The PCR that was extended, with its value in the first bank before and after. */
  readonly extended: {
    readonly index: number;
    readonly before: Uint8Array;
    readonly after: Uint8Array;
  };
}
