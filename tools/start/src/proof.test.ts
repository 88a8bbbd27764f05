import { readFileSync } from 'node:fs';
import type { TpmProof } from '@tpmdev/guest/proof';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkProof } from './proof-checks.js';
import { ProofReader } from './proof-reader.js';

function recorded(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
}

const TIS_20 = recorded('serial-tis-2.0.txt');
const TIS_12 = recorded('serial-tis-1.2.txt');

/** Reads everything. @returns what was shown, the proof, and whether the shell became ready */
function readAll(chunks: readonly Uint8Array[]) {
  const reader = new ProofReader();
  let shown = '';
  let proof: TpmProof | undefined;
  let isReady = false;
  for (const chunk of chunks) {
    let rest = chunk;
    while (rest.length > 0) {
      const step = reader.push(rest);
      shown += Buffer.from(step.shown).toString('latin1');
      proof = step.proof ?? proof;
      isReady ||= step.isReady === true;
      rest = step.rest;
    }
  }
  return { shown, proof, isReady };
}

function proofOf(bytes: Uint8Array): TpmProof {
  const { proof } = readAll([bytes]);
  if (proof === undefined) throw new Error('The recording has no proof');
  return proof;
}

const MINIMAL_20 = { model: 'tpm-tis', tpmVersion: '2.0', flavour: 'minimal' } as const;
const MINIMAL_12 = { ...MINIMAL_20, tpmVersion: '1.2' } as const;

describe('ProofReader', () => {
  it('ProofReader.push() shows everything but the event log in base64', () => {
    const { shown, proof, isReady } = readAll([TIS_20]);
    expect(isReady).toBe(true);
    expect(proof?.log).toHaveLength(2681);
    expect(shown).not.toContain('base64');
    const all = Buffer.from(TIS_20).toString('latin1');
    const log = /# base64 [\s\S]*?(?=# cat)/.exec(all)?.[0] ?? '';
    expect(log.length).toBeGreaterThan(3000);
    expect(shown).toBe(all.replace(log, ''));
  });

  it('ProofReader.push() does the same however the bytes are cut into chunks', () => {
    const whole = readAll([TIS_12]);
    const place = fc.nat({ max: TIS_12.length });
    fc.assert(
      fc.property(fc.array(place, { maxLength: 30 }), (places) => {
        const cuts = [0, ...places.sort((one, other) => one - other), TIS_12.length];
        const chunks = cuts.slice(1).map((to, index) => TIS_12.subarray(cuts[index], to));
        expect(readAll(chunks)).toEqual(whole);
      }),
    );
  });

  it('ProofReader.push() shows a prompt at once', () => {
    const { shown } = readAll([new TextEncoder().encode('guest:~# ')]);
    expect(shown).toBe('guest:~# ');
  });
});

describe('checkProof()', () => {
  it.each([
    ['TPM 2.0', TIS_20, MINIMAL_20, 6],
    ['TPM 1.2', TIS_12, MINIMAL_12, 5],
  ] as const)(
    'checkProof() passes what a guest with a %s shows',
    async (_name, bytes, context, count) => {
      const checks = await checkProof(proofOf(bytes), context);
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(checks).toHaveLength(count);
    },
  );

  it.each([
    ['kernelLines', [], /^Linux did not find the TPM: its log has no line about a TPM$/],
    ['devices', ['/dev/tpm0'], /^There is no \/dev\/tpmrm0$/],
    ['versionMajor', 1, /^tpm_version_major is 1, not 2$/],
    ['pcrs', new Map(), /PCR 0 is missing, not E21B/],
    ['pcrs', new Map(), /^PCR 0 is missing in bank sha256$/],
    ['logSize', 0, /^The measured boot log is missing or empty$/],
    ['logSize', 9, /^The measured boot log has 9 bytes, of which 2681 arrived$/],
    ['log', undefined, /^The measured boot log of 2681 bytes did not arrive$/],
    ['log', new Uint8Array(2681).fill(0xff), /^The measured boot log can't be read: /],
    ['randomSources', ['virtio'], /^Linux has no source of random numbers tpm-rng-0: virtio$/],
  ])('checkProof() names what is wrong with %s %j', async (field, value, text) => {
    const proof = { ...proofOf(TIS_20), [field]: value };
    const failed = (await checkProof(proof, MINIMAL_20)).filter(({ passed }) => !passed);
    expect(failed.map((check) => check.text)).toContainEqual(expect.stringMatching(text));
  });

  it('checkProof() finds a PCR that the log does not lead to', async () => {
    const proof = proofOf(TIS_12);
    const pcrs = new Map(proof.pcrs).set(3, '00'.repeat(20));
    const failed = (await checkProof({ ...proof, pcrs }, MINIMAL_12)).filter(
      ({ passed }) => !passed,
    );
    expect(failed).toHaveLength(1);
    expect(failed[0]?.text).toMatch(/does not replay to the guest's PCR 3$/);
  });

  it('checkProof() wants the line of the device that is attached', async () => {
    const checks = await checkProof(proofOf(TIS_12), MINIMAL_20);
    expect(checks[0]?.passed).toBe(false);
    expect(checks[0]?.text).toContain('1.2 TPM');
  });
});
