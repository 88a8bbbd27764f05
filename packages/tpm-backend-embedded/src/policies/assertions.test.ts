import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { EMPTY, extend, OWNER, secret } from '../../test/policy-assertions.js';
import { type Assertion, assertion, PolicyBench, uint32, words } from '../../test/policy-bench.js';
import { sized } from '../../test/session-cryptography.js';
import { sessionTpm } from '../../test/session-tpm.js';
import { TPM_SE } from '../structures/constants.js';

const ONE = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const SHORT = new Uint8Array(20);
const NAME = concatBytes(words(0x000b), ONE);
const PCR_0 = concatBytes(uint32(1), words(0x000b), Uint8Array.of(3, 1, 0, 0));

const cpHash = (hash: Uint8Array): Assertion => assertion(TPM_CC.PolicyCpHash, sized(hash));
const nameHash = (hash: Uint8Array): Assertion => assertion(TPM_CC.PolicyNameHash, sized(hash));
const template = (hash: Uint8Array): Assertion => assertion(TPM_CC.PolicyTemplate, sized(hash));
const select = assertion(
  TPM_CC.PolicyDuplicationSelect,
  concatBytes(sized(NAME), sized(NAME), Uint8Array.of(1)),
);
const code = (value: number): Assertion => assertion(TPM_CC.PolicyCommandCode, uint32(value));
const locality = (value: number): Assertion =>
  assertion(TPM_CC.PolicyLocality, Uint8Array.of(value));
const pcr = (digest: Uint8Array): Assertion =>
  assertion(TPM_CC.PolicyPCR, concatBytes(sized(digest), PCR_0));
const timer = (operand: Uint8Array, offset: number, operation: number): Assertion =>
  assertion(TPM_CC.PolicyCounterTimer, concatBytes(sized(operand), words(offset, operation)));
const authorize = (approved: Uint8Array, name: Uint8Array, tag = 0x8022): Assertion =>
  assertion(
    TPM_CC.PolicyAuthorize,
    concatBytes(sized(approved), words(0), sized(name), words(tag), uint32(0x4000_0001), words(0)),
  );
const count = (value: number): Assertion => assertion(TPM_CC.PolicyOR, uint32(value));
const changePcr: Assertion = async (bench) => {
  await extend(bench, 0);
  return 0;
};
const restart = assertion(TPM_CC.PolicyRestart);
const expired = { expiration: 1, withNonce: true };
const later: Assertion = async (bench) => {
  await bench.wait(1001);
  return 0;
};

/** What follows what, the codes of swtpm in a policy session, and in a trial session if others. */
const CASES: readonly (readonly [
  string,
  readonly Assertion[],
  readonly number[],
  (readonly number[])?,
])[] = [
  ['a cpHash once more', [cpHash(ONE), cpHash(ONE)], [0, 0]],
  ['another cpHash', [cpHash(ONE), cpHash(OTHER)], [0, 0x151]],
  ['a cpHash of another size after one', [cpHash(ONE), cpHash(SHORT)], [0, 0x1d5]],
  ['an empty cpHash', [cpHash(EMPTY)], [0x1d5]],
  ['a nameHash once more', [nameHash(ONE), nameHash(ONE)], [0, 0x151]],
  ['a nameHash and the same cpHash', [nameHash(ONE), cpHash(ONE)], [0, 0x151]],
  ['a cpHash and a nameHash of another size', [cpHash(ONE), nameHash(SHORT)], [0, 0x1d5]],
  ['a template once more', [template(ONE), template(ONE)], [0, 0]],
  ['another template', [template(ONE), template(OTHER)], [0, 0x1c4]],
  ['a template of another size', [template(SHORT)], [0x1d5]],
  ['a template of another size after one', [template(ONE), template(SHORT)], [0, 0x1c4]],
  ['a cpHash and a template of another size', [cpHash(ONE), template(SHORT)], [0, 0x151]],
  ['two duplications', [select, select], [0, 0x151]],
  ['a command code and a duplication', [code(TPM_CC.Duplicate), select], [0, 0x143]],
  ['a duplication and its command code', [select, code(TPM_CC.Duplicate)], [0, 0]],
  ['a duplication and another command', [select, code(TPM_CC.Hash)], [0, 0x1c4]],
  ['a cpHash, a code and a duplication', [cpHash(ONE), code(TPM_CC.Hash), select], [0, 0, 0x151]],
  ['a command that is not there after another', [code(TPM_CC.Hash), code(0x1ff)], [0, 0x1c4]],
  ['command code 0', [code(0)], [0x1e4]],
  ['an extended locality once more', [locality(32), locality(32)], [0, 0]],
  ['another extended locality', [locality(32), locality(33)], [0, 0x1cd]],
  ['an extended locality and a bit', [locality(32), locality(1)], [0, 0x1cd]],
  ['a bit and an extended locality', [locality(1), locality(32)], [0, 0x1cd]],
  ['PCR that have other values', [pcr(ONE)], [0x1c4], [0]],
  ['a PCR digest of another size', [pcr(SHORT)], [0x1c4], [0]],
  [
    'PCR that changed and other values',
    [pcr(EMPTY), changePcr, pcr(ONE)],
    [0, 0, 0x128],
    [0, 0, 0],
  ],
  ['an operand up to the end of the time', [timer(new Uint8Array(8), 17, 1)], [0]],
  ['an operand past the end of the time', [timer(new Uint8Array(8), 18, 1)], [0x08d]],
  ['an offset past the end of the time', [timer(EMPTY, 26, 0)], [0x2c4]],
  ['a comparison that is false', [timer(Uint8Array.of(9), 16, 0)], [0x126], [0]],
  ['a list of one', [count(1)], [0x1d5]],
  ['an approved policy that is another', [authorize(ONE, NAME)], [0x1c4], [0]],
  ['a null ticket', [authorize(new Uint8Array(32), NAME)], [0x4c4], [0]],
  ['a key Name without a hash', [authorize(ONE, Uint8Array.of(0, 0x99))], [0x3c3]],
  ['an empty key Name', [authorize(ONE, EMPTY)], [0x3c3]],
  ['a key Name that is too short', [authorize(ONE, Uint8Array.of(0, 0x0b, 1))], [0x3d5]],
  ['a ticket about something else', [authorize(ONE, NAME, 0x8024)], [0x4d7]],
  ['a ticket of no known kind', [authorize(ONE, NAME, 0x80a2)], [0x4c4]],
  ['a cpHash of PolicySecret that is short', [secret(OWNER, { cpHash: SHORT })], [0x2d5], [0]],
  [
    'a nameHash and the same cpHash of PolicySecret',
    [nameHash(ONE), secret(OWNER, { cpHash: ONE }), cpHash(ONE), template(ONE)],
    [0, 0, 0, 0x151],
  ],
  [
    'an expiration that is over, before the cpHash',
    [later, secret(OWNER, { ...expired, cpHash: SHORT })],
    [0, 0x4e3],
    [0, 0],
  ],
  ['a restart', [code(TPM_CC.Hash), restart, code(TPM_CC.Sign)], [0, 0, 0]],
];

async function run(type: number, assertions: readonly Assertion[]): Promise<string[]> {
  const { client, clock } = await sessionTpm();
  const wait = (milliseconds: number): Promise<void> =>
    Promise.resolve(clock.advance(milliseconds));
  const bench = new PolicyBench(client, wait);
  const session = await client.startAuthSession({ type });
  const codes: string[] = [];
  for (const one of assertions) {
    const before = await bench.digestOf(session);
    const found = await one(bench, session);
    codes.push(`0x${found.toString(16)}`);
    if (found !== 0) expect(await bench.digestOf(session)).toEqual(before);
  }
  return codes;
}

describe('assertions of a policy', () => {
  it.each(CASES.map(([name, all, real, trial = real]) => [name, all, real, trial] as const))(
    'Tpm.execute() has the codes of swtpm for %s, and a refused one changes no digest',
    async (_name, assertions, real, trial) => {
      const hex = (value: number): string => `0x${value.toString(16)}`;
      expect(await run(TPM_SE.POLICY, assertions)).toEqual(real.map(hex));
      expect(await run(TPM_SE.TRIAL, assertions)).toEqual(trial.map(hex));
    },
  );

  it('PolicyPCR names only PCR that are in use', async () => {
    const { client, tpm } = await sessionTpm();
    const bench = new PolicyBench(client, () => Promise.resolve());
    const selection = (first: number) =>
      concatBytes(
        words(0),
        uint32(2),
        words(4),
        Uint8Array.of(3, first, 0, 0),
        words(11),
        Uint8Array.of(3, 1, 0, 0),
      );
    tpm.state.volatile.pcrSelection = tpm.state.volatile.pcrSelection.filter(
      ({ hash }) => hash === 11,
    );
    tpm.state.volatile.pcrBanks = tpm.state.volatile.pcrBanks.filter(
      ({ hashAlg }) => hashAlg === 11,
    );
    const digests = [1, 0].map((first) =>
      bench.digest(assertion(TPM_CC.PolicyPCR, selection(first))),
    );
    const [one, other] = [await digests[0]!, await digests[1]!];
    expect(one).toEqual(other);
    const used = concatBytes(uint32(2), words(4), Uint8Array.of(3, 0, 0, 0), words(11));
    const values = sha256(new Uint8Array(32));
    expect(one).toEqual(
      sha256(
        concatBytes(
          new Uint8Array(32),
          uint32(TPM_CC.PolicyPCR),
          used,
          Uint8Array.of(3, 1, 0, 0),
          values,
        ),
      ),
    );
  });
});
