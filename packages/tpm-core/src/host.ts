/** The guest's physical memory as a device sees it (direct memory access). */
export interface GuestMemory {
  /**
   * @param address guest-physical byte address, 0 to 2^53 - 1
   * @param length number of bytes
   * @returns a copy of the bytes, or `undefined` when a part of the range is not memory
   */
  read(address: number, length: number): Uint8Array | undefined;
  /**
   * Writes the whole range or nothing.
   *
   * @param address guest-physical byte address, 0 to 2^53 - 1
   * @param bytes what to write
   * @returns `false` when a part of the range is not writable memory; nothing was written then
   */
  write(address: number, bytes: Uint8Array): boolean;
}

/** Source of time, injected so that a run can be repeated. */
export interface Clock {
  /** @returns milliseconds since an arbitrary start; never goes backwards */
  now(): number;
}

/** Source of random bytes, injected so that a run can be repeated. */
export interface RandomSource {
  /** @param target filled with random bytes, whole */
  fill(target: Uint8Array): void;
}
