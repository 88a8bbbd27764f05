import type { MmioRegion } from 'tpm-core';
import { expect, test } from 'vitest';
import { AddressSpace } from './address-space.js';
import { Ram } from './ram.js';

/** Registers that record accesses and read as the offset in each byte. */
class Recorder implements MmioRegion {
  readonly size: number;
  readonly accesses: string[] = [];
  constructor(size: number) {
    this.size = size;
  }
  read(offset: number, width: number): number {
    this.accesses.push(`r${width}@${offset.toString(16)}`);
    let value = 0;
    for (let lane = 0; lane < width; lane++) value |= ((offset + lane) & 0xff) << (8 * lane);
    return value >>> 0;
  }
  write(offset: number, width: number, value: number): void {
    this.accesses.push(`w${width}@${offset.toString(16)}=${value.toString(16)}`);
  }
}

function space(): { space: AddressSpace; ram: Ram; registers: Recorder } {
  const ram = new Ram(0x3000);
  const registers = new Recorder(0x100);
  const result = new AddressSpace();
  result.mapRam(0x2000, ram, 0x1000, 0x1000);
  result.mapRam(0, ram, 0, 0x1000);
  result.mapRegisters(0x3000, registers);
  result.mapOnes(0x4000, 0x10);
  return { space: result, ram, registers };
}

function read(from: AddressSpace, address: number, length: number): number[] {
  const bytes = new Uint8Array(length).fill(0x99);
  from.busRead(address, bytes);
  return [...bytes];
}

test('AddressSpace.busRead() reads zeros where nothing is mapped, and drops writes there', () => {
  const { space: bus } = space();
  bus.busWrite(0x1800, Uint8Array.of(1, 2));
  expect(read(bus, 0x1800, 2)).toEqual([0, 0]);
  expect(read(bus, 2 ** 53, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(read(bus, -(2 ** 63), 1)).toEqual([0]);
});

test('AddressSpace cuts accesses at the borders of mappings', () => {
  const { space: bus, ram, registers } = space();
  ram.fill(0x1000, 0x1000, 0x55);
  expect(read(bus, 0x1fff, 2)).toEqual([0, 0x55]);
  expect(read(bus, 0x2fff, 4)).toEqual([0x55, 0, 1, 2]);
  expect(registers.accesses).toEqual(['r2@0', 'r1@2']);
  expect(read(bus, 0x30fe, 4)).toEqual([0xfe, 0xff, 0, 0]);
  expect(read(bus, 0x3fff, 0x12)).toEqual([0, ...new Array<number>(0x10).fill(0xff), 0]);
});

test('AddressSpace cuts register accesses into aligned pieces of at most 4 bytes', () => {
  const { space: bus, registers } = space();
  bus.busWrite(0x3008, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  bus.busWrite(0x3005, Uint8Array.of(1, 2, 3, 4));
  read(bus, 0x3011, 8);
  expect(registers.accesses).toEqual([
    'w4@8=4030201',
    'w4@c=8070605',
    'w1@5=1',
    'w2@6=302',
    'w1@8=4',
    'r1@11',
    'r2@12',
    'r4@14',
    'r1@18',
  ]);
});

test('AddressSpace goes on at address 0 behind the last one', () => {
  const { space: bus, ram } = space();
  bus.busWrite(-2, Uint8Array.of(1, 2, 3, 4));
  expect(read(bus, 0, 3)).toEqual([3, 4, 0]);
  ram.fill(0, 4, 7);
  expect(read(bus, -1, 3)).toEqual([0, 7, 7]);
});

test('AddressSpace.busFill() costs what is mapped, not the length', () => {
  const { space: bus, registers } = space();
  bus.busFill(0x2ffe, Number.MAX_SAFE_INTEGER, 0xab);
  expect(read(bus, 0x2ffd, 3)).toEqual([0, 0xab, 0xab]);
  expect(registers.accesses).toHaveLength(0x100 / 4);
  expect(new Set(registers.accesses.map((access) => access.split('=')[1]))).toEqual(
    new Set(['abababab']),
  );
});

test('AddressSpace.read() and write() reach memory only, whole or not at all', () => {
  const { space: bus, registers } = space();
  expect(bus.write(0x2ffe, Uint8Array.of(1, 2))).toBe(true);
  expect(bus.read(0x2ffe, 2)).toEqual(Uint8Array.of(1, 2));
  expect(bus.write(0x2fff, Uint8Array.of(9, 9))).toBe(false);
  expect(bus.read(0x2ffe, 2)).toEqual(Uint8Array.of(1, 2));
  expect(bus.read(0x2fff, 2)).toBeUndefined();
  expect(bus.read(0x0fff, 2)).toBeUndefined();
  expect(bus.read(-1, 2)).toBeUndefined();
  expect(bus.read(0, 2 ** 53)).toBeUndefined();
  expect(bus.read(Number.NaN, 1)).toBeUndefined();
  expect(bus.read(0, -1)).toBeUndefined();
  expect(registers.accesses).toEqual([]);
});
