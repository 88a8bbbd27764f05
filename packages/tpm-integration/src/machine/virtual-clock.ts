/** Largest time in nanoseconds: a signed 64-bit number. */
const LAST = 0x7fff_ffff_ffff_ffffn;

/** The machine's virtual time in nanoseconds. Only the outside moves it (qtest: `clock_step`). */
export class VirtualClock {
  #now = 0n;

  /** Nanoseconds since the machine was created. */
  get now(): bigint {
    return this.#now;
  }

  /**
   * Moves to a point in time; time never goes back.
   *
   * @param time nanoseconds, at most 2^63 - 1; an earlier time than now is ignored
   * @returns whether the time is in range
   */
  advanceTo(time: bigint): boolean {
    if (time > LAST) return false;
    if (time > this.#now) this.#now = time;
    return true;
  }
}
