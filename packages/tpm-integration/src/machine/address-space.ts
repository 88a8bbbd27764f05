import { type GuestMemory, type MmioRegion, readUnaligned, writeUnaligned } from 'tpm-core';
import type { Ram } from './ram.js';

/** Registers that tell an access of 8 bytes from two of 4. */
export interface WideRegion extends MmioRegion {
  /** @param offset a multiple of 8 @param target receives 8 bytes, in memory order */
  readWide(offset: number, target: Uint8Array): void;
  /** @param offset a multiple of 8 @param source the 8 bytes, in memory order */
  writeWide(offset: number, source: Uint8Array): void;
}

/** Width of the widest access in bytes. */
const WIDE = 8;

/** What answers a range of physical addresses. Offsets count from the start of the mapping. */
interface Mapping {
  readonly start: number;
  readonly size: number;
  /** Whether direct memory access reaches it. */
  readonly memory: boolean;
  read(offset: number, target: Uint8Array): void;
  write(offset: number, source: Uint8Array): void;
  fill(offset: number, length: number, value: number): void;
}

/** A part of an access that lies in one mapping, or in none. */
type PieceVisitor = (
  mapping: Mapping | undefined,
  offset: number,
  at: number,
  length: number,
) => void;

/** Accesses registers in pieces of 8 bytes where they are aligned, and in smaller ones elsewhere. */
function eachWide(
  offset: number,
  bytes: Uint8Array,
  wide: (offset: number, bytes: Uint8Array) => void,
  narrow: (region: MmioRegion, offset: number, bytes: Uint8Array) => void,
  region: WideRegion,
): void {
  for (let done = 0; done < bytes.length; ) {
    const at = offset + done;
    const isWide = at % WIDE === 0 && bytes.length - done >= WIDE;
    const end = isWide ? done + WIDE : Math.min(bytes.length, done + WIDE - (at % WIDE));
    const piece = bytes.subarray(done, end);
    if (isWide) wide.call(region, at, piece);
    else narrow(region, at, piece);
    done = end;
  }
}

/**
 * The physical address map of a machine: memory and registers at fixed addresses.
 *
 * An address is a signed number that stands for 64 bits: -1 is the last byte of the address space,
 * and an access that passes it goes on at 0. Nothing is mapped at negative addresses, nor at any
 * above 2^53.
 *
 * Registers are accessed as a memory bus does: naturally aligned pieces of at most 4 bytes, at
 * ascending addresses. QEMU: an address without mapping reads as zero and drops writes.
 */
export class AddressSpace implements GuestMemory {
  readonly #mappings: Mapping[] = [];
  #recent: Mapping | undefined;

  /**
   * Maps a part of a memory block.
   *
   * @param start first address
   * @param ram the block
   * @param offset byte offset in the block
   * @param size length of the part in bytes
   */
  mapRam(start: number, ram: Ram, offset = 0, size: number = ram.size - offset): void {
    this.#add({
      start,
      size,
      memory: true,
      read: (at, target) => ram.read(offset + at, target),
      write: (at, source) => ram.write(offset + at, source),
      fill: (at, length, value) => ram.fill(offset + at, length, value),
    });
  }

  /**
   * Maps registers.
   *
   * @param start first address, a multiple of 4
   * @param region the registers
   */
  mapRegisters(start: number, region: MmioRegion): void {
    this.#add({
      start,
      size: region.size,
      memory: false,
      read: (at, target) => readUnaligned(region, at, target),
      write: (at, source) => writeUnaligned(region, at, source),
      fill: (at, length, value) => writeUnaligned(region, at, new Uint8Array(length).fill(value)),
    });
  }

  /**
   * Maps registers whose naturally aligned accesses of 8 bytes are not cut.
   *
   * @param start first address, a multiple of 8
   * @param region the registers
   */
  mapWideRegisters(start: number, region: WideRegion): void {
    this.#add({
      start,
      size: region.size,
      memory: false,
      read: (at, target) => eachWide(at, target, region.readWide, readUnaligned, region),
      write: (at, source) => eachWide(at, source, region.writeWide, writeUnaligned, region),
      fill: (at, length, value) =>
        eachWide(at, new Uint8Array(length).fill(value), region.writeWide, writeUnaligned, region),
    });
  }

  /**
   * Maps memory of a device that is plain bytes.
   *
   * @param start first address
   * @param bytes the memory
   */
  mapBytes(start: number, bytes: Uint8Array): void {
    this.#add({
      start,
      size: bytes.length,
      memory: true,
      read: (at, target) => target.set(bytes.subarray(at, at + target.length)),
      write: (at, source) => bytes.set(source, at),
      fill: (at, length, value) => void bytes.fill(value, at, at + length),
    });
  }

  /** Maps a range that reads as all ones and drops writes, such as an empty PCI window. */
  mapOnes(start: number, size: number): void {
    this.#add({
      start,
      size,
      memory: false,
      read: (_at, target) => target.fill(0xff),
      write: () => {},
      fill: () => {},
    });
  }

  /**
   * A bus read; registers may have side effects.
   *
   * @param address first address
   * @param target receives the bytes; its length is the length of the access
   */
  busRead(address: number, target: Uint8Array): void {
    const mapping = this.#find(address);
    if (mapping !== undefined && address - mapping.start + target.length <= mapping.size) {
      mapping.read(address - mapping.start, target);
      return;
    }
    this.#visit(address, target.length, (piece, offset, at, length) => {
      const part = target.subarray(at, at + length);
      if (piece === undefined) part.fill(0);
      else piece.read(offset, part);
    });
  }

  /**
   * A bus write.
   *
   * @param address first address
   * @param source the bytes
   */
  busWrite(address: number, source: Uint8Array): void {
    const mapping = this.#find(address);
    if (mapping !== undefined && address - mapping.start + source.length <= mapping.size) {
      mapping.write(address - mapping.start, source);
      return;
    }
    this.#visit(address, source.length, (piece, offset, at, length) => {
      piece?.write(offset, source.subarray(at, at + length));
    });
  }

  /**
   * A bus write of equal bytes. Costs what is mapped in the range, not its length.
   *
   * @param address first address
   * @param length number of bytes, 0 to 2^53 - 1
   * @param value 0 to 255
   */
  busFill(address: number, length: number, value: number): void {
    this.#visit(address, length, (piece, offset, _at, size) => piece?.fill(offset, size, value));
  }

  read(address: number, length: number): Uint8Array | undefined {
    if (!this.#isMemory(address, length)) return undefined;
    const bytes = new Uint8Array(length);
    this.busRead(address, bytes);
    return bytes;
  }

  write(address: number, bytes: Uint8Array): boolean {
    if (!this.#isMemory(address, bytes.length)) return false;
    this.busWrite(address, bytes);
    return true;
  }

  #isMemory(address: number, length: number): boolean {
    if (!(address >= 0 && length >= 0 && Number.isSafeInteger(address + length))) return false;
    let memory = true;
    this.#visit(address, length, (piece) => {
      memory &&= piece?.memory === true;
    });
    return memory;
  }

  #add(mapping: Mapping): void {
    this.#mappings.push(mapping);
    this.#mappings.sort((left, right) => left.start - right.start);
  }

  #find(address: number): Mapping | undefined {
    const recent = this.#recent;
    if (recent !== undefined && address >= recent.start && address - recent.start < recent.size) {
      return recent;
    }
    for (const mapping of this.#mappings) {
      if (address >= mapping.start && address - mapping.start < mapping.size) {
        this.#recent = mapping;
        return mapping;
      }
    }
    return undefined;
  }

  #visit(address: number, length: number, visit: PieceVisitor): void {
    let done = 0;
    for (const mapping of this.#mappings) {
      const gap = mapping.start - (address + done);
      if (gap > 0) {
        const size = Math.min(gap, length - done);
        if (size > 0) visit(undefined, 0, done, size);
        done += size;
      }
      const offset = address + done - mapping.start;
      if (done >= length || offset >= mapping.size) continue;
      const size = Math.min(mapping.size - offset, length - done);
      visit(mapping, offset, done, size);
      done += size;
    }
    if (done < length) visit(undefined, 0, done, length - done);
  }
}
