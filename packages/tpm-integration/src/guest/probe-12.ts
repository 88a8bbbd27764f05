import { TPM_ORD, TPM_RESULT, TPM_TAG, WireWriter } from 'tpm-core';
import { CommandSender } from './command-sender.js';
import type { ProbeReport } from './probe-report.js';
import type { GuestTransport } from './transport.js';

const TPM_ST_CLEAR = 0x0001;
const TPM_CAP_PROPERTY = 0x0000_0005;
const TPM_CAP_PROP_MANUFACTURER = 0x0000_0103;
const PCR_COUNT = 24;
const tag = TPM_TAG.RQU_COMMAND;
const DIGEST_SIZE = 20;
const DEBUG_PCR = 16;
const RANDOM_BYTES = 16;

async function readPcr(commands: CommandSender, index: number): Promise<Uint8Array> {
  const body = new WireWriter().uint32(index).finish();
  const reader = await commands.send(tag, TPM_ORD.PCRRead, body);
  return reader.bytes(DIGEST_SIZE).slice();
}

/**
 * The TPM 1.2 side of the probe: startup, continue self test, capabilities, random bytes, PCRs.
 *
 * @throws GuestDriverError when the TPM refuses one of these commands
 */
export async function probe12(transport: GuestTransport): Promise<ProbeReport> {
  const commands = new CommandSender(transport, '1.2');
  const clear = new WireWriter().uint16(TPM_ST_CLEAR).finish();
  await commands.send(tag, TPM_ORD.Startup, clear, TPM_RESULT.INVALID_POSTINIT);
  await commands.send(tag, TPM_ORD.ContinueSelfTest);
  const capability = new WireWriter().uint32(TPM_CAP_PROPERTY).uint32(4);
  const answer = await commands.send(
    tag,
    TPM_ORD.GetCapability,
    capability.uint32(TPM_CAP_PROP_MANUFACTURER).finish(),
  );
  const manufacturer = String.fromCharCode(...answer.bytes(answer.uint32()));
  const random = await commands.send(
    tag,
    TPM_ORD.GetRandom,
    new WireWriter().uint32(RANDOM_BYTES).finish(),
  );
  const randomBytes = random.bytes(random.uint32()).slice();

  const values: Uint8Array[] = [];
  for (let index = 0; index < PCR_COUNT; index++) values.push(await readPcr(commands, index));
  const before = await readPcr(commands, DEBUG_PCR);
  const digest = new Uint8Array(DIGEST_SIZE).fill(1);
  await commands.send(
    tag,
    TPM_ORD.Extend,
    new WireWriter().uint32(DEBUG_PCR).bytes(digest).finish(),
  );
  const after = await readPcr(commands, DEBUG_PCR);
  return {
    version: '1.2',
    steps: commands.steps,
    manufacturer,
    banks: [{ algorithm: 'sha1', values }],
    random: randomBytes,
    extended: { index: DEBUG_PCR, before, after },
  };
}
