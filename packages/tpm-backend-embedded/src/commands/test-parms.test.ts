import { fixtureJson } from '@tpmdev/testing/fixture';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { startup } from '../../test/owned-objects.js';
import { commandBytes, responseCode } from '../../test/password-command.js';

const { testParms } = await fixtureJson<{
  readonly testParms: readonly {
    readonly parms: string;
    readonly hex: string;
    readonly rc: string;
  }[];
}>(new URL('../../fixtures/capabilities.json.gz', import.meta.url));

/** Algorithms and curves that swtpm has and this TPM has not, with the codes for unknown ones. */
const ABSENT: readonly (readonly [RegExp, number])[] = [
  [/\b(TDES|CAMELLIA)\b/, 0x1d6],
  [/^ECC (NIST_P192|NIST_P224|BN_P256|BN_P638|SM2_P256)/, 0x1e6],
  [/ scheme (SM2|ECMQV)\b/, 0x1d2],
];

function testParmsCode(parameters: Uint8Array): number {
  const tpm = freshTpm();
  startup(tpm);
  return responseCode(tpm.execute(commandBytes({ code: TPM_CC.TestParms, parameters }), 0));
}

describe('TPM2_TestParms', () => {
  it('TPM2_TestParms takes and refuses what swtpm takes and refuses, but for absent algorithms', () => {
    const wrong = testParms.flatMap(({ parms, hex, rc }) => {
      const expected = ABSENT.find(([name]) => name.test(parms))?.[1] ?? Number(rc);
      const code = testParmsCode(fromHex(hex));
      return code === expected ? [] : [[parms, code.toString(16), expected.toString(16)]];
    });
    expect(wrong).toEqual([]);
  });

  it('TPM2_TestParms refuses bytes after the parameters', () => {
    expect(testParmsCode(fromHex('00080005000b00'))).toBe(0x095);
  });
});
