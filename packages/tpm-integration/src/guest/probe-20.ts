import { TPM_CC, TPM_RC, TPM_ST, TPM_SU, WireWriter } from 'tpm-core';
import { CommandSender } from './command-sender.js';
import type { PcrBank, ProbeReport } from './probe-report.js';
import { GuestDriverError, type GuestTransport } from './transport.js';

const ALGORITHM = { sha1: 0x0004, sha256: 0x000b, sha384: 0x000c, sha512: 0x000d } as const;
const DIGEST_SIZE = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;
type AlgorithmName = keyof typeof ALGORITHM;

const CAPABILITY = { pcrs: 0x0000_0005, tpmProperties: 0x0000_0006 } as const;
const PT_MANUFACTURER = 0x0000_0105;
const TPM_RS_PW = 0x4000_0009;
const PCR_COUNT = 24;
/** PCR 16 is the debug register: any locality may extend and reset it (PTP, section 4.7). */
const DEBUG_PCR = 16;
const RANDOM_BYTES = 16;

async function manufacturer(commands: CommandSender): Promise<string> {
  const body = new WireWriter().uint32(CAPABILITY.tpmProperties).uint32(PT_MANUFACTURER).uint32(1);
  const reader = await commands.send(TPM_ST.NO_SESSIONS, TPM_CC.GetCapability, body.finish());
  reader.uint8();
  reader.uint32();
  if (reader.uint32() !== 1 || reader.uint32() !== PT_MANUFACTURER) {
    throw new GuestDriverError('TPM2_GetCapability gave no TPM_PT_MANUFACTURER');
  }
  return String.fromCharCode(...reader.bytes(4));
}

async function allocatedBanks(commands: CommandSender): Promise<AlgorithmName[]> {
  const body = new WireWriter().uint32(CAPABILITY.pcrs).uint32(0).uint32(1);
  const reader = await commands.send(TPM_ST.NO_SESSIONS, TPM_CC.GetCapability, body.finish());
  reader.uint8();
  reader.uint32();
  const banks: AlgorithmName[] = [];
  for (let left = reader.uint32(); left > 0; left--) {
    const algorithm = reader.uint16();
    const selected = reader.bytes(reader.uint8()).some((byte) => byte !== 0);
    const name = (Object.keys(ALGORITHM) as AlgorithmName[]).find(
      (candidate) => ALGORITHM[candidate] === algorithm,
    );
    if (selected && name !== undefined) banks.push(name);
  }
  return banks;
}

async function readPcr(
  commands: CommandSender,
  bank: AlgorithmName,
  index: number,
): Promise<Uint8Array> {
  const selection = new Uint8Array(PCR_COUNT / 8);
  selection[index >> 3] = 1 << (index & 7);
  const body = new WireWriter().uint32(1).uint16(ALGORITHM[bank]).uint8(selection.length);
  const reader = await commands.send(
    TPM_ST.NO_SESSIONS,
    TPM_CC.PCR_Read,
    body.bytes(selection).finish(),
  );
  reader.uint32();
  reader.bytes(4 + 2 + 1 + selection.length);
  if (reader.uint32() !== 1)
    throw new GuestDriverError(`TPM2_PCR_Read gave no value for PCR ${index}`);
  return reader.bytes(reader.uint16()).slice();
}

/** Extends one PCR in all banks with a digest whose bytes are all one. */
async function extendPcr(
  commands: CommandSender,
  banks: readonly AlgorithmName[],
  index: number,
): Promise<void> {
  const body = new WireWriter().uint32(index);
  body.uint32(9).uint32(TPM_RS_PW).uint16(0).uint8(0).uint16(0).uint32(banks.length);
  for (const bank of banks) {
    body.uint16(ALGORITHM[bank]).bytes(new Uint8Array(DIGEST_SIZE[bank]).fill(1));
  }
  await commands.send(TPM_ST.SESSIONS, TPM_CC.PCR_Extend, body.finish());
}

/**
 * The TPM 2.0 side of the probe: startup, self test, capabilities, random bytes, all PCRs of all
 * banks, one PCR extended.
 *
 * @throws GuestDriverError when the TPM refuses one of these commands
 */
export async function probe20(transport: GuestTransport): Promise<ProbeReport> {
  const commands = new CommandSender(transport, '2.0');
  const none = TPM_ST.NO_SESSIONS;
  const clear = new WireWriter().uint16(TPM_SU.CLEAR).finish();
  await commands.send(none, TPM_CC.Startup, clear, TPM_RC.INITIALIZE);
  await commands.send(none, TPM_CC.SelfTest, Uint8Array.of(1));
  const vendor = await manufacturer(commands);
  const names = await allocatedBanks(commands);
  const first = names[0];
  if (first === undefined) throw new GuestDriverError('The TPM has no PCR bank');
  const random = await commands.send(none, TPM_CC.GetRandom, Uint8Array.of(0, RANDOM_BYTES));
  const randomBytes = random.bytes(random.uint16()).slice();

  const banks: PcrBank[] = [];
  for (const algorithm of names) {
    const values: Uint8Array[] = [];
    for (let index = 0; index < PCR_COUNT; index++) {
      values.push(await readPcr(commands, algorithm, index));
    }
    banks.push({ algorithm, values });
  }
  const before = await readPcr(commands, first, DEBUG_PCR);
  await extendPcr(commands, names, DEBUG_PCR);
  const after = await readPcr(commands, first, DEBUG_PCR);
  return {
    version: '2.0',
    steps: commands.steps,
    manufacturer: vendor,
    banks,
    random: randomBytes,
    extended: { index: DEBUG_PCR, before, after },
  };
}
