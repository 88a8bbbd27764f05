import { concatBytes } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { DerivedSource } from './derived-source.js';
import { hashAlgorithm } from './hash.js';
import { kdfa } from './kdf.js';

describe('DerivedSource', () => {
  test('gives KDFa of 8192 bits, however the requests are cut', () => {
    const hash = hashAlgorithm(TPM_ALG.SHA384)!;
    const [secret, label, context] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
    const expected = kdfa(hash, secret, label, context, new Uint8Array(0), 8_192);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 10 }), (sizes) => {
        const source = new DerivedSource(hash, secret, label, context);
        const parts = sizes.map((size) => {
          const target = new Uint8Array(size);
          source.fill(target);
          return target;
        });
        const all = concatBytes(...parts);
        expect(all).toEqual(expected.subarray(0, all.length));
      }),
    );
  });
});
