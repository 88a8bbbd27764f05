/** Width of one bus access in bytes. A bus that does 8-byte accesses splits them, low half first. */
export type AccessWidth = 1 | 2 | 4;

/**
 * A block of memory-mapped registers, without a base address: the host maps it.
 *
 * A guest can do anything: no access throws, and none allocates. Accesses are naturally aligned;
 * {@link readUnaligned} and {@link writeUnaligned} cut any other access into such pieces.
 */
export interface MmioRegion {
  /** Length of the block in bytes. */
  readonly size: number;
  /**
   * @param offset byte offset from the start of the block, a multiple of `width`, below `size`
   * @param width number of bytes
   * @returns the value, little endian, as an unsigned 32-bit number below 2^(8 * width)
   */
  read(offset: number, width: AccessWidth): number;
  /**
   * @param offset byte offset from the start of the block, a multiple of `width`, below `size`
   * @param width number of bytes
   * @param value the value, little endian; bits above `width` are ignored
   */
  write(offset: number, width: AccessWidth, value: number): void;
}

/** An interrupt line with level semantics. The host maps it on its interrupt controller. */
export interface IrqLine {
  /** @param asserted the new level; a call with the present level has no effect */
  set(asserted: boolean): void;
}

/** Largest naturally aligned piece, at most 4 bytes, that starts at `offset` and fits `remaining`. */
function pieceWidth(offset: number, remaining: number): AccessWidth {
  if ((offset & 3) === 0 && remaining >= 4) return 4;
  if ((offset & 1) === 0 && remaining >= 2) return 2;
  return 1;
}

/**
 * Reads any range as a memory bus does: naturally aligned pieces of at most 4 bytes, at ascending
 * offsets. Bytes beyond the region read as zero.
 *
 * @param region where to read
 * @param offset byte offset in the region, any alignment
 * @param target receives the bytes; its length is the length of the access
 */
export function readUnaligned(region: MmioRegion, offset: number, target: Uint8Array): void {
  let done = 0;
  while (done < target.length) {
    const at = offset + done;
    if (at < 0 || at >= region.size) {
      target[done++] = 0;
      continue;
    }
    const width = pieceWidth(at, target.length - done);
    const value = region.read(at, width);
    for (let lane = 0; lane < width; lane++) target[done + lane] = value >>> (8 * lane);
    done += width;
  }
}

/**
 * Writes any range as a memory bus does: naturally aligned pieces of at most 4 bytes, at ascending
 * offsets. Bytes beyond the region are dropped.
 *
 * @param region where to write
 * @param offset byte offset in the region, any alignment
 * @param source the bytes; its length is the length of the access
 */
export function writeUnaligned(region: MmioRegion, offset: number, source: Uint8Array): void {
  let done = 0;
  while (done < source.length) {
    const at = offset + done;
    if (at < 0 || at >= region.size) {
      done++;
      continue;
    }
    const width = pieceWidth(at, source.length - done);
    let value = 0;
    for (let lane = 0; lane < width; lane++) value |= source[done + lane]! << (8 * lane);
    region.write(at, width, value >>> 0);
    done += width;
  }
}
