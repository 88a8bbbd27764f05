import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { type KeyOptions, loadedKey } from '../../test/loaded-key.js';
import { findObject } from '../entity.js';
import { recoverSecret } from '../sessions/salt.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { makeSecret } from './secret-exchange.js';

const LABEL = 'IDENTITY\0';
const VALUE = 0x084;

describe('makeSecret()', () => {
  it.each(['rsa', 'ecc'] as const)(
    'makeSecret() for an %s key is undone by recoverSecret()',
    (type) => {
      const tpm = freshTpm();
      const key = findObject(tpm, loadedKey(tpm, type, { attributes: ['decrypt'] }))!;
      const made = makeSecret(tpm.random, key.publicArea, LABEL);
      if (typeof made === 'number') throw new Error(`Refused with 0x${made.toString(16)}`);
      expect(made.seed).toHaveLength(32);
      expect(recoverSecret(key, LABEL, made.secret)).toEqual(made.seed);
      expect(recoverSecret(key, 'DUPLICATE\0', made.secret)).not.toEqual(made.seed);
    },
  );

  const off = { x: new Uint8Array(32).fill(1), y: new Uint8Array(32).fill(2) };
  it.each([
    ['an RSA key without a Name', 'rsa', { nameAlg: TPM_ALG.NULL }],
    ['an ECC key without a Name', 'ecc', { nameAlg: TPM_ALG.NULL }],
    ['a point that is not on the curve', 'ecc', { point: off }],
  ] as const)('makeSecret() refuses %s with TPM_RC_VALUE', (_what, type, options: KeyOptions) => {
    const tpm = freshTpm();
    const key = findObject(tpm, loadedKey(tpm, type, { isPublic: true, ...options }))!;
    expect(makeSecret(tpm.random, key.publicArea, LABEL)).toBe(VALUE);
  });
});
