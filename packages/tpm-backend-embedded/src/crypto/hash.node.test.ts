import { createHash, createHmac } from 'node:crypto';
import { concatBytes } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashAlgorithm } from './hash.js';
import { kdfa, kdfe, mgf1 } from './kdf.js';

const NAMES = [
  [0x04, 'sha1'],
  [0x0b, 'sha256'],
  [0x0c, 'sha384'],
  [0x0d, 'sha512'],
] as const;

const bytes = fc.uint8Array({ maxLength: 300 });
const word = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

describe('HashAlgorithm, against node:crypto', () => {
  test.each(NAMES)('0x%s digest() and hmac()', (id, name) => {
    const hash = hashAlgorithm(id)!;
    fc.assert(
      fc.property(bytes, bytes, (key, data) => {
        expect(hash.digest(data)).toEqual(new Uint8Array(createHash(name).update(data).digest()));
        expect(hash.hmac(key, data)).toEqual(
          new Uint8Array(createHmac(name, key).update(data).digest()),
        );
      }),
    );
  });
});

describe('key derivation, against formulas over node:crypto', () => {
  test.each(NAMES)('0x%s kdfa(), kdfe(), mgf1()', (id, name) => {
    const hash = hashAlgorithm(id)!;
    const text = Buffer.from('LABEL\0');
    fc.assert(
      fc.property(bytes, bytes, bytes, fc.integer({ min: 1, max: 256 }), (key, u, v, size) => {
        const counters = Array.from({ length: 16 }, (_, index) => index);
        const take = (block: (counter: number) => Uint8Array) =>
          concatBytes(...counters.map(block)).subarray(0, size);
        const bits = word(8 * size);
        expect(kdfa(hash, key, 'LABEL', u, v, 8 * size)).toEqual(
          take((n) =>
            createHmac(name, key)
              .update(word(n + 1))
              .update(text)
              .update(u)
              .update(v)
              .update(bits)
              .digest(),
          ),
        );
        expect(kdfe(hash, key, 'LABEL', u, v, 8 * size)).toEqual(
          take((n) =>
            createHash(name)
              .update(word(n + 1))
              .update(key)
              .update(text)
              .update(u)
              .update(v)
              .digest(),
          ),
        );
        expect(mgf1(hash, key, size)).toEqual(
          take((n) => createHash(name).update(key).update(word(n)).digest()),
        );
      }),
      { numRuns: 30 },
    );
  });
});
