import { bytesToHex, concatBytes, hexToBytes } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { hashAlgorithm, hashAlgorithms, type RunningHash } from './hash.js';

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const names = hashAlgorithms().map((hash) => [`0x${hash.id.toString(16)}`, hash] as const);

/** Digests of "abc" and initial hash values: FIPS 180-4, and its examples. */
const STANDARD = [
  [
    TPM_ALG.SHA1,
    'a9993e364706816aba3e25717850c26c9cd0d89d',
    '67452301efcdab8998badcfe10325476c3d2e1f0',
  ],
  [
    TPM_ALG.SHA256,
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    '6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19',
  ],
  [
    TPM_ALG.SHA384,
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    'cbbb9d5dc1059ed8629a292a367cd5079159015a3070dd17152fecd8f70e593967332667ffc00b318eb44a8768581511db0c2e0d64f98fa747b5481dbefa4fa4',
  ],
  [
    TPM_ALG.SHA512,
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    '6a09e667f3bcc908bb67ae8584caa73b3c6ef372fe94f82ba54ff53a5f1d36f1510e527fade682d19b05688c2b3e6c1f1f83d9abfb41bd6b5be0cd19137e2179',
  ],
] as const;

/** HMAC of "Hi There" with a key of twenty bytes 0b: RFC 2202 and RFC 4231, test case 1. */
const HMAC = [
  [TPM_ALG.SHA1, 'b617318655057264e28bc0b6fb378c8ef146be00'],
  [TPM_ALG.SHA256, 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    TPM_ALG.SHA384,
    'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
  ],
  [
    TPM_ALG.SHA512,
    '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
  ],
] as const;

function replay(
  parts: readonly Uint8Array[],
  start: RunningHash,
  restore: (state: Uint8Array) => RunningHash | undefined,
): Uint8Array {
  let running = start;
  for (const part of parts) {
    running.update(part);
    const restored = restore(running.exportState());
    if (restored === undefined) throw new Error('An exported state was refused');
    running = restored;
  }
  return running.digest();
}

describe('hashAlgorithm()', () => {
  test('knows no other algorithm', () => {
    expect(hashAlgorithm(TPM_ALG.SM3_256)).toBeUndefined();
    expect(hashAlgorithm(TPM_ALG.NULL)).toBeUndefined();
    expect(names.map(([, { id }]) => id)).toEqual([0x04, 0x0b, 0x0c, 0x0d]);
  });

  test.each(STANDARD)('0x%s gives the digest of the standard’s example', (id, digest) => {
    const hash = hashAlgorithm(id)!;
    expect(bytesToHex(hash.digest(ascii('abc')))).toBe(digest);
    expect(bytesToHex(hash.digest(ascii('a'), ascii(''), ascii('bc')))).toBe(digest);
    expect(2 * hash.digestSize).toBe(digest.length);
  });

  test.each(HMAC)('0x%s gives the HMAC of the standard’s test case', (id, expected) => {
    const key = new Uint8Array(20).fill(0x0b);
    expect(bytesToHex(hashAlgorithm(id)!.hmac(key, ascii('Hi '), ascii('There')))).toBe(expected);
  });
});

describe('RunningHash.exportState()', () => {
  test.each(STANDARD)('0x%s: length, chaining value, pending bytes', (id, digest, initial) => {
    const hash = hashAlgorithm(id)!;
    expect(bytesToHex(hash.start().exportState())).toBe(`0000000000000000${initial}`);
    expect(bytesToHex(hash.start().update(ascii('abc')).exportState())).toBe(
      `0000000000000003${initial}616263`,
    );
    const padded = new Uint8Array(hash.blockSize);
    padded.set([...ascii('abc'), 0x80]);
    padded[hash.blockSize - 1] = 24;
    const after = bytesToHex(hash.start().update(padded).exportState());
    expect(after.slice(16, 16 + digest.length)).toBe(digest);
    expect(after.length).toBe(16 + initial.length);
  });

  test.each(names)(
    '%s: a hash that is kept and taken up at any point is the same',
    (_name, hash) => {
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (parts) => {
          const expected = hash.digest(concatBytes(...parts));
          expect(replay(parts, hash.start(), (state) => hash.importState(state))).toEqual(expected);
        }),
      );
    },
  );

  test.each(names)(
    '%s: an HMAC that is kept and taken up at any point is the same',
    (_name, hash) => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 300 }),
          fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
          (key, parts) => {
            const expected = hash.hmac(key, concatBytes(...parts));
            const restored = replay(parts, hash.startHmac(key), (state) =>
              hash.importHmacState(state),
            );
            expect(restored).toEqual(expected);
          },
        ),
      );
    },
  );

  test.each(names)('%s: does not disturb the running hash', (_name, hash) => {
    const running = hash.start().update(ascii('a'));
    running.exportState().fill(0);
    expect(running.update(ascii('bc')).digest()).toEqual(hash.digest(ascii('abc')));
  });

  test('is bounded', () => {
    const hash = hashAlgorithm(TPM_ALG.SHA512)!;
    const state = hash.startHmac(ascii('key')).update(new Uint8Array(1_000_127)).exportState();
    expect(state.length).toBeLessThanOrEqual(64 + 8 + 64 + 127);
  });
});

describe('HashAlgorithm.importState()', () => {
  test.each(names)('%s: takes no bytes of the wrong size, and never throws', (_name, hash) => {
    const right = hash.start().update(ascii('abc')).exportState();
    for (let size = 0; size < right.length; size++) {
      expect(hash.importState(right.subarray(0, size))).toBeUndefined();
    }
    expect(hash.importState(concatBytes(right, Uint8Array.of(0)))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        hash.importState(bytes)?.digest();
        hash.importHmacState(bytes)?.digest();
      }),
    );
  });

  test.each(names)('%s: takes no length that numbers cannot count', (_name, hash) => {
    const state = hash.start().exportState();
    state.set(hexToBytes('0020000000000000'));
    expect(hash.importState(state)).toBeUndefined();
  });

  test.each(names)('%s: reads a state inside a larger buffer', (_name, hash) => {
    const state = hash.start().update(ascii('abc')).exportState();
    const larger = concatBytes(Uint8Array.of(1, 2, 3), state);
    expect(hash.importState(larger.subarray(3))?.digest()).toEqual(hash.digest(ascii('abc')));
  });
});

describe('HashAlgorithm.importHmacState()', () => {
  test.each(names)('%s: takes no inner hash that has not seen a key', (_name, hash) => {
    const outer = hash.start().exportState().subarray(8);
    expect(hash.importHmacState(concatBytes(outer, hash.start().exportState()))).toBeUndefined();
    expect(hash.importHmacState(outer.subarray(1))).toBeUndefined();
  });
});
