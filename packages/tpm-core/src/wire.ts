import { TpmdevError } from './error.js';

/** Length of a command or response header: tag (2), size (4), command or response code (4). */
export const HEADER_SIZE = 10;

/** Offsets of the header's fields in bytes (TPM 2.0 Part 3, section 4; TPM 1.2 Part 3). */
export const HEADER_OFFSET = { tag: 0, size: 2, code: 6 } as const;

/** Reading beyond the end of a buffer, or writing beyond its capacity. */
export class WireError extends TpmdevError {
  constructor(message: string) {
    super('ERR_WIRE_BOUNDS', message);
  }
}

/** Header of a command or a response. */
export interface TpmHeader {
  /** Structure tag. */
  readonly tag: number;
  /** Size field: length of the whole message in bytes, as the sender claims. */
  readonly size: number;
  /** Command code (ordinal) of a command, response code of a response. */
  readonly code: number;
}

/**
 * @param bytes a buffer of at least `offset + 2` bytes
 * @returns the big-endian unsigned 16-bit number at `offset`; missing bytes count as zero
 */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
}

/**
 * @param bytes a buffer of at least `offset + 4` bytes
 * @returns the big-endian unsigned 32-bit number at `offset`; missing bytes count as zero
 */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((readUint16(bytes, offset) << 16) | readUint16(bytes, offset + 2)) >>> 0;
}

/** @returns the header, or `undefined` when `bytes` is shorter than {@link HEADER_SIZE} */
export function readHeader(bytes: Uint8Array): TpmHeader | undefined {
  if (bytes.length < HEADER_SIZE) return undefined;
  return {
    tag: readUint16(bytes, HEADER_OFFSET.tag),
    size: readUint32(bytes, HEADER_OFFSET.size),
    code: readUint32(bytes, HEADER_OFFSET.code),
  };
}

/** Reads big-endian fields from the front of a buffer, with bounds checks. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** @throws WireError when no byte is left */
  uint8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** @throws WireError when fewer than 2 bytes are left */
  uint16(): number {
    return readUint16(this.#bytes, this.#take(2));
  }

  /** @throws WireError when fewer than 4 bytes are left */
  uint32(): number {
    return readUint32(this.#bytes, this.#take(4));
  }

  /** @throws WireError when fewer than 8 bytes are left */
  uint64(): bigint {
    const high = this.uint32();
    return (BigInt(high) << 32n) | BigInt(this.uint32());
  }

  /**
   * @param length number of bytes
   * @returns a view of the bytes, not a copy
   * @throws WireError when fewer than `length` bytes are left
   */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #take(length: number): number {
    if (!(length >= 0 && length <= this.remaining)) {
      throw new WireError(
        `Reading ${length} bytes at offset ${this.#offset} passes the end of a ${this.#bytes.length}-byte buffer`,
      );
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/** Writes big-endian fields into a growing buffer with a fixed limit. */
export class WireWriter {
  #bytes: Uint8Array;
  #length = 0;
  readonly #capacity: number;

  /** @param capacity most bytes that may be written */
  constructor(capacity = 65_536) {
    this.#capacity = capacity;
    this.#bytes = new Uint8Array(Math.min(capacity, 64));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** @throws WireError when the capacity is used up */
  uint8(value: number): this {
    const at = this.#claim(1);
    this.#bytes[at] = value;
    return this;
  }

  /** @throws WireError when the capacity is used up */
  uint16(value: number): this {
    this.#put(this.#claim(2), value, 2);
    return this;
  }

  /** @throws WireError when the capacity is used up */
  uint32(value: number): this {
    this.#put(this.#claim(4), value, 4);
    return this;
  }

  /** @throws WireError when the capacity is used up */
  uint64(value: bigint): this {
    const at = this.#claim(8);
    this.#put(at, Number((value >> 32n) & 0xffff_ffffn), 4);
    this.#put(at + 4, Number(value & 0xffff_ffffn), 4);
    return this;
  }

  /** @throws WireError when the capacity is used up */
  bytes(value: Uint8Array): this {
    const at = this.#claim(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /**
   * Overwrites a 32-bit field that was written before, such as a size field.
   *
   * @throws WireError when the field is not inside what was written
   */
  patchUint32(offset: number, value: number): this {
    if (offset < 0 || offset + 4 > this.#length) {
      throw new WireError(
        `Patching 4 bytes at offset ${offset} passes the ${this.#length} bytes written`,
      );
    }
    this.#put(offset, value, 4);
    return this;
  }

  /** @returns a copy of what was written */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #put(offset: number, value: number, width: number): void {
    for (let index = 0; index < width; index++) {
      this.#bytes[offset + index] = value >>> (8 * (width - 1 - index));
    }
  }

  #claim(length: number): number {
    const end = this.#length + length;
    if (end > this.#capacity) {
      throw new WireError(
        `Writing ${length} bytes at offset ${this.#length} passes the capacity of ${this.#capacity} bytes`,
      );
    }
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(
        Math.min(this.#capacity, Math.max(2 * this.#bytes.length, end)),
      );
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const start = this.#length;
    this.#length = end;
    return start;
  }
}
