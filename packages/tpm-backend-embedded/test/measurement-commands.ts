import { readUint32, TPM_CC, TPM_SU, WireWriter } from 'tpm-core';
import { DIGEST_SIZE } from '../src/structures/buffers.js';
import type { Tpm } from '../src/tpm.js';
import { commandBytes, NO_PASSWORD, type PlainCommand, responseCode } from './password-command.js';

/** SHA-256 as a bank. */
export const SHA256 = 0x000b;

/** @returns the response code of a command */
export function codeOf(tpm: Tpm, command: PlainCommand, locality = 0): number {
  return responseCode(tpm.execute(commandBytes(command), locality));
}

/** TPM2_Startup. @returns its response code */
export function startUp(tpm: Tpm, startupType: number = TPM_SU.CLEAR, locality = 0): number {
  const parameters = new WireWriter().uint16(startupType).finish();
  return codeOf(tpm, { code: TPM_CC.Startup, parameters }, locality);
}

/** TPM2_Shutdown. @returns its response code */
export function shutDown(tpm: Tpm, shutdownType: number = TPM_SU.CLEAR): number {
  const parameters = new WireWriter().uint16(shutdownType).finish();
  return codeOf(tpm, { code: TPM_CC.Shutdown, parameters });
}

/** TPM2_PCR_Extend with the byte 7 as each byte of each digest. @returns its response code */
export function extend(
  tpm: Tpm,
  pcr: number,
  banks: readonly number[] = [SHA256],
  locality = 0,
): number {
  const writer = new WireWriter().uint32(banks.length);
  for (const bank of banks) {
    writer.uint16(bank).bytes(new Uint8Array(DIGEST_SIZE[bank]!).fill(7));
  }
  return codeOf(
    tpm,
    {
      code: TPM_CC.PCR_Extend,
      handles: [pcr],
      passwords: [NO_PASSWORD],
      parameters: writer.finish(),
    },
    locality,
  );
}

/** TPM2_PCR_Reset. @returns its response code */
export function resetPcr(tpm: Tpm, pcr: number, locality = 0): number {
  return codeOf(
    tpm,
    { code: TPM_CC.PCR_Reset, handles: [pcr], passwords: [NO_PASSWORD] },
    locality,
  );
}

/** TPM2_PCR_Allocate. @returns its response */
export function allocate(tpm: Tpm, banks: Readonly<Record<number, number>>): Uint8Array {
  const writer = new WireWriter().uint32(Object.keys(banks).length);
  for (const [hash, mask] of Object.entries(banks)) {
    writer
      .uint16(Number(hash))
      .uint8(3)
      .uint8(mask & 0xff);
    writer.uint8((mask >>> 8) & 0xff).uint8(mask >>> 16);
  }
  return tpm.execute(
    commandBytes({
      code: TPM_CC.PCR_Allocate,
      handles: [0x4000_000c],
      passwords: [NO_PASSWORD],
      parameters: writer.finish(),
    }),
    0,
  );
}

/** @returns the update counter, as TPM2_PCR_Read shows it */
export function updateCounter(tpm: Tpm): number {
  const parameters = new Uint8Array(4);
  return readUint32(tpm.execute(commandBytes({ code: TPM_CC.PCR_Read, parameters }), 0), 10);
}

/** @returns the value of one PCR as TPM2_PCR_Read shows it; empty when it is not in use */
export function readPcr(tpm: Tpm, pcr: number, bank: number = SHA256): Uint8Array {
  const mask = 1 << pcr;
  const writer = new WireWriter().uint32(1).uint16(bank).uint8(3);
  writer
    .uint8(mask & 0xff)
    .uint8((mask >>> 8) & 0xff)
    .uint8(mask >>> 16);
  const response = tpm.execute(
    commandBytes({ code: TPM_CC.PCR_Read, parameters: writer.finish() }),
    0,
  );
  // Counter (4), one selection (4 + 6), count (4), size of the digest (2).
  return response.slice(30);
}
