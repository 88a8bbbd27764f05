import type { AccessWidth, MmioRegion } from 'tpm-integration/assembly';

/** Plain memory as a register block. */
export class ByteRegion implements MmioRegion {
  readonly size: number;
  readonly bytes: Uint8Array;

  /** @param size bytes; all zero at first */
  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(size);
  }

  read(offset: number, width: AccessWidth): number {
    let value = 0;
    for (let lane = 0; lane < width; lane++) value |= this.bytes[offset + lane]! << (8 * lane);
    return value >>> 0;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    for (let lane = 0; lane < width; lane++) this.bytes[offset + lane] = value >>> (8 * lane);
  }
}
