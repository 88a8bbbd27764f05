/** A reproducible source of random numbers (mulberry32). */
export class Random {
  #state: number;

  /** @param seed any 32-bit number */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns an integer from 0 to before `limit` */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** @returns one of the elements */
  pick<Element>(elements: readonly Element[]): Element {
    return elements[this.below(elements.length)]!;
  }

  /** @returns `true` once in `times` */
  once(times: number): boolean {
    return this.below(times) === 0;
  }
}
