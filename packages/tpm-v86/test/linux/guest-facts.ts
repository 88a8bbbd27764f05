import { parseProof, type TpmProof } from '@tpmdev/guest/proof';
import {
  compareEventLog,
  type EventLogComparison,
  HASH_ALGORITHM,
  type PcrBanks,
  readEventLog,
} from 'tpm-integration/assembly';
import { HASHES } from '../support/tpm.js';
import type { GuestMachine } from './guest-machine.js';

/**
 * What SeaBIOS 1.16.2-debian-1.16.2-1 leaves in the bank sha256 under QEMU 7.2 with swtpm when it
 * boots a kernel that was given with -kernel.
 */
const SEPARATOR_ONLY = 'E21B703EE69C77476BCCB43EC0336A9A1B2914B378944F7B00A10214CA8FEA93';
export const REFERENCE_PCRS: ReadonlyMap<number, string> = new Map([
  [0, SEPARATOR_ONLY],
  [4, '1EB9AA21337CC1FA31CE5F56900D7BF59B9DDA366823095AED06544CAA2557CA'],
  [7, SEPARATOR_ONLY],
]);

/** Linux's integrity measurement goes on when firmware's log has ended. */
const IMA_PCR = 10;

const BANK_NAMES: ReadonlyMap<string, number> = new Map([
  ['sha1', HASH_ALGORITHM['SHA-1']],
  ['sha256', HASH_ALGORITHM['SHA-256']],
  ['sha384', HASH_ALGORITHM['SHA-384']],
  ['sha512', HASH_ALGORITHM['SHA-512']],
]);

/** @returns what the guest says about its TPM, with the kernel's lines without time stamps */
export function readProof(output: string): TpmProof {
  const proof = parseProof(output);
  if (proof === undefined) throw new Error(`The guest printed no proof:\n${output}`);
  const kernelLines = proof.kernelLines.map((line) => line.replace(/^\[ *\d+\.\d+\] /, ''));
  return { ...proof, kernelLines };
}

/** @returns the PCRs of `proof` that firmware alone decides, for a kernel given to the emulator */
export function referencePcrs({ pcrs }: TpmProof): Map<number, string | undefined> {
  return new Map([...REFERENCE_PCRS.keys()].map((pcr) => [pcr, pcrs.get(pcr)]));
}

/** @returns all PCRs as Linux shows them, but that of its own measurements */
export async function linuxPcrs(machine: GuestMachine): Promise<PcrBanks> {
  const text = await machine.shell('cd /sys/class/tpm/tpm0; grep . pcr-*/*; cd');
  const banks = new Map<number, Map<number, Uint8Array>>();
  for (const line of text.split('\n')) {
    const [, bank = '', pcr, value = ''] = /^pcr-(\w+)\/(\d+):([0-9A-F]+)$/.exec(line) ?? [];
    const algorithm = BANK_NAMES.get(bank);
    if (algorithm === undefined) throw new Error(`Linux shows a PCR as "${line}"`);
    if (Number(pcr) === IMA_PCR) continue;
    const pcrs = banks.get(algorithm) ?? new Map<number, Uint8Array>();
    banks.set(algorithm, pcrs.set(Number(pcr), new Uint8Array(Buffer.from(value, 'hex'))));
  }
  return banks;
}

/** Linux's event log, its number of events and number of PCR values compared, against its PCRs. */
export interface ReplayedLog extends EventLogComparison {
  readonly events: number;
  readonly values: number;
}

/** Replays the log that the guest printed, and compares it with all PCRs that Linux shows now. */
export async function replayLog(machine: GuestMachine, proof: TpmProof): Promise<ReplayedLog> {
  const log = readEventLog(proof.log ?? new Uint8Array());
  const pcrs = await linuxPcrs(machine);
  const comparison = await compareEventLog(log, pcrs, HASHES);
  const values = [...pcrs.values()].reduce((sum, bank) => sum + bank.size, 0);
  return { ...comparison, events: log.events.length, values };
}
