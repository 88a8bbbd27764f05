import type { MachineFamily } from '../description.js';

/** A part of the machine's memory at its place. Memory is one block, `offset` counts in it. */
export interface RamRange {
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

/** Where a machine family has its memory and its interrupt controller. */
export interface MachineMap {
  readonly ram: readonly RamRange[];
  /** Ranges that read as all ones although nothing is plugged in, as start and size. */
  readonly ones: readonly (readonly [start: number, size: number])[];
  /** Number of input pins of the interrupt controller. */
  readonly interruptPins: number;
  /** Object path of the interrupt controller, then the shorter names that also find it. */
  readonly interruptController: readonly string[];
}

/** First address above the 32-bit space, where memory goes on that found no place below. */
const ABOVE_4G = 0x1_0000_0000;

/** Below 1 MiB memory ends here: option ROMs and firmware follow. */
const ROM_AREA = { start: 0xc_0000, end: 0x10_0000 } as const;

/**
 * Memory of a PC. QEMU: everything is below 4 GiB up to `limit`; from there on memory is split at
 * `split`, which is lower so that the upper part starts at a round number of gigabytes.
 */
function pcRam(size: number, limit: number, split: number): RamRange[] {
  const low = size >= limit ? split : size;
  const ranges: RamRange[] = [{ address: 0, offset: 0, size: Math.min(low, ROM_AREA.start) }];
  if (low > ROM_AREA.end) {
    ranges.push({ address: ROM_AREA.end, offset: ROM_AREA.end, size: low - ROM_AREA.end });
  }
  if (size > low) ranges.push({ address: ABOVE_4G, offset: low, size: size - low });
  return ranges;
}

/** Pins of the 82093AA I/O APIC. */
const IO_APIC_PINS = 24;

/** QEMU: inputs of the GIC of `virt` with one processor: 256 shared and 32 private ones. */
const GIC_PINS = 288;

/**
 * @param family machine family
 * @param ramSize memory in bytes
 * @returns the map as QEMU 7.2 lays it out
 */
export function machineMap(family: MachineFamily, ramSize: number): MachineMap {
  switch (family) {
    case 'pc':
      return {
        ram: pcRam(ramSize, 0xe000_0000, 0xc000_0000),
        ones: [],
        interruptPins: IO_APIC_PINS,
        interruptController: ['/machine/i440fx/ioapic', 'i440fx/ioapic', 'ioapic'],
      };
    case 'q35':
      return {
        ram: pcRam(ramSize, 0xb000_0000, 0x8000_0000),
        ones: [],
        interruptPins: IO_APIC_PINS,
        interruptController: ['/machine/q35/ioapic', 'q35/ioapic', 'ioapic'],
      };
    case 'virt':
      return {
        ram: [{ address: 0x4000_0000, offset: 0, size: ramSize }],
        // The PCIe windows: 32-bit memory, port space, 64-bit memory.
        ones: [
          [0x1000_0000, 0x2eff_0000],
          [0x3eff_0000, 0x1_0000],
          [0x80_0000_0000, 0x80_0000_0000],
        ],
        interruptPins: GIC_PINS,
        interruptController: ['/machine/unattached/device[1]', 'unattached/device[1]'],
      };
    case 'pseries':
      return {
        ram: [{ address: 0, offset: 0, size: ramSize }],
        ones: [],
        interruptPins: 0,
        interruptController: [],
      };
  }
}
