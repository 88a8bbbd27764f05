const INITIAL_CAPACITY = 0x1_0000;
const HEX_DIGITS: Uint8Array = new TextEncoder().encode('0123456789abcdef');
const LINE_FEED = 0x0a;

/** Collects answer lines as bytes until they are sent in one piece. */
export class AnswerBuffer {
  #bytes: Uint8Array = new Uint8Array(INITIAL_CAPACITY);
  #length = 0;

  /** Bytes collected. */
  get length(): number {
    return this.#length;
  }

  /** Appends ASCII text. */
  text(text: string): void {
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index++) {
      this.#bytes[this.#length++] = text.charCodeAt(index);
    }
  }

  /** Appends bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /**
   * Appends a hexadecimal number with leading zeros.
   *
   * @param value unsigned 32-bit number
   * @param digits 1 to 8
   */
  hex(value: number, digits: number): void {
    this.#reserve(digits);
    for (let shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
      this.#bytes[this.#length++] = HEX_DIGITS[(value >>> shift) & 0xf]!;
    }
  }

  /** Appends two hexadecimal digits per byte. */
  hexBytes(bytes: Uint8Array): void {
    this.#reserve(2 * bytes.length);
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index]!;
      this.#bytes[this.#length++] = HEX_DIGITS[byte >>> 4]!;
      this.#bytes[this.#length++] = HEX_DIGITS[byte & 0xf]!;
    }
  }

  /** Ends the line. */
  endLine(): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = LINE_FEED;
  }

  /**
   * @param start offset of the first byte wanted
   * @returns a copy of what was collected since
   */
  since(start: number): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  /** @returns a copy of what was collected; the buffer is empty afterwards */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > INITIAL_CAPACITY) this.#bytes = new Uint8Array(INITIAL_CAPACITY);
    return taken;
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, needed));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
