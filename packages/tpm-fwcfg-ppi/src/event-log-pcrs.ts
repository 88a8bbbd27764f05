import {
  HEADER_OFFSET,
  HEADER_SIZE,
  readUint32,
  TPM_CC,
  TPM_ORD,
  TPM_ST,
  TPM_TAG,
  TpmdevError,
  type TpmVersion,
  WireReader,
  WireWriter,
} from 'tpm-core';
import { FirmwareInterfaceError } from './error.js';
import { HASH_ALGORITHM, hashAlgorithmName, PCR_COUNT } from './event-log-format.js';
import type { PcrBanks } from './event-log-replay.js';

/** Bytes of a bitmap of 24 PCRs. */
const SELECT_SIZE = PCR_COUNT / 8;
const COMMAND_CAPACITY = 32;
const SHA1_SIZE = 20;

/** Has a TPM execute a command. @returns its response */
export type ExecuteCommand = (command: Uint8Array) => Promise<Uint8Array>;

function finish(writer: WireWriter): Uint8Array {
  return writer.patchUint32(HEADER_OFFSET.size, writer.length).finish();
}

/** TPM2_PCR_Read of one PCR. */
function pcrRead20(algorithm: number, pcr: number): Uint8Array {
  const bitmap = new Uint8Array(SELECT_SIZE);
  bitmap[pcr >>> 3] = 1 << (pcr & 7);
  const writer = new WireWriter(COMMAND_CAPACITY)
    .uint16(TPM_ST.NO_SESSIONS)
    .uint32(0)
    .uint32(TPM_CC.PCR_Read);
  return finish(writer.uint32(1).uint16(algorithm).uint8(SELECT_SIZE).bytes(bitmap));
}

/** TPM_PCRRead. */
function pcrRead12(pcr: number): Uint8Array {
  const writer = new WireWriter(COMMAND_CAPACITY)
    .uint16(TPM_TAG.RQU_COMMAND)
    .uint32(0)
    .uint32(TPM_ORD.PCRRead);
  return finish(writer.uint32(pcr));
}

/** @returns the digest of a TPM2_PCR_Read of one PCR; `undefined` when the bank has no such PCR */
function digestOf20(body: Uint8Array): Uint8Array | undefined {
  const reader = new WireReader(body);
  reader.uint32(); // update counter
  for (let left = reader.uint32(); left > 0; left--) {
    reader.uint16();
    reader.bytes(reader.uint8());
  }
  if (reader.uint32() === 0) return undefined;
  return reader.bytes(reader.uint16()).slice();
}

/** One PCR. */
async function readPcr(
  execute: ExecuteCommand,
  tpmVersion: TpmVersion,
  algorithm: number,
  pcr: number,
): Promise<Uint8Array | undefined> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new FirmwareInterfaceError(
      'ERR_EVENT_LOG',
      `Reading PCR ${pcr} of bank ${hashAlgorithmName(algorithm)} failed: ${problem}; check that the TPM is started`,
      { cause },
    );
  };
  const response = await execute(tpmVersion === '2.0' ? pcrRead20(algorithm, pcr) : pcrRead12(pcr));
  const code = readUint32(response, HEADER_OFFSET.code);
  if (response.length < HEADER_SIZE) return fail(`the TPM answered ${response.length} bytes`);
  // A number: the table of names would be half of this module.
  if (code !== 0) return fail(`the TPM answered response code 0x${code.toString(16)}`);
  const body = response.subarray(HEADER_SIZE);
  try {
    if (tpmVersion === '2.0') return digestOf20(body);
    return new WireReader(body).bytes(SHA1_SIZE).slice();
  } catch (error) {
    if (TpmdevError.isInstance(error)) return fail('its answer is cut short', error);
    throw error;
  }
}

/**
 * Reads the PCRs of a TPM, for {@link compareEventLog}.
 *
 * @param execute sends a command to the TPM, through whatever it is reached
 * @param tpmVersion its family; a TPM 1.2 has the bank SHA-1 only
 * @param algorithms TPM_ALG_ID of the banks to read
 * @returns the banks that the TPM has, with the PCRs that they have
 * @throws FirmwareInterfaceError `ERR_EVENT_LOG` when the TPM refuses or answers nonsense
 */
export async function readPcrs(
  execute: ExecuteCommand,
  tpmVersion: TpmVersion,
  algorithms: readonly number[],
): Promise<PcrBanks> {
  const banks = new Map<number, ReadonlyMap<number, Uint8Array>>();
  for (const algorithm of algorithms) {
    if (tpmVersion === '1.2' && algorithm !== HASH_ALGORITHM['SHA-1']) continue;
    const pcrs = new Map<number, Uint8Array>();
    for (let pcr = 0; pcr < PCR_COUNT; pcr++) {
      const value = await readPcr(execute, tpmVersion, algorithm, pcr);
      if (value !== undefined) pcrs.set(pcr, value);
    }
    if (pcrs.size > 0) banks.set(algorithm, pcrs);
  }
  return banks;
}
