import type { GuestMemory } from 'tpm-core';

/** Guest RAM at one range of addresses, which notes every access beyond what memory can hold. */
export class GuestRam implements GuestMemory {
  readonly base: number;
  readonly bytes: Uint8Array;
  /** Addresses that were asked for and that no memory system could have. */
  readonly nonsense: string[] = [];
  /** Number of calls of {@link write} that wrote. */
  writes = 0;
  /** `write()` fails from this call on. */
  failWritesAfter: number = Number.POSITIVE_INFINITY;

  constructor(base: number, size: number) {
    this.base = base;
    this.bytes = new Uint8Array(size);
  }

  /** Reads without a note. */
  peek(address: number, length: number): Uint8Array {
    return this.bytes.slice(address - this.base, address - this.base + length);
  }

  /** Writes without a count. */
  poke(address: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, address - this.base);
  }

  read(address: number, length: number): Uint8Array | undefined {
    const start = this.#offset(address, length);
    return start === undefined ? undefined : this.bytes.slice(start, start + length);
  }

  write(address: number, bytes: Uint8Array): boolean {
    const start = this.#offset(address, bytes.length);
    if (start === undefined || this.writes >= this.failWritesAfter) return false;
    this.writes++;
    this.bytes.set(bytes, start);
    return true;
  }

  #offset(address: number, length: number): number | undefined {
    const isExact = Number.isSafeInteger(address) && Number.isSafeInteger(address + length);
    if (!isExact || address < 0 || length < 1) this.nonsense.push(`${address} + ${length}`);
    const start = address - this.base;
    return start >= 0 && start + length <= this.bytes.length ? start : undefined;
  }
}
