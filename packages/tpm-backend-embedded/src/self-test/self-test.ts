import { TPM_RC } from 'tpm-core';
import { ALGORITHM_PROPERTIES } from '../capabilities/algorithm-properties.js';
import type { ResponseCode } from '../response-code.js';
import type { Tpm } from '../tpm.js';
import { KNOWN_ANSWER_TESTS } from './known-answers.js';

/** Every algorithm that a self test covers, ascending: what is untested after power-on. */
export const TESTED_ALGORITHMS: readonly number[] = [
  ...new Set(KNOWN_ANSWER_TESTS.flatMap(({ algorithms }) => algorithms)),
].sort((one, other) => one - other);

/** @returns whether TPM2_IncrementalSelfTest may name the algorithm */
export function isKnownAlgorithm(algorithm: number): boolean {
  return ALGORITHM_PROPERTIES.some(({ alg }) => alg === algorithm);
}

/**
 * Runs the tests of `algorithms`, one test a step. A test that fails puts the TPM into failure mode
 * (Part 1, section 12.3).
 */
export function* testAlgorithms(
  tpm: Tpm,
  algorithms: readonly number[],
): Generator<void, ResponseCode, void> {
  const tested = new Set<number>();
  for (const test of KNOWN_ANSWER_TESTS) {
    if (!test.algorithms.some((algorithm) => algorithms.includes(algorithm))) continue;
    if (!test.passes(tpm.random)) {
      tpm.failure = new Error(`Self test of algorithms ${test.algorithms.join(', ')} failed`);
      return TPM_RC.FAILURE;
    }
    for (const algorithm of test.algorithms) tested.add(algorithm);
    yield;
  }
  const { volatile } = tpm.state;
  volatile.untestedAlgorithms = volatile.untestedAlgorithms.filter((one) => !tested.has(one));
  return TPM_RC.SUCCESS;
}
