import { readHeader, TPM_ST, type TpmVersion } from 'tpm-core';
import { probe12 } from './probe-12.js';
import { probe20 } from './probe-20.js';
import type { GuestTransport } from './transport.js';

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

/**
 * Does what a kernel's driver does with a TPM at start, and then extends one PCR: startup, self
 * test, capabilities, random bytes, all PCRs of all banks.
 *
 * @param transport a driver that holds its locality
 * @throws GuestDriverError when the TPM refuses one of these commands
 */
export async function probeTpm(transport: GuestTransport): Promise<ProbeReport> {
  // A TPM 2.0 answers a TPM 2.0 command with its own tag, whatever the outcome is.
  const ask = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81);
  const header = readHeader(await transport.transmit(ask));
  return header?.tag === TPM_ST.NO_SESSIONS ? probe20(transport) : probe12(transport);
}
