// What the guest says about its TPM, checked against the TPM itself.

import { PROOF_END, parseProof, type TpmProof } from '@tpmdev/guest/proof';
import { HASH_ALGORITHM, type PcrBanks } from 'tpm-fwcfg-ppi/event-log';
import { hexadecimal } from './hexadecimal.js';

/** One thing that the guest confirms, or doesn't. */
export interface ProofCheck {
  readonly name: string;
  readonly isPassed: boolean;
  /** What the guest said, or what is missing. */
  readonly text: string;
}

/** Characters of the console that are kept to find a proof in: several times what it takes. */
const TEXT_LIMIT = 16_384;
/** PCRs that nothing extends after the firmware, so that guest and TPM can be compared later on. */
const COMPARED_PCRS = 8;

/** Finds the guest's proof in what it prints. Memory is bounded. */
export class ProofReader {
  #text = '';

  /**
   * @param text the next piece of the console
   * @returns the proof when this piece completes one
   */
  output(text: string): TpmProof | undefined {
    const mark = this.#text.length - PROOF_END.length;
    this.#text += text;
    const isComplete = this.#text.indexOf(`${PROOF_END}\r`, Math.max(0, mark - 1)) >= 0;
    const proof = isComplete ? parseProof(this.#text) : undefined;
    if (proof !== undefined) this.#text = '';
    this.#text = this.#text.slice(-TEXT_LIMIT);
    return proof;
  }
}

function kernelCheck({ kernelLines }: TpmProof, isTis: boolean): ProofCheck {
  const line = kernelLines.find((text) => /tpm_tis .*TPM \(device-id/.test(text));
  const name = 'Kernel log';
  if (line !== undefined) return { name, isPassed: true, text: line.replace(/^\[[^\]]*\] */, '') };
  const table = kernelLines.find((text) => text.includes('ACPI: TPM2'));
  if (isTis || table === undefined) return { name, isPassed: false, text: 'no line of the TPM' };
  return { name, isPassed: true, text: 'ACPI: TPM2 (the CRB driver prints no line of its own)' };
}

function pcrCheck(proof: TpmProof, banks: PcrBanks | undefined): ProofCheck {
  const name = `PCR 0–${COMPARED_PCRS - 1}`;
  const pcrs = banks?.get(HASH_ALGORITHM['SHA-256']);
  const different: number[] = [];
  for (let pcr = 0; pcr < COMPARED_PCRS; pcr++) {
    const value = pcrs?.get(pcr);
    const actual = value === undefined ? undefined : hexadecimal(value).toUpperCase();
    if (actual === undefined || proof.pcrs.get(pcr) !== actual) different.push(pcr);
  }
  const isPassed = proof.bank === 'sha256' && different.length === 0;
  const text = isPassed ? 'as in the TPM' : `guest and TPM differ in PCR ${different.join(', ')}`;
  return { name, isPassed, text };
}

/**
 * @param proof what the guest said
 * @param model the device that is in the machine
 * @param banks the TPM's PCRs; `undefined` when they can't be read
 * @param logLength bytes of the event log that the firmware wrote
 */
export function checkProof(
  proof: TpmProof,
  model: 'tpm-tis' | 'tpm-crb',
  banks: PcrBanks | undefined,
  logLength: number,
): ProofCheck[] {
  const wanted = ['/dev/tpm0', '/dev/tpmrm0'];
  const missing = wanted.filter((path) => !proof.devices.includes(path));
  const random = proof.randomSources.find((source) => source.startsWith('tpm-rng'));
  return [
    kernelCheck(proof, model === 'tpm-tis'),
    {
      name: 'Devices',
      isPassed: missing.length === 0,
      text: missing.length === 0 ? wanted.join(', ') : `${missing.join(', ')} missing`,
    },
    {
      name: 'Version',
      isPassed: proof.versionMajor === 2,
      text: `tpm_version_major ${proof.versionMajor ?? 'missing'}`,
    },
    pcrCheck(proof, banks),
    {
      name: 'Event log',
      isPassed: logLength > 0 && proof.logSize === logLength,
      text: `${proof.logSize ?? 0} of ${logLength} bytes`,
    },
    { name: 'Random numbers', isPassed: random !== undefined, text: random ?? 'no tpm-rng' },
  ];
}
