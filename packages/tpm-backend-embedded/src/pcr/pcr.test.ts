import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import { readUint32, TPM_RC, TPM_RC_WARNING, TPM_SU } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import {
  allocate,
  extend,
  readPcr,
  resetPcr,
  SHA256,
  shutDown,
  startUp,
  updateCounter,
} from '../../test/measurement-commands.js';
import { responseCode } from '../../test/password-command.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { HASHES } from '../structures/algorithms.js';
import type { Tpm } from '../tpm.js';
import { pcrMask, pcrSelectOf } from './pcr-attributes.js';
import { selectedValues } from './pcr-banks.js';

interface Capabilities {
  readonly pcrProperties: readonly { readonly id: number; readonly pcrs: readonly number[] }[];
  readonly pcrValuesAfterStartupClear: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
const golden = await fixtureJson<Capabilities>(
  new URL('../../fixtures/capabilities.json.gz', import.meta.url),
);
const goldenPcrs = (property: number): readonly number[] =>
  golden.pcrProperties.find(({ id }) => id === property)!.pcrs;

const ALL = Array.from({ length: 24 }, (_, pcr) => pcr);
const SEVENS = new Uint8Array(32).fill(7);

function startedTpm(): Tpm {
  const tpm = freshTpm();
  startUp(tpm);
  return tpm;
}

describe('PCR after Startup(CLEAR)', () => {
  it('startPcrs() gives every PCR of every bank the value that libtpms gives it', () => {
    const tpm = startedTpm();
    for (const [name, hash] of [
      ['SHA1', TPM_ALG.SHA1],
      ['SHA256', TPM_ALG.SHA256],
      ['SHA384', TPM_ALG.SHA384],
      ['SHA512', TPM_ALG.SHA512],
    ] as const) {
      for (const pcr of ALL) {
        expect(toHex(readPcr(tpm, pcr, hash))).toBe(golden.pcrValuesAfterStartupClear[name]![pcr]);
      }
    }
    expect(updateCounter(tpm)).toBe(20);
  });
});

describe('PCR_Extend and PCR_Reset', () => {
  it('extendAtLocality() takes exactly the PCR and localities of the profile', () => {
    for (let locality = 0; locality <= 4; locality++) {
      for (const pcr of ALL) {
        const allowed = goldenPcrs(1 + 2 * locality).includes(pcr);
        const tpm = startedTpm();
        expect(extend(tpm, pcr, [SHA256], locality), `PCR ${pcr} at locality ${locality}`).toBe(
          allowed ? TPM_RC.SUCCESS : TPM_RC_WARNING.LOCALITY,
        );
      }
    }
  });

  it('PCR_Reset takes exactly the PCR and localities of the profile, none at locality 4', () => {
    for (let locality = 0; locality <= 4; locality++) {
      for (const pcr of ALL) {
        const allowed = locality < 4 && goldenPcrs(2 + 2 * locality).includes(pcr);
        const tpm = startedTpm();
        expect(resetPcr(tpm, pcr, locality), `PCR ${pcr} at locality ${locality}`).toBe(
          allowed ? TPM_RC.SUCCESS : TPM_RC_WARNING.LOCALITY,
        );
        if (allowed) expect(readPcr(tpm, pcr)).toEqual(new Uint8Array(32));
      }
    }
  });

  it('extendPcr() chains the digests of each bank and counts each bank once', () => {
    const tpm = startedTpm();
    const before = updateCounter(tpm);
    extend(tpm, 5, HASHES);
    extend(tpm, 5, [SHA256, SHA256]);
    const once = sha256(concatBytes(new Uint8Array(32), SEVENS));
    const twice = sha256(concatBytes(once, SEVENS));
    expect(readPcr(tpm, 5)).toEqual(sha256(concatBytes(twice, SEVENS)));
    expect(updateCounter(tpm)).toBe(before + HASHES.length + 2);
  });

  it('extendPcr() and resetPcr() leave the counter for the PCR that do not count', () => {
    const uncounted = goldenPcrs(0x11);
    for (const pcr of ALL) {
      const tpm = startedTpm();
      const before = updateCounter(tpm);
      expect(extend(tpm, pcr, [SHA256], pcr === 17 || pcr >= 18 ? 2 : 0)).toBe(TPM_RC.SUCCESS);
      expect(updateCounter(tpm) - before, `PCR ${pcr}`).toBe(uncounted.includes(pcr) ? 0 : 1);
    }
  });
});

describe('allocatePcrs()', () => {
  it('allocatePcrs() takes effect at the next start, and banks not named stay', () => {
    const tpm = startedTpm();
    expect(responseCode(allocate(tpm, { [TPM_ALG.SHA1]: 0 }))).toBe(TPM_RC.SUCCESS);
    expect(readPcr(tpm, 0, TPM_ALG.SHA1)).toHaveLength(20);
    tpm.initialize();
    startUp(tpm);
    expect(readPcr(tpm, 0, TPM_ALG.SHA1)).toHaveLength(0);
    expect(readPcr(tpm, 0, TPM_ALG.SHA512)).toHaveLength(64);
    expect(extend(tpm, 0, [TPM_ALG.SHA1])).toBe(TPM_RC.SUCCESS);
    expect(updateCounter(tpm)).toBe(20);
  });

  it('allocatePcrs() of single PCR leaves the others of the bank out of use', () => {
    const tpm = startedTpm();
    const response = allocate(tpm, {
      [TPM_ALG.SHA1]: 0,
      [TPM_ALG.SHA256]: 0x02_0001,
      [TPM_ALG.SHA384]: 0,
      [TPM_ALG.SHA512]: 0,
    });
    // Parameters: success (1), maxPCR (4), sizeNeeded (4), sizeAvailable (4).
    expect([...Array(3).keys()].map((n) => readUint32(response, 15 + 4 * n))).toEqual([
      24, 64, 3936,
    ]);
    tpm.initialize();
    startUp(tpm);
    expect(ALL.filter((pcr) => readPcr(tpm, pcr).length > 0)).toEqual([0, 17]);
    expect(extend(tpm, 1)).toBe(TPM_RC.SUCCESS);
    expect(updateCounter(tpm)).toBe(20);
    expect(selectedValues(tpm, [{ hash: SHA256, pcrSelect: pcrSelectOf(0xff_ffff) }])).toHaveLength(
      2,
    );
  });

  it.each([
    ['PCR 0', 0xff_fffe],
    ['PCR 17', 0xfd_ffff],
  ])(
    'allocatePcrs() refuses to leave %s without a bank, and changes nothing then',
    (_pcr, mask) => {
      const tpm = startedTpm();
      const banks = Object.fromEntries(HASHES.map((hash) => [hash, mask]));
      const before = tpm.state.permanent.pcrAllocation;
      tpm.permanentChanged = false;
      expect(responseCode(allocate(tpm, banks))).toBe(TPM_RC.PCR);
      expect(tpm.state.permanent.pcrAllocation).toBe(before);
      expect(tpm.permanentChanged).toBe(false);
      expect(shutDown(tpm, TPM_SU.STATE)).toBe(TPM_RC.SUCCESS);
    },
  );

  it('resumePcrs() keeps saved PCR of the banks that are still there after a new allocation', () => {
    const tpm = startedTpm();
    extend(tpm, 2, HASHES);
    const value = readPcr(tpm, 2);
    shutDown(tpm, TPM_SU.STATE);
    allocate(tpm, { [TPM_ALG.SHA1]: 0 });
    tpm.initialize();
    expect(startUp(tpm, TPM_SU.STATE)).toBe(TPM_RC.SUCCESS);
    expect(readPcr(tpm, 2)).toEqual(value);
    expect(readPcr(tpm, 2, TPM_ALG.SHA1)).toHaveLength(0);
  });
});

describe('PCR selections', () => {
  it('pcrMask() and pcrSelectOf() are inverse', () => {
    fc.assert(
      fc.property(fc.nat(0xff_ffff), (mask) => {
        expect(pcrMask(pcrSelectOf(mask))).toBe(mask);
      }),
    );
    expect(pcrMask(fromHex('010002'))).toBe(0x02_0001);
  });
});
