import { readUint32, TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, WireWriter } from 'tpm-core';
import { describe, expect, it, vi } from 'vitest';
import { freshTpm, RepeatableRandom } from '../../test/fresh-tpm.js';
import { codeOf, startUp } from '../../test/measurement-commands.js';
import { commandBytes, responseCode } from '../../test/password-command.js';
import * as hashes from '../crypto/hash.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { Tpm } from '../tpm.js';
import { KNOWN_ANSWER_TESTS } from './known-answers.js';
import { TESTED_ALGORITHMS } from './self-test.js';

function startedTpm(): Tpm {
  const tpm = freshTpm();
  startUp(tpm);
  return tpm;
}

function selfTest(tpm: Tpm, fullTest: 0 | 1): number {
  return codeOf(tpm, { code: TPM_CC.SelfTest, parameters: Uint8Array.of(fullTest) });
}

function incremental(tpm: Tpm, ...algorithms: readonly number[]): Uint8Array {
  const writer = new WireWriter().uint32(algorithms.length);
  for (const algorithm of algorithms) writer.uint16(algorithm);
  return tpm.execute(
    commandBytes({ code: TPM_CC.IncrementalSelfTest, parameters: writer.finish() }),
    0,
  );
}

describe('KNOWN_ANSWER_TESTS', () => {
  it.each(KNOWN_ANSWER_TESTS.map((test) => [test.algorithms.join(', '), test] as const))(
    'KNOWN_ANSWER_TESTS of algorithms %s passes',
    (_algorithms, test) => {
      expect(test.passes(new RepeatableRandom())).toBe(true);
    },
  );

  it('KNOWN_ANSWER_TESTS that use a hash fail when it computes something else', () => {
    const right = hashes.hashAlgorithm(TPM_ALG.SHA256)!;
    const wrong = vi.spyOn(right, 'digest').mockReturnValue(new Uint8Array(32));
    const failed = KNOWN_ANSWER_TESTS.filter((test) => !test.passes(new RepeatableRandom()));
    wrong.mockRestore();
    expect(failed.flatMap(({ algorithms }) => algorithms)).toEqual(
      expect.arrayContaining([TPM_ALG.SHA256, TPM_ALG.RSASSA, TPM_ALG.ECDSA]),
    );
  });
});

describe('SelfTest', () => {
  it('SelfTest leaves nothing untested, and yields between tests', () => {
    const tpm = startedTpm();
    expect(tpm.state.volatile.untestedAlgorithms).toEqual(TESTED_ALGORITHMS);
    const steps = tpm.process(
      commandBytes({ code: TPM_CC.SelfTest, parameters: Uint8Array.of(1) }),
      0,
    );
    let yields = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) yields++;
    expect(responseCode(step.value)).toBe(TPM_RC.SUCCESS);
    expect(yields).toBe(KNOWN_ANSWER_TESTS.length);
    expect(tpm.state.volatile.untestedAlgorithms).toEqual([]);
    tpm.initialize();
    expect(tpm.state.volatile.untestedAlgorithms).toEqual(TESTED_ALGORITHMS);
  });

  it('SelfTest(NO) tests only what is untested', () => {
    const tpm = startedTpm();
    selfTest(tpm, 1);
    const digest = vi.spyOn(hashes.hashAlgorithm(TPM_ALG.SHA384)!, 'digest');
    selfTest(tpm, 0);
    expect(digest).not.toHaveBeenCalled();
    selfTest(tpm, 1);
    expect(digest).toHaveBeenCalled();
    digest.mockRestore();
  });

  it('IncrementalSelfTest tests what is named and tells what stays untested', () => {
    const tpm = startedTpm();
    const response = incremental(tpm, TPM_ALG.SHA256, TPM_ALG.AES, TPM_ALG.KEYEDHASH);
    expect(responseCode(response)).toBe(TPM_RC.SUCCESS);
    const left = tpm.state.volatile.untestedAlgorithms;
    expect(readUint32(response, 10)).toBe(left.length);
    const tested = TESTED_ALGORITHMS.filter((algorithm) => !left.includes(algorithm));
    expect(tested).toEqual([
      TPM_ALG.AES,
      TPM_ALG.SHA256,
      TPM_ALG.CTR,
      TPM_ALG.OFB,
      TPM_ALG.CBC,
      TPM_ALG.CFB,
      TPM_ALG.ECB,
    ]);
  });

  it.each([TPM_ALG.NULL, TPM_ALG.SM4, 0x0fff])(
    'IncrementalSelfTest refuses algorithm %i, which is not there',
    (algorithm) => {
      const tpm = startedTpm();
      expect(responseCode(incremental(tpm, TPM_ALG.SHA256, algorithm))).toBe(
        TPM_RC_FORMAT_ONE.VALUE | 0x140,
      );
      expect(tpm.state.volatile.untestedAlgorithms).toEqual(TESTED_ALGORITHMS);
    },
  );
});

describe('failure mode', () => {
  /** A TPM whose self test of SHA-1 failed. */
  function failedTpm(): Tpm {
    const tpm = startedTpm();
    const wrong = vi
      .spyOn(hashes.hashAlgorithm(TPM_ALG.SHA1)!, 'digest')
      .mockReturnValue(new Uint8Array(20));
    expect(selfTest(tpm, 1)).toBe(TPM_RC.FAILURE);
    wrong.mockRestore();
    return tpm;
  }

  function capability(tpm: Tpm, kind: number, property: number, count: number): Uint8Array {
    const parameters = new WireWriter().uint32(kind).uint32(property).uint32(count).finish();
    return tpm.execute(commandBytes({ code: TPM_CC.GetCapability, parameters }), 0);
  }

  it('a failed self test leaves GetTestResult and the identity, and nothing else, until init', () => {
    const tpm = failedTpm();
    const result = tpm.execute(commandBytes({ code: TPM_CC.GetTestResult }), 0);
    expect(responseCode(result)).toBe(TPM_RC.SUCCESS);
    expect(readUint32(result, 12)).toBe(TPM_RC.FAILURE);
    for (const code of [TPM_CC.ReadClock, TPM_CC.Startup, TPM_CC.SelfTest]) {
      expect(codeOf(tpm, { code })).toBe(TPM_RC.FAILURE);
    }
    expect(codeOf(tpm, { code: TPM_CC.GetTestResult, passwords: [] })).toBe(TPM_RC.FAILURE);
    tpm.initialize();
    expect(startUp(tpm)).toBe(TPM_RC.SUCCESS);
  });

  it('GetCapability in failure mode shows manufacturer to firmware version only', () => {
    const tpm = failedTpm();
    const all = capability(tpm, 6, 0x105, 100);
    expect(responseCode(all)).toBe(TPM_RC.SUCCESS);
    expect(readUint32(all, 15)).toBe(8);
    expect(readUint32(all, 23)).toBe(tpm.identity.manufacturer);
    for (const [kind, property] of [
      [6, 0x104],
      [6, 0x10d],
      [0, 0],
      [2, 0x17a],
    ] as const) {
      expect(responseCode(capability(tpm, kind, property, 1))).toBe(TPM_RC.FAILURE);
    }
  });

  it('an exception inside a command puts the TPM into failure mode before Startup too', () => {
    const tpm = freshTpm();
    const broken = vi.spyOn(tpm.clock, 'now').mockImplementation(() => {
      throw new Error('no time');
    });
    expect(startUp(tpm)).toBe(TPM_RC.FAILURE);
    broken.mockRestore();
    expect(tpm.failure).toMatchObject({ message: 'no time' });
    expect(responseCode(capability(tpm, 6, 0x105, 1))).toBe(TPM_RC.SUCCESS);
  });

  it('hash signals change nothing in failure mode', () => {
    const tpm = failedTpm();
    const before = tpm.state.volatile.pcrBanks.map(({ values }) => values.slice());
    tpm.hashStart();
    tpm.hashData(Uint8Array.of(1));
    tpm.hashEnd();
    expect(tpm.state.volatile.pcrBanks.map(({ values }) => values)).toEqual(before);
  });
});
