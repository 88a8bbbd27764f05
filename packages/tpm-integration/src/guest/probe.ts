import { readHeader, TPM_ST } from 'tpm-core';
import { probe12 } from './probe-12.js';
import { probe20 } from './probe-20.js';
import type { ProbeReport } from './probe-report.js';
import type { GuestTransport } from './transport.js';

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
