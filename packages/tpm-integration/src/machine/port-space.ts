/** Registers behind I/O ports. Accesses are naturally aligned. */
export interface PortRegion {
  /** Number of ports. */
  readonly size: number;
  /**
   * @param offset port number from the start of the region, a multiple of `width`
   * @param width 1, 2 or 4 bytes
   * @returns the value, little endian, as an unsigned number
   */
  read(offset: number, width: PortWidth): number;
  /**
   * @param offset port number from the start of the region, a multiple of `width`
   * @param width 1, 2 or 4 bytes
   * @param value unsigned, below 2^(8 * width)
   */
  write(offset: number, width: PortWidth, value: number): void;
}

/** Width of an access to ports in bytes. */
export type PortWidth = 1 | 2 | 4;

interface Mapping {
  readonly start: number;
  readonly region: PortRegion;
}

/** Number of I/O ports of a PC. */
export const PORT_COUNT = 0x1_0000;

/** What a port reads as that nobody answers at. */
const OPEN_BUS = 0xff;

/** Largest naturally aligned piece that starts at `port` and fits `remaining`. */
function pieceWidth(port: number, remaining: number): PortWidth {
  if ((port & 3) === 0 && remaining >= 4) return 4;
  if ((port & 1) === 0 && remaining >= 2) return 2;
  return 1;
}

/**
 * The I/O ports of a machine.
 *
 * QEMU: an access is cut at the edges of what is mapped, and there into naturally aligned pieces.
 * Ports without mapping read as all ones and drop writes; bytes beyond the last port read as zero.
 */
export class PortSpace {
  readonly #mappings: Mapping[] = [];

  /**
   * Maps registers.
   *
   * @param start first port, a multiple of 4
   */
  map(start: number, region: PortRegion): void {
    this.#mappings.push({ start, region });
  }

  /**
   * @param port 0 to 0xffff
   * @param width 1, 2 or 4 bytes
   * @returns the value, little endian, unsigned
   */
  read(port: number, width: number): number {
    let value = 0;
    const end = Math.min(port + width, PORT_COUNT);
    for (let at = port; at < end; ) {
      const mapping = this.#find(at);
      let piece: number = 1;
      let bits = OPEN_BUS;
      if (mapping !== undefined) {
        piece = pieceWidth(at, this.#inside(mapping, at, end));
        bits = mapping.region.read(at - mapping.start, piece as PortWidth);
      }
      value |= bits << (8 * (at - port));
      at += piece;
    }
    return value >>> 0;
  }

  /**
   * @param port 0 to 0xffff
   * @param width 1, 2 or 4 bytes
   * @param value little endian; bits above `width` are ignored
   */
  write(port: number, width: number, value: number): void {
    const end = Math.min(port + width, PORT_COUNT);
    for (let at = port; at < end; ) {
      const mapping = this.#find(at);
      if (mapping === undefined) {
        at++;
        continue;
      }
      const piece = pieceWidth(at, this.#inside(mapping, at, end));
      const shifted = value >>> (8 * (at - port));
      const mask = 0xffff_ffff >>> (32 - 8 * piece);
      mapping.region.write(at - mapping.start, piece, (shifted & mask) >>> 0);
      at += piece;
    }
  }

  /** Ports of an access from `at` to `end` that are still in the mapping. */
  #inside({ start, region }: Mapping, at: number, end: number): number {
    return Math.min(end, start + region.size) - at;
  }

  #find(port: number): Mapping | undefined {
    for (const mapping of this.#mappings) {
      if (port >= mapping.start && port - mapping.start < mapping.region.size) return mapping;
    }
    return undefined;
  }
}
