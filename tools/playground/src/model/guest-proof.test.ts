import { PROOF_BEGIN, PROOF_END, type TpmProof } from '@tpmdev/guest/proof';
import { HASH_ALGORITHM, type PcrBanks } from 'tpm-fwcfg-ppi/event-log';
import { describe, expect, it } from 'vitest';
import { checkProof, ProofReader } from './guest-proof.js';

const DIGEST = 'E2'.repeat(32);
const BANKS: PcrBanks = new Map([
  [
    HASH_ALGORITHM['SHA-256'],
    new Map(Array.from({ length: 24 }, (_, pcr) => [pcr, new Uint8Array(32).fill(0xe2)])),
  ],
]);
const PROOF: TpmProof = {
  kernelLines: ['[    1.2] tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)'],
  devices: ['/dev/tpm0', '/dev/tpmrm0'],
  versionMajor: 2,
  bank: 'sha256',
  pcrs: new Map(Array.from({ length: 11 }, (_, pcr) => [pcr, DIGEST])),
  logSize: 2681,
  randomSources: ['tpm-rng-0'],
};

function failed(proof: Partial<TpmProof>, model: 'tpm-tis' | 'tpm-crb' = 'tpm-tis'): string[] {
  return checkProof({ ...PROOF, ...proof }, model, BANKS, 2681)
    .filter(({ isPassed }) => !isPassed)
    .map(({ name }) => name);
}

describe('checkProof()', () => {
  it('checkProof() passes what the guest of a sound TPM prints', () => {
    const checks = checkProof(PROOF, 'tpm-tis', BANKS, 2681);
    expect(checks).toHaveLength(6);
    expect(checks.every(({ isPassed }) => isPassed)).toBe(true);
    expect(checks[0]?.text).toBe('tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)');
  });

  it.each<[string, Partial<TpmProof>]>([
    ['Kernel log', { kernelLines: [] }],
    ['Devices', { devices: ['/dev/tpm0'] }],
    ['Version', { versionMajor: 1 }],
    ['PCR 0–7', { pcrs: new Map([...PROOF.pcrs, [7, '00'.repeat(32)]]) }],
    ['Event log', { logSize: 2680 }],
    ['Random numbers', { randomSources: ['virtio_rng.0'] }],
  ])('checkProof() fails "%s" alone when that is wrong', (name, wrong) => {
    expect(failed(wrong)).toEqual([name]);
  });

  it('checkProof() takes the ACPI table for CRB, whose driver prints no line', () => {
    const kernelLines = ['[    0.0] ACPI: TPM2 0x000000000FFFF520 00004C'];
    expect(failed({ kernelLines }, 'tpm-crb')).toEqual([]);
    expect(failed({ kernelLines })).toEqual(['Kernel log']);
  });

  it('checkProof() lets PCR 10 differ, which Linux goes on extending', () => {
    expect(failed({ pcrs: new Map([...PROOF.pcrs, [10, '00'.repeat(32)]]) })).toEqual([]);
  });

  it('checkProof() fails PCRs and log when the TPM can’t be read', () => {
    const checks = checkProof(PROOF, 'tpm-tis', undefined, 0);
    const wrong = checks.filter(({ isPassed }) => !isPassed).map(({ name }) => name);
    expect(wrong).toEqual(['PCR 0–7', 'Event log']);
  });
});

describe('ProofReader', () => {
  const text = [
    'something before',
    PROOF_BEGIN,
    '# cat /sys/class/tpm/tpm0/tpm_version_major',
    '2',
    PROOF_END,
    'guest# ',
  ].join('\r\n');

  it('ProofReader finds a proof once, wherever the console is cut', () => {
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = new ProofReader();
      const found = [reader.output(text.slice(0, cut)), reader.output(text.slice(cut))];
      const proofs = found.filter((proof) => proof !== undefined);
      expect(
        proofs.map(({ versionMajor }) => versionMajor),
        `cut at ${cut}`,
      ).toEqual([2]);
    }
  });

  it('ProofReader finds the next proof too, after any amount of other text', () => {
    const reader = new ProofReader();
    expect(reader.output(text)).toBeDefined();
    for (let count = 0; count < 100; count++)
      expect(reader.output('x'.repeat(997))).toBeUndefined();
    expect(reader.output(text)?.versionMajor).toBe(2);
  });
});
