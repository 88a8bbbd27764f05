import { ctr, rngAesCtrDrbg256 } from '@noble/ciphers/aes.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/curves/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deriveSeed } from './derivation.js';
import { CtrDrbg, DRBG_STATE_SIZE } from './drbg.js';

/** The state after instantiation of 90A without derivation function: one update from zeros. */
function instantiate(seed: Uint8Array): CtrDrbg {
  const one = new Uint8Array(16);
  one[15] = 1;
  return CtrDrbg.importState(ctr(new Uint8Array(32), one).encrypt(seed))!;
}

const seed = fc.uint8Array({ minLength: DRBG_STATE_SIZE, maxLength: DRBG_STATE_SIZE });

describe('CtrDrbg', () => {
  test('generate() gives the bytes of the NIST vector (CAVP, AES-256 without df, count 0)', () => {
    const generator = instantiate(
      hexToBytes(
        'df5d73faa468649edda33b5cca79b0b05600419ccb7a879ddfec9db32ee494e5531b51de16a30f769262474c73bec010',
      ),
    );
    generator.generate(64);
    expect(bytesToHex(generator.generate(64))).toBe(
      'd1c07cd95af8a7f11012c84ce48bb8cb87189e99d40fccb1771c619bdf82ab2280b1dc2f2581f39164f7ac0c510494b3a43c41b7db17514c87b107ae793e01c5',
    );
  });

  test('generate() agrees with the generator of @noble/ciphers', () => {
    fc.assert(
      fc.property(seed, fc.array(fc.integer({ min: 1, max: 100 })), (bytes, requests) => {
        const generator = instantiate(bytes);
        const other = rngAesCtrDrbg256(bytes);
        for (const length of requests) {
          expect(generator.generate(length)).toEqual(other.randomBytes(length));
        }
      }),
    );
  });

  test('fill() is one request', () => {
    const target = new Uint8Array(40);
    instantiate(new Uint8Array(48)).fill(target);
    expect(target).toEqual(instantiate(new Uint8Array(48)).generate(40));
  });

  test('goes on from an exported state, which shares no memory with it', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 0, max: 70 }), (bytes, length) => {
        const generator = instantiate(bytes);
        generator.generate(length);
        const state = generator.exportState();
        const restored = CtrDrbg.importState(state)!;
        state.fill(0);
        generator.exportState().fill(0);
        expect(restored.generate(33)).toEqual(generator.generate(33));
      }),
    );
  });

  test('importState() takes no other size', () => {
    for (const size of [0, 47, 49]) {
      expect(CtrDrbg.importState(new Uint8Array(size))).toBeUndefined();
    }
  });

  test('a counter of ones wraps around', () => {
    const state = new Uint8Array(48).fill(0xff, 32);
    const zeros = new Uint8Array(32 + 48);
    const expected = ctr(new Uint8Array(32), new Uint8Array(16)).encrypt(zeros);
    const generator = CtrDrbg.importState(state)!;
    expect(generator.generate(32)).toEqual(expected.subarray(0, 32));
    expect(generator.exportState()).toEqual(expected.subarray(32));
  });

  test('stir() depends on old state, fresh bytes and additional data', () => {
    const stirred = (start: number, fresh: number, data: number) => {
      const generator = instantiate(new Uint8Array(48).fill(start));
      generator.stir({ fill: (target) => void target.fill(fresh) }, Uint8Array.of(data));
      return bytesToHex(generator.generate(16));
    };
    const results = [stirred(0, 0, 0), stirred(1, 0, 0), stirred(0, 1, 0), stirred(0, 0, 1)];
    expect(new Set(results).size).toBe(4);
    expect(stirred(0, 0, 0)).toBe(results[0]);
  });

  test('seeded() asks for 48 bytes once', () => {
    const requests: number[] = [];
    CtrDrbg.seeded({ fill: (target) => void requests.push(target.length) });
    expect(requests).toEqual([48]);
  });
});

describe('deriveSeed()', () => {
  test('does not see how the input is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (parts) => {
        expect(deriveSeed(...parts)).toEqual(deriveSeed(concatBytes(...parts)));
      }),
    );
  });

  test('sees every byte and the length', () => {
    const seen = new Set<string>();
    for (let length = 0; length <= 40; length++) {
      seen.add(bytesToHex(deriveSeed(new Uint8Array(length))));
      if (length > 0) {
        const bytes = new Uint8Array(length);
        bytes[length - 1] = 1;
        seen.add(bytesToHex(deriveSeed(bytes)));
      }
    }
    expect(seen.size).toBe(81);
  });
});
