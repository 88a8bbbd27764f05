import type { AccessWidth, MmioRegion } from 'tpm-integration/assembly';
import type { V86Io } from './v86-members.js';

/** v86 maps registers in units of this many bytes. */
export const BLOCK_SIZE = 0x2_0000;

const PAGE_SHIFT = 12;

/** What nobody answers reads as. */
const UNCLAIMED = 0xffff_ffff;

/** Something at its place in the block. */
interface Part {
  readonly offset: number;
  readonly region: MmioRegion;
}

/** Receives what a register access threw. */
export type FaultReport = (cause: unknown) => void;

/**
 * All registers and memory of the TPM in one block of physical addresses, since v86 knows one owner
 * per 128 KiB. A page of 4 KiB belongs to one part; what no part claims reads as ones.
 *
 * v86's bus: addresses and 32-bit values are signed; an access of 16 bits arrives as two of 8 bits, low
 * one first; one of 32 bits may be unaligned, and is cut into aligned pieces here.
 */
export class MmioBlock {
  readonly #pages: (Part | undefined)[] = new Array(BLOCK_SIZE >>> PAGE_SHIFT).fill(undefined);
  readonly #onFault: FaultReport;

  /** @param onFault receives what an access threw; the guest reads ones then */
  constructor(onFault: FaultReport) {
    this.#onFault = onFault;
  }

  /** @param offset where the region begins in the block, a multiple of 4096 */
  place(offset: number, region: MmioRegion): void {
    const part = { offset, region };
    const end = offset + region.size;
    for (let at = offset; at < end; at += 1 << PAGE_SHIFT) this.#pages[at >>> PAGE_SHIFT] = part;
  }

  /** @param base physical address, a multiple of {@link BLOCK_SIZE} */
  mapInto(io: V86Io, base: number): void {
    io.mmap_register(
      base,
      BLOCK_SIZE,
      (address) => this.#read(address & (BLOCK_SIZE - 1), 1) & 0xff,
      (address, value) => this.#write(address & (BLOCK_SIZE - 1), 1, value),
      (address) => this.#read32(address & (BLOCK_SIZE - 1)),
      (address, value) => this.#write32(address & (BLOCK_SIZE - 1), value),
    );
  }

  #read32(offset: number): number {
    if ((offset & 3) === 0) return this.#read(offset, 4);
    if ((offset & 1) === 0) {
      return (this.#read(offset, 2) & 0xffff) | (this.#read(offset + 2, 2) << 16);
    }
    const low = this.#read(offset, 1) & 0xff;
    const middle = this.#read(offset + 1, 2) & 0xffff;
    return low | (middle << 8) | (this.#read(offset + 3, 1) << 24);
  }

  #write32(offset: number, value: number): void {
    if ((offset & 3) === 0) {
      this.#write(offset, 4, value);
    } else if ((offset & 1) === 0) {
      this.#write(offset, 2, value & 0xffff);
      this.#write(offset + 2, 2, value >>> 16);
    } else {
      this.#write(offset, 1, value & 0xff);
      this.#write(offset + 1, 2, (value >>> 8) & 0xffff);
      this.#write(offset + 3, 1, value >>> 24);
    }
  }

  #read(offset: number, width: AccessWidth): number {
    const part = this.#pages[offset >>> PAGE_SHIFT];
    if (part === undefined) return UNCLAIMED;
    const at = offset - part.offset;
    if (at + width > part.region.size) return UNCLAIMED;
    try {
      return part.region.read(at, width);
    } catch (cause) {
      this.#onFault(cause);
      return UNCLAIMED;
    }
  }

  #write(offset: number, width: AccessWidth, value: number): void {
    const part = this.#pages[offset >>> PAGE_SHIFT];
    if (part === undefined) return;
    const at = offset - part.offset;
    if (at + width > part.region.size) return;
    try {
      part.region.write(at, width, value >>> 0);
    } catch (cause) {
      this.#onFault(cause);
    }
  }
}
