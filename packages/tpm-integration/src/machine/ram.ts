/** Bytes per page of host memory; a page exists once a byte of it was written. */
const PAGE_SIZE = 0x1_0000;

/**
 * Guest memory without an address: `size` bytes that start as zero. Host memory is taken page by
 * page as the guest writes, so that the size alone costs nothing.
 *
 * Ranges are given by the caller inside the size; nothing is checked here.
 */
export class Ram {
  /** Length in bytes. */
  readonly size: number;
  readonly #pages: Map<number, Uint8Array> = new Map();

  /** @param size length in bytes, 0 to 2^53 - 1 */
  constructor(size: number) {
    this.size = size;
  }

  /** Host memory in use, in bytes. */
  get allocated(): number {
    return this.#pages.size * PAGE_SIZE;
  }

  /**
   * @param offset byte offset of the first byte
   * @param target receives the bytes; its length is the length of the range
   */
  read(offset: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      const number = Math.floor((offset + done) / PAGE_SIZE);
      const within = offset + done - number * PAGE_SIZE;
      const length = Math.min(PAGE_SIZE - within, target.length - done);
      const page = this.#pages.get(number);
      if (page === undefined) target.fill(0, done, done + length);
      else target.set(page.subarray(within, within + length), done);
      done += length;
    }
  }

  /**
   * @param offset byte offset of the first byte
   * @param source the bytes
   */
  write(offset: number, source: Uint8Array): void {
    let done = 0;
    while (done < source.length) {
      const number = Math.floor((offset + done) / PAGE_SIZE);
      const within = offset + done - number * PAGE_SIZE;
      const length = Math.min(PAGE_SIZE - within, source.length - done);
      this.#page(number).set(source.subarray(done, done + length), within);
      done += length;
    }
  }

  /**
   * @param offset byte offset of the first byte
   * @param length number of bytes
   * @param value 0 to 255; whole pages of zeros are given back to the host
   */
  fill(offset: number, length: number, value: number): void {
    if (value === 0 && length > this.allocated) {
      this.#clearAllocated(offset, offset + length);
      return;
    }
    let done = 0;
    while (done < length) {
      const number = Math.floor((offset + done) / PAGE_SIZE);
      const within = offset + done - number * PAGE_SIZE;
      const piece = Math.min(PAGE_SIZE - within, length - done);
      if (value !== 0) this.#page(number).fill(value, within, within + piece);
      else if (piece === PAGE_SIZE) this.#pages.delete(number);
      else this.#pages.get(number)?.fill(0, within, within + piece);
      done += piece;
    }
  }

  /** Costs what the guest has written, not the length of the range. */
  #clearAllocated(start: number, end: number): void {
    for (const [number, page] of this.#pages) {
      const from = Math.max(start - number * PAGE_SIZE, 0);
      const to = Math.min(end - number * PAGE_SIZE, PAGE_SIZE);
      if (from === 0 && to === PAGE_SIZE) this.#pages.delete(number);
      else if (from < to) page.fill(0, from, to);
    }
  }

  #page(number: number): Uint8Array {
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE_SIZE);
      this.#pages.set(number, page);
    }
    return page;
  }
}
