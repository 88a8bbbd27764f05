import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { atParameter } from '../response-code.js';
import { isKnownAlgorithm, TESTED_ALGORITHMS, testAlgorithms } from '../self-test/self-test.js';
import { TPM2B_MAX_BUFFER, TPMI_YES_NO, TPML_ALG } from '../structures/buffers.js';
import { UINT32 } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { type Command, command, type Steps } from './command.js';

/** Testing (TPM 2.0 Library, Part 3, section 10). */
export const TESTING: readonly Command[] = [
  command('SelfTest', { nv: true, parameters: { fullTest: TPMI_YES_NO } }, (tpm, { fullTest }) =>
    testAlgorithms(tpm, fullTest === 1 ? TESTED_ALGORITHMS : tpm.state.volatile.untestedAlgorithms),
  ),
  command(
    'IncrementalSelfTest',
    { nv: true, parameters: { toTest: TPML_ALG }, response: { toDoList: TPML_ALG } },
    (tpm, { toTest }) =>
      toTest.every(isKnownAlgorithm)
        ? incrementalSelfTest(tpm, toTest)
        : atParameter(TPM_RC_FORMAT_ONE.VALUE, 1),
  ),
  command(
    'GetTestResult',
    { response: { outData: TPM2B_MAX_BUFFER, testResult: UINT32 } },
    (tpm) => ({
      outData: new Uint8Array(0),
      testResult: tpm.failure === undefined ? TPM_RC.SUCCESS : TPM_RC.FAILURE,
    }),
  ),
];

/** Tests what of `toTest` is untested. @returns what stays untested */
function* incrementalSelfTest(
  tpm: Tpm,
  toTest: readonly number[],
): Steps<{ readonly toDoList: readonly number[] }> {
  const { volatile } = tpm.state;
  const code = yield* testAlgorithms(
    tpm,
    toTest.filter((algorithm) => volatile.untestedAlgorithms.includes(algorithm)),
  );
  return code === TPM_RC.SUCCESS ? { toDoList: volatile.untestedAlgorithms } : code;
}
