import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { INDEX, NvBench, PLATFORM } from '../../test/nv-bench.js';
import { powerCycle, uint32 } from '../../test/owned-objects.js';
import { commandBytes } from '../../test/password-command.js';
import { joined, sized, words } from '../../test/wire-bytes.js';

const LOCKOUT = 0x4000_000a;
const [AUTH_FAIL, LOCKED_OUT] = [0x98e, 0x921] as const;
const WRONG = Uint8Array.of(1);

/** A bench with a protected index that is written. */
function protectedBench(): NvBench {
  const bench = new NvBench();
  bench.define(INDEX);
  expect(bench.write(INDEX, [7])).toBe(0);
  return bench;
}

function setParameters(bench: NvBench, ...values: readonly [number, number, number]): number {
  const parameters = joined(...values.map(uint32));
  return bench.send(TPM_CC.DictionaryAttackParameters, [LOCKOUT], parameters);
}

function fail(bench: NvBench, times = 1): void {
  for (let time = 0; time < times; time++) {
    expect(bench.read(INDEX, 1, 0, { password: WRONG })).toBe(AUTH_FAIL);
  }
}

/** @returns failed tries, their limit, and the two times in seconds */
function shown(bench: NvBench): number[] {
  const parameters = joined(uint32(6), uint32(0x20e), uint32(4));
  const response = bench.tpm.execute(commandBytes({ code: TPM_CC.GetCapability, parameters }), 0);
  return [0, 1, 2, 3].map((at) => readUint32(response, 23 + 8 * at));
}

describe('DictionaryAttackLockReset', () => {
  it('DictionaryAttackLockReset ends a lockout', () => {
    const bench = protectedBench();
    fail(bench, 3);
    expect(bench.read(INDEX, 1)).toBe(LOCKED_OUT);
    expect(bench.send(TPM_CC.DictionaryAttackLockReset, [LOCKOUT])).toBe(0);
    expect(shown(bench)[0]).toBe(0);
    expect(bench.read(INDEX, 1)).toEqual([7]);
  });

  it('DictionaryAttackLockReset with a wrong lockoutAuth switches lockoutAuth off', () => {
    const bench = protectedBench();
    const reset = (password: Uint8Array[]) =>
      bench.send(TPM_CC.DictionaryAttackLockReset, [LOCKOUT], undefined, password);
    expect(reset([WRONG])).toBe(AUTH_FAIL);
    expect(reset([new Uint8Array(0)])).toBe(LOCKED_OUT);
    expect(bench.send(TPM_CC.Clear, [PLATFORM])).toBe(0);
    expect(reset([new Uint8Array(0)])).toBe(0);
  });
});

describe('DictionaryAttackParameters', () => {
  it('DictionaryAttackParameters shows in the capabilities and outlives a start', () => {
    const bench = protectedBench();
    expect(setParameters(bench, 5, 7, 9)).toBe(0);
    powerCycle(bench.tpm, 'reset');
    expect(shown(bench)).toEqual([0, 5, 7, 9]);
  });

  it('DictionaryAttackParameters with fewer tries than failed locks, with more frees again', () => {
    const bench = protectedBench();
    setParameters(bench, 5, 1000, 1000);
    fail(bench, 3);
    setParameters(bench, 2, 1000, 1000);
    expect(bench.read(INDEX, 1)).toBe(LOCKED_OUT);
    setParameters(bench, 5, 1000, 1000);
    expect(bench.read(INDEX, 1)).toEqual([7]);
    expect(shown(bench)[0]).toBe(3);
  });

  it('DictionaryAttackParameters with no recovery time forgets failures and counts none', () => {
    const bench = protectedBench();
    fail(bench, 2);
    setParameters(bench, 3, 0, 1000);
    expect(shown(bench)[0]).toBe(0);
    fail(bench, 5);
    expect(bench.read(INDEX, 1)).toEqual([7]);
  });

  it('DictionaryAttackParameters with no tries locks at once', () => {
    const bench = protectedBench();
    setParameters(bench, 0, 1000, 1000);
    expect(bench.read(INDEX, 1)).toBe(LOCKED_OUT);
  });
});

describe('SetPrimaryPolicy', () => {
  const OWNER = 0x4000_0001;
  const setPolicy = (bench: NvBench, hierarchy: number, policy: Uint8Array, hash: number) =>
    bench.send(TPM_CC.SetPrimaryPolicy, [hierarchy], joined(sized(policy), words(hash)));

  it('SetPrimaryPolicy refuses a policy of another size than its hash, and one without a hash', () => {
    const bench = new NvBench();
    expect(setPolicy(bench, OWNER, new Uint8Array(20), 0x000b)).toBe(0x1d5);
    expect(setPolicy(bench, OWNER, new Uint8Array(0), 0x000b)).toBe(0x1d5);
    expect(setPolicy(bench, OWNER, new Uint8Array(1), 0x0010)).toBe(0x1d5);
    expect(setPolicy(bench, OWNER, new Uint8Array(0), 0x0012)).toBe(0x2c3);
  });

  it('SetPrimaryPolicy keeps the policy of a hierarchy for ever, that of the platform until a start', () => {
    const bench = new NvBench();
    const policy = new Uint8Array(32).fill(5);
    for (const hierarchy of [OWNER, LOCKOUT, 0x4000_000b, PLATFORM]) {
      expect(setPolicy(bench, hierarchy, policy, 0x000b)).toBe(0);
    }
    expect(bench.tpm.state.clear.platform.authPolicy).toEqual(policy);
    powerCycle(bench.tpm, 'restart');
    const { owner, lockout, endorsement } = bench.tpm.state.permanent;
    expect([owner, lockout, endorsement].map(({ authPolicy }) => authPolicy)).toEqual(
      new Array(3).fill(policy),
    );
    expect(bench.tpm.state.clear.platform.authPolicy).toHaveLength(0);
    expect(setPolicy(bench, OWNER, new Uint8Array(0), 0x0010)).toBe(0);
    expect(bench.tpm.state.permanent.owner.policyAlg).toBe(0x0010);
  });
});
