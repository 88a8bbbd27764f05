import { TPM_RC } from 'tpm-core';
import { TPM2B_DIGEST, TPM2B_SENSITIVE_DATA } from '../structures/buffers.js';
import { LIMIT } from '../structures/limits.js';
import { UINT16 } from '../structures/wire-type.js';
import { type Command, command } from './command.js';

/** Random number generator (TPM 2.0 Library, Part 3, section 16). */
export const RANDOM_NUMBER_GENERATOR: readonly Command[] = [
  command(
    'GetRandom',
    { parameters: { bytesRequested: UINT16 }, response: { randomBytes: TPM2B_DIGEST } },
    // More than a digest is no error: the answer is as long as it can be.
    (tpm, { bytesRequested }) => ({
      randomBytes: tpm.random.generate(Math.min(bytesRequested, LIMIT.DIGEST)),
    }),
  ),
  command(
    'StirRandom',
    { nv: true, parameters: { inData: TPM2B_SENSITIVE_DATA } },
    (tpm, { inData }) => {
      tpm.random.stir(tpm.entropy, inData);
      return TPM_RC.SUCCESS;
    },
  ),
];
