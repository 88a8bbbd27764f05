import { TPM_CC, TPM_RC, TPM_ST, TPM_SU, WireError, WireReader, type WireWriter } from 'tpm-core';
import { PPI_OPERATION, PPI_RESULT } from './ppi-layout.js';
import type { PpiSession, TpmReply } from './ppi-session.js';

/** Handles (TPM 2.0 Library, Part 2, section 7.4, TPM_RH). */
const TPM_RH = { password: 0x4000_0009, platform: 0x4000_000c } as const;
/** Capability (Part 2, section 6.12, TPM_CAP): allocation of the PCR banks. */
const TPM_CAP_PCRS = 5;
const NO = 0;
/** Bounds of what a TPM may report; real ones have up to 5 banks of 3 bytes. */
const BANK_LIMIT = 16;
const SELECT_SIZE_LIMIT = 8;
/** Size of the authorization area: handle (4), nonce size (2), attributes (1), password size (2). */
const EMPTY_PASSWORD_SIZE = 9;

/**
 * Bits of the parameter of "set PCR banks", by hash algorithm (TCG EFI Protocol Specification,
 * EFI_TCG2_EVENT_ALGORITHM_BITMAP, and TCG Algorithm Registry).
 */
export const PCR_BANK_BIT: ReadonlyMap<number, number> = new Map([
  [0x0004, 0x01], // SHA-1
  [0x000b, 0x02], // SHA-256
  [0x000c, 0x04], // SHA-384
  [0x000d, 0x08], // SHA-512
  [0x0012, 0x10], // SM3-256
]);

/** One bank of TPM2_GetCapability(TPM_CAP_PCRS). */
interface PcrBank {
  readonly algorithm: number;
  /** Bytes of the bitmap of PCRs. */
  readonly selectSize: number;
}

/** A command with the platform hierarchy's authorization, which is empty after Startup. */
function sendAsPlatform(
  session: PpiSession,
  code: number,
  parameters: (writer: WireWriter) => WireWriter = (writer) => writer,
): Promise<TpmReply> {
  return session.send(TPM_ST.SESSIONS, code, (writer) =>
    parameters(
      writer
        .uint32(TPM_RH.platform)
        .uint32(EMPTY_PASSWORD_SIZE)
        .uint32(TPM_RH.password)
        .uint16(0)
        .uint8(0)
        .uint16(0),
    ),
  );
}

/** Clearing may have been disabled by the owner; the platform may enable it. */
async function clear(session: PpiSession): Promise<number> {
  const control = await sendAsPlatform(session, TPM_CC.ClearControl, (writer) => writer.uint8(NO));
  if (control.result !== PPI_RESULT.success) return control.result;
  return (await sendAsPlatform(session, TPM_CC.Clear)).result;
}

/** @throws WireError when the answer ends too early */
function parseBanks(body: Uint8Array): PcrBank[] {
  const reader = new WireReader(body);
  const moreData = reader.uint8();
  const capability = reader.uint32();
  const count = reader.uint32();
  if (moreData !== NO || capability !== TPM_CAP_PCRS || count > BANK_LIMIT) {
    throw new WireError(`TPM2_GetCapability(TPM_CAP_PCRS) answered ${count} banks`);
  }
  return Array.from({ length: count }, () => {
    const algorithm = reader.uint16();
    const selectSize = reader.uint8();
    if (selectSize > SELECT_SIZE_LIMIT) throw new WireError(`PCR bitmap of ${selectSize} bytes`);
    reader.bytes(selectSize);
    return { algorithm, selectSize };
  });
}

async function readBanks(session: PpiSession): Promise<PcrBank[] | number> {
  const reply = await session.send(TPM_ST.NO_SESSIONS, TPM_CC.GetCapability, (writer) =>
    writer.uint32(TPM_CAP_PCRS).uint32(0).uint32(1),
  );
  if (reply.result !== PPI_RESULT.success) return reply.result;
  try {
    return parseBanks(reply.body);
  } catch (error) {
    if (error instanceof WireError) return PPI_RESULT.firmwareFailure;
    throw error;
  }
}

/** TPML_PCR_SELECTION with all PCRs of the wanted banks and none of the others. */
function writeSelection(writer: WireWriter, banks: readonly PcrBank[], wanted: number): WireWriter {
  writer.uint32(banks.length);
  for (const { algorithm, selectSize } of banks) {
    const isWanted = ((PCR_BANK_BIT.get(algorithm) ?? 0) & wanted) !== 0;
    writer
      .uint16(algorithm)
      .uint8(selectSize)
      .bytes(new Uint8Array(selectSize).fill(isWanted ? 0xff : 0));
  }
  return writer;
}

/**
 * Banks without a bit in the bitmap stay as they are. No bank at all, or one that the TPM doesn't
 * have, is a failure: a TPM without PCRs measures nothing.
 */
async function setPcrBanks(session: PpiSession, wanted: number): Promise<number> {
  const all = await readBanks(session);
  if (typeof all === 'number') return all;
  const banks = all.filter(({ algorithm }) => PCR_BANK_BIT.has(algorithm));
  const available = banks.reduce((bits, bank) => bits | PCR_BANK_BIT.get(bank.algorithm)!, 0);
  if (wanted === 0 || (wanted & ~available) !== 0) return PPI_RESULT.firmwareFailure;
  const reply = await sendAsPlatform(session, TPM_CC.PCR_Allocate, (writer) =>
    writeSelection(writer, banks, wanted),
  );
  if (reply.result !== PPI_RESULT.success) return reply.result;
  // Response parameters follow their size; the first one tells whether there was room.
  const allocationSuccess = reply.body[4];
  return allocationSuccess === 1 ? PPI_RESULT.success : PPI_RESULT.firmwareFailure;
}

async function perform(session: PpiSession, operation: number, parameter: number): Promise<number> {
  switch (operation) {
    case PPI_OPERATION.clear:
    case PPI_OPERATION.clearEnableActivate:
    case PPI_OPERATION.enableActivateClear:
    case PPI_OPERATION.enableActivateClearEnableActivate:
      // Enabling and activating are no notions of a TPM 2.0.
      return await clear(session);
    case PPI_OPERATION.setPcrBanks:
      return await setPcrBanks(session, parameter);
    case PPI_OPERATION.changeEps:
      return (await sendAsPlatform(session, TPM_CC.ChangeEPS)).result;
    default:
      return PPI_RESULT.firmwareFailure;
  }
}

/** Operations that {@link performOnTpm20} knows. */
export const TPM20_OPERATIONS: readonly number[] = [
  PPI_OPERATION.clear,
  PPI_OPERATION.clearEnableActivate,
  PPI_OPERATION.enableActivateClear,
  PPI_OPERATION.enableActivateClearEnableActivate,
  PPI_OPERATION.setPcrBanks,
  PPI_OPERATION.changeEps,
];

/**
 * Carries an operation out: starts the TPM if nobody did, sends the operation's commands with
 * platform authorization, and prepares the TPM for the reset that has to follow.
 *
 * @returns a `PPI_RESULT`
 */
export async function performOnTpm20(
  session: PpiSession,
  operation: number,
  parameter: number,
): Promise<number> {
  const startup = await session.send(TPM_ST.NO_SESSIONS, TPM_CC.Startup, (writer) =>
    writer.uint16(TPM_SU.CLEAR),
  );
  const isStarted = startup.result === PPI_RESULT.success || startup.code === TPM_RC.INITIALIZE;
  if (!isStarted) return startup.result;
  const result = await perform(session, operation, parameter);
  // Makes the reset an orderly one. Where it fails, the next Startup just isn't.
  await session.send(TPM_ST.NO_SESSIONS, TPM_CC.Shutdown, (writer) => writer.uint16(TPM_SU.CLEAR));
  return result;
}
