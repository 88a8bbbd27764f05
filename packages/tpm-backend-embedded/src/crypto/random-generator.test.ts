import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RepeatableRandom } from '../../test/fresh-tpm.js';
import { DRBG_STATE_SIZE } from './drbg.js';
import { RANDOM_STATE_LIMIT, RandomGenerator } from './random-generator.js';

const lengths = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 20 });

describe('RandomGenerator', () => {
  it('RandomGenerator.generate() gives as many bytes as asked, and never the same again', () => {
    fc.assert(
      fc.property(lengths, (requests) => {
        const generator = RandomGenerator.seeded(new RepeatableRandom());
        const seen = new Set<string>();
        for (const length of requests) {
          const bytes = generator.generate(length);
          expect(bytes.length).toBe(length);
          if (length >= 16) {
            const text = bytes.subarray(0, 16).join();
            expect(seen.has(text)).toBe(false);
            seen.add(text);
          }
        }
      }),
    );
  });

  it('RandomGenerator.importState() goes on where the exported state was, at any point', () => {
    fc.assert(
      fc.property(lengths, lengths, (before, after) => {
        const generator = RandomGenerator.seeded(new RepeatableRandom());
        for (const length of before) generator.generate(length);
        const state = generator.exportState();
        expect(state.length).toBeLessThanOrEqual(RANDOM_STATE_LIMIT);
        const restored = RandomGenerator.importState(state)!;
        for (const length of after) {
          expect(restored.generate(length)).toEqual(generator.generate(length));
        }
      }),
    );
  });

  it.each([0, DRBG_STATE_SIZE - 1, RANDOM_STATE_LIMIT + 1])(
    'RandomGenerator.importState() refuses %i bytes',
    (length) => {
      expect(RandomGenerator.importState(new Uint8Array(length))).toBeUndefined();
    },
  );

  it('RandomGenerator.generate() keeps no byte that it handed out', () => {
    const generator = RandomGenerator.seeded(new RepeatableRandom());
    const first = generator.generate(32);
    const state = generator.exportState().join();
    expect(state.includes(first.join())).toBe(false);
  });

  it('RandomGenerator.stir() drops what was drawn ahead', () => {
    const generator = RandomGenerator.seeded(new RepeatableRandom());
    generator.generate(8);
    generator.stir(new RepeatableRandom(2), Uint8Array.of(1));
    expect(generator.exportState().length).toBe(DRBG_STATE_SIZE);
  });
});
