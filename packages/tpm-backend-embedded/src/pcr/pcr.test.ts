import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex, toHex } from '@tpmdev/testing/scripted-backend';
import fc from 'fast-check';
import {
  readUint32,
  TPM_CC,
  TPM_RC,
  TPM_RC_FORMAT_ONE,
  TPM_RC_WARNING,
  TPM_SU,
  WireWriter,
} from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import {
  allocate,
  codeOf,
  extend,
  readPcr,
  resetPcr,
  SHA256,
  shutDown,
  startUp,
  updateCounter,
} from '../../test/measurement-commands.js';
import { NO_PASSWORD, responseCode } from '../../test/password-command.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { HASHES } from '../structures/algorithms.js';
import { TPM_RH } from '../structures/handles.js';
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

describe('PCR_SetAuthPolicy and PCR_SetAuthValue', () => {
  const POLICY = new Uint8Array(32).fill(5);

  function setPolicy(tpm: Tpm, pcr: number, hash: number, policy: Uint8Array): number {
    const writer = new WireWriter().uint16(policy.length).bytes(policy).uint16(hash).uint32(pcr);
    return codeOf(tpm, {
      code: TPM_CC.PCR_SetAuthPolicy,
      handles: [TPM_RH.PLATFORM],
      passwords: [NO_PASSWORD],
      parameters: writer.finish(),
    });
  }

  function setAuthValue(tpm: Tpm, pcr: number, authValue: Uint8Array): number {
    const writer = new WireWriter().uint16(authValue.length).bytes(authValue);
    return codeOf(tpm, {
      code: TPM_CC.PCR_SetAuthValue,
      handles: [pcr],
      passwords: [NO_PASSWORD],
      parameters: writer.finish(),
    });
  }

  const platformCommand = (code: number) => ({
    code,
    handles: [TPM_RH.PLATFORM],
    passwords: [NO_PASSWORD],
  });
  const answers = (tpm: Tpm): number[] => [20, 21, 22].map((pcr) => resetPcr(tpm, pcr, 2));
  const all = (code: number): number[] => [code, code, code];

  it('PCR_SetAuthPolicy of one PCR holds for all three, over Clear and power-off', () => {
    const tpm = startedTpm();
    expect(setPolicy(tpm, 20, SHA256, POLICY)).toBe(TPM_RC.SUCCESS);
    expect(answers(tpm)).toEqual(all(TPM_RC.AUTH_TYPE));
    expect(codeOf(tpm, platformCommand(TPM_CC.Clear))).toBe(TPM_RC.SUCCESS);
    tpm.initialize();
    startUp(tpm);
    expect(answers(tpm)).toEqual(all(TPM_RC.AUTH_TYPE));
    expect(extend(tpm, 0)).toBe(TPM_RC.SUCCESS);
  });

  it('PCR_SetAuthPolicy is undone by an empty policy and by ChangePPS', () => {
    const tpm = startedTpm();
    setPolicy(tpm, 22, SHA256, POLICY);
    expect(setPolicy(tpm, 20, TPM_ALG.NULL, new Uint8Array(0))).toBe(TPM_RC.SUCCESS);
    expect(answers(tpm)).toEqual(all(TPM_RC.SUCCESS));
    setPolicy(tpm, 22, SHA256, POLICY);
    expect(codeOf(tpm, platformCommand(TPM_CC.ChangePPS))).toBe(TPM_RC.SUCCESS);
    expect(answers(tpm)).toEqual(all(TPM_RC.SUCCESS));
  });

  it.each([
    ["a policy that is not of its hash's size", 20, SHA256, 31, TPM_RC_FORMAT_ONE.SIZE | 0x140],
    ['a policy without a hash', 20, TPM_ALG.NULL, 32, TPM_RC_FORMAT_ONE.SIZE | 0x140],
    ['a hash without a policy', 20, SHA256, 0, TPM_RC_FORMAT_ONE.SIZE | 0x140],
    ['a PCR that cannot have one', 19, SHA256, 32, TPM_RC_FORMAT_ONE.VALUE | 0x340],
  ])('PCR_SetAuthPolicy refuses %s', (_what, pcr, hash, size, code) => {
    expect(setPolicy(startedTpm(), pcr, hash, new Uint8Array(size))).toBe(code);
  });

  it('PCR_SetAuthValue of one PCR holds for all three, over resume, and Clear empties it', () => {
    const tpm = startedTpm();
    expect(setAuthValue(tpm, 21, Uint8Array.of(0x61, 0))).toBe(TPM_RC.SUCCESS);
    expect(answers(tpm)).toEqual(all(TPM_RC_FORMAT_ONE.BAD_AUTH | 0x900));
    shutDown(tpm, TPM_SU.STATE);
    tpm.initialize();
    startUp(tpm, TPM_SU.STATE);
    expect(answers(tpm)).toEqual(all(TPM_RC_FORMAT_ONE.BAD_AUTH | 0x900));
    expect(
      codeOf(tpm, { code: TPM_CC.PCR_Reset, handles: [20], passwords: [Uint8Array.of(0x61)] }, 2),
    ).toBe(TPM_RC.SUCCESS);
    codeOf(tpm, platformCommand(TPM_CC.Clear));
    expect(answers(tpm)).toEqual(all(TPM_RC.SUCCESS));
  });

  it('PCR_SetAuthValue refuses a PCR that cannot have one', () => {
    expect(setAuthValue(startedTpm(), 19, NO_PASSWORD)).toBe(TPM_RC_FORMAT_ONE.VALUE);
  });
});
