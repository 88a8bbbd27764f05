import { createHash } from 'node:crypto';
import type { TpmProof } from '@tpmdev/guest/proof';
import {
  compareEventLog,
  HASH_ALGORITHM,
  type PcrBanks,
  readEventLog,
} from 'tpm-integration/assembly';
import type { StartOptions } from './start-options.js';

/** One thing that the guest has to show. */
export interface ProofCheck {
  readonly passed: boolean;
  /** What was to be seen and what was, in plain words. */
  readonly text: string;
}

/** What the checks need to know about the run. */
export type ProofContext = Pick<StartOptions, 'model' | 'tpmVersion' | 'flavour'>;

/** Digest sizes and names of the banks that the guest shows. */
const BANKS: ReadonlyMap<string, { readonly id: number; readonly size: number }> = new Map([
  ['sha1', { id: HASH_ALGORITHM['SHA-1'], size: 20 }],
  ['sha256', { id: HASH_ALGORITHM['SHA-256'], size: 32 }],
]);

/** Linux's name for the random number generator of the first TPM. */
const RANDOM_SOURCE = 'tpm-rng-0';

/** PCRs that firmware extends (TCG PC Client Platform Firmware Profile, section 3.3.4). */
const FIRMWARE_PCRS = 8;

/**
 * What SeaBIOS 1.16.2-debian-1.16.2-1 leaves in the sha256 bank under QEMU 7.2 with swtpm when it
 * boots a kernel that was given with -kernel.
 */
const SEPARATOR_ONLY = 'E21B703EE69C77476BCCB43EC0336A9A1B2914B378944F7B00A10214CA8FEA93';
const REFERENCE_PCRS: ReadonlyMap<number, string> = new Map([
  [0, SEPARATOR_ONLY],
  [4, '1EB9AA21337CC1FA31CE5F56900D7BF59B9DDA366823095AED06544CAA2557CA'],
  [7, SEPARATOR_ONLY],
]);

/**
 * Checks what a guest says about its TPM.
 *
 * @param proof what it says
 * @param context what it should have
 * @returns every check, in the order in which the guest shows the facts
 */
export async function checkProof(proof: TpmProof, context: ProofContext): Promise<ProofCheck[]> {
  return [
    kernelLine(proof, context),
    devices(proof, context),
    version(proof, context),
    ...(context.tpmVersion === '2.0' ? [referencePcrs(proof, context)] : []),
    await eventLog(proof),
    randomSource(proof),
  ];
}

function randomSource({ randomSources }: TpmProof): ProofCheck {
  if (randomSources.includes(RANDOM_SOURCE)) {
    return {
      passed: true,
      text: `Linux has the TPM as source of random numbers: ${RANDOM_SOURCE}`,
    };
  }
  const found = randomSources.length === 0 ? 'none' : randomSources.join(', ');
  return {
    passed: false,
    text: `Linux has no source of random numbers ${RANDOM_SOURCE}: ${found}`,
  };
}

function kernelLine(proof: TpmProof, { model, tpmVersion }: ProofContext): ProofCheck {
  const lines = proof.kernelLines.map((line) => line.replace(/^\[ *\d+\.\d+\] */, ''));
  // Linux's driver for CRB says nothing of its own; it takes what this table describes.
  const expected =
    model === 'tpm-crb'
      ? /^ACPI: TPM2 0x/
      : tpmVersion === '2.0'
        ? /^tpm_tis MSFT0101:00: 2\.0 TPM \(device-id 0x1, rev-id 1\)$/
        : /^tpm_tis 00:[0-9A-Fa-f]{2}: 1\.2 TPM \(device-id 0x1, rev-id 1\)$/;
  const found = lines.find((line) => expected.test(line));
  if (found !== undefined) return { passed: true, text: `Linux found the TPM: ${found.trim()}` };
  const instead = lines.length === 0 ? 'no line about a TPM' : lines.join(' | ');
  return { passed: false, text: `Linux did not find the TPM: its log has ${instead}` };
}

function devices(proof: TpmProof, { tpmVersion }: ProofContext): ProofCheck {
  // The resource manager is for TPM 2.0.
  const wanted = tpmVersion === '2.0' ? ['/dev/tpm0', '/dev/tpmrm0'] : ['/dev/tpm0'];
  const missing = wanted.filter((path) => !proof.devices.includes(path));
  if (missing.length === 0) return { passed: true, text: `There is ${wanted.join(' and ')}` };
  return { passed: false, text: `There is no ${missing.join(' and no ')}` };
}

function version(proof: TpmProof, { tpmVersion }: ProofContext): ProofCheck {
  const wanted = tpmVersion === '2.0' ? 2 : 1;
  const passed = proof.versionMajor === wanted;
  const found = proof.versionMajor ?? 'missing';
  return { passed, text: `tpm_version_major is ${found}${passed ? '' : `, not ${wanted}`}` };
}

function referencePcrs(proof: TpmProof, { flavour }: ProofContext): ProofCheck {
  // What boots from a CD is measured into PCR 4.
  const compared = [...REFERENCE_PCRS].filter(([pcr]) => flavour !== 'cd' || pcr !== 4);
  const wrong = compared.find(([pcr, value]) => proof.pcrs.get(pcr) !== value);
  const names = compared.map(([pcr]) => pcr).join(', ');
  const title = `sha256 PCR ${names} are those of SeaBIOS 1.16.2 in QEMU with swtpm`;
  if (wrong === undefined && proof.bank === 'sha256') return { passed: true, text: title };
  const [pcr, value] = wrong ?? compared[0]!;
  const found = proof.pcrs.get(pcr) ?? 'missing';
  return { passed: false, text: `${title}: PCR ${pcr} is ${found}, not ${value}` };
}

/** The log, replayed on this side, has to lead to what the guest reads from the TPM. */
async function eventLog(proof: TpmProof): Promise<ProofCheck> {
  const { bank: name = '', log, logSize = 0 } = proof;
  const bank = BANKS.get(name);
  const failed = (text: string): ProofCheck => ({ passed: false, text });
  if (logSize === 0) return failed('The measured boot log is missing or empty');
  if (log === undefined) return failed(`The measured boot log of ${logSize} bytes did not arrive`);
  if (log.length !== logSize) {
    return failed(`The measured boot log has ${logSize} bytes, of which ${log.length} arrived`);
  }
  if (bank === undefined) return failed('The PCRs are missing');
  const pcrs = new Map<number, Uint8Array>();
  for (let pcr = 0; pcr < FIRMWARE_PCRS; pcr++) {
    const value = Buffer.from(proof.pcrs.get(pcr) ?? '', 'hex');
    if (value.length !== bank.size) return failed(`PCR ${pcr} is missing in bank ${name}`);
    pcrs.set(pcr, new Uint8Array(value));
  }
  return await replay(log, name, new Map([[bank.id, pcrs]]));
}

async function replay(log: Uint8Array, name: string, banks: PcrBanks): Promise<ProofCheck> {
  try {
    const [id] = banks.keys();
    const hash = (data: Uint8Array) => createHash(name).update(data).digest();
    const { events, ...rest } = readEventLog(log);
    const { agrees, pcr } = await compareEventLog(
      { events, ...rest },
      banks,
      new Map([[id!, hash]]),
    );
    const title = `The measured boot log (${log.length} bytes, ${events.length} events)`;
    return {
      passed: agrees,
      text: agrees
        ? `${title} replays to the guest's PCRs 0 to ${FIRMWARE_PCRS - 1}`
        : `${title} does not replay to the guest's PCR ${pcr?.pcr ?? 'values'}`,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { passed: false, text: `The measured boot log can't be read: ${reason}` };
  }
}
