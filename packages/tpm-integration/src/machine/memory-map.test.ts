import { expect, test } from 'vitest';
import type { MachineFamily } from '../description.js';
import { machineMap } from './memory-map.js';

const MEBIBYTE = 0x10_0000;
const GIBIBYTE = 0x4000_0000;

/** As `info mtree -f` of QEMU 7.2 shows them: address, last address, offset. */
const OBSERVED: readonly [MachineFamily, size: number, ...ranges: string[]][] = [
  ['pc', 128 * MEBIBYTE, '0-bffff@0', '100000-7ffffff@100000'],
  ['pc', 3 * GIBIBYTE, '0-bffff@0', '100000-bfffffff@100000'],
  ['pc', 3584 * MEBIBYTE, '0-bffff@0', '100000-bfffffff@100000', '100000000-11fffffff@c0000000'],
  ['pc', 4 * GIBIBYTE, '0-bffff@0', '100000-bfffffff@100000', '100000000-13fffffff@c0000000'],
  ['q35', 128 * MEBIBYTE, '0-bffff@0', '100000-7ffffff@100000'],
  ['q35', 2816 * MEBIBYTE, '0-bffff@0', '100000-7fffffff@100000', '100000000-12fffffff@80000000'],
  ['q35', 3 * GIBIBYTE, '0-bffff@0', '100000-7fffffff@100000', '100000000-13fffffff@80000000'],
  ['q35', 4 * GIBIBYTE, '0-bffff@0', '100000-7fffffff@100000', '100000000-17fffffff@80000000'],
  ['virt', 128 * MEBIBYTE, '40000000-47ffffff@0'],
  ['pc', 0x8_0000, '0-7ffff@0'],
];

test.each(OBSERVED)(
  'machineMap() lays out %s with %d bytes as QEMU does',
  (family, size, ...ranges) => {
    const hex = (value: number) => value.toString(16);
    expect(
      machineMap(family, size).ram.map(
        (range) =>
          `${hex(range.address)}-${hex(range.address + range.size - 1)}@${hex(range.offset)}`,
      ),
    ).toEqual(ranges);
  },
);

test.each(['pc', 'q35', 'virt', 'pseries'] as const)(
  'machineMap() of %s has no overlapping ranges at any size',
  (family) => {
    for (let size = MEBIBYTE; size <= 8 * GIBIBYTE; size += 97 * MEBIBYTE) {
      const map = machineMap(family, size);
      let end = 0;
      for (const range of map.ram) {
        expect(range.address).toBeGreaterThanOrEqual(end);
        expect(range.size).toBeGreaterThan(0);
        end = range.address + range.size;
      }
    }
  },
);
