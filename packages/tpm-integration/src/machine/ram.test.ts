import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Ram } from './ram.js';

const PAGE = 0x1_0000;

test('Ram takes no host memory before it is written, however large it is', () => {
  const ram = new Ram(2 ** 45);
  const bytes = Uint8Array.of(1, 2, 3);
  ram.read(2 ** 45 - 3, bytes);
  expect([...bytes]).toEqual([0, 0, 0]);
  expect(ram.allocated).toBe(0);
  ram.write(2 ** 45 - 1, Uint8Array.of(7));
  expect(ram.allocated).toBe(PAGE);
});

test('Ram.fill() gives whole pages of zeros back', () => {
  const ram = new Ram(4 * PAGE);
  ram.fill(0, 4 * PAGE, 0xaa);
  expect(ram.allocated).toBe(4 * PAGE);
  ram.fill(PAGE - 1, 2 * PAGE + 2, 0);
  expect(ram.allocated).toBe(2 * PAGE);
  const bytes = new Uint8Array(2);
  ram.read(PAGE - 2, bytes);
  expect([...bytes]).toEqual([0xaa, 0]);
});

test('Ram.fill() clears what is allocated of a range that is larger than that', () => {
  const ram = new Ram(2 ** 45);
  for (const page of [0, 1, 2, 3]) ram.fill(page * PAGE, PAGE, 0xaa);
  ram.fill(PAGE - 1, 2 ** 44, 0);
  expect(ram.allocated).toBe(PAGE);
  const bytes = new Uint8Array(2);
  ram.read(PAGE - 2, bytes);
  expect([...bytes]).toEqual([0xaa, 0]);
  ram.fill(0, PAGE - 1, 0);
  ram.fill(0, 2 ** 45, 0);
  expect(ram.allocated).toBe(0);
});

test('Ram keeps what a flat array keeps, over page borders', () => {
  const size = 3 * PAGE;
  const range = fc
    .tuple(fc.nat(size - 1), fc.nat(PAGE + 100))
    .map(([offset, length]) => ({ offset, length: Math.min(length, size - offset) }));
  const operation = fc.record({
    kind: fc.constantFrom('write', 'fill', 'read'),
    range,
    value: fc.nat(255),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
      const ram = new Ram(size);
      const flat = new Uint8Array(size);
      for (const { kind, range: where, value } of operations) {
        const { offset, length } = where;
        const bytes = Uint8Array.from({ length }, (_, index) => value + index);
        if (kind === 'write') {
          ram.write(offset, bytes);
          flat.set(bytes, offset);
        } else if (kind === 'fill') {
          ram.fill(offset, length, value);
          flat.fill(value, offset, offset + length);
        } else ram.read(offset, bytes);
        const seen = new Uint8Array(length);
        ram.read(offset, seen);
        expect(Buffer.compare(seen, flat.subarray(offset, offset + length))).toBe(0);
      }
    }),
    { numRuns: 50 },
  );
});
