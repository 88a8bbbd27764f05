import type { ClockInfo, TimeInfo } from './structures/clock-info.js';
import { LIMIT } from './structures/limits.js';
import type { Tpm } from './tpm.js';

const INTERVAL = BigInt(LIMIT.CLOCK_UPDATE);

/**
 * Lets the time that passed since the last command pass for the TPM: `time` and `clock` move on
 * (Part 1, section 36). When `clock` enters another interval of TPM_PT_CLOCK_UPDATE milliseconds it
 * is kept, and from then on no later value was ever reported.
 */
export function advanceTime(tpm: Tpm): void {
  const passed = Math.floor(tpm.clock.now() - tpm.countedUntil);
  if (passed <= 0) return;
  tpm.countedUntil += passed;
  const { volatile } = tpm.state;
  const before = volatile.clock;
  volatile.time += BigInt(passed);
  volatile.clock += BigInt(passed);
  if (before / INTERVAL === volatile.clock / INTERVAL) return;
  keepClock(tpm);
  tpm.state.permanent.clockSafe = true;
}

/** Makes the clock's present value the one that a stop without Shutdown goes back to. */
export function keepClock(tpm: Tpm): void {
  if (tpm.state.permanent.clock === tpm.state.volatile.clock) return;
  tpm.state.permanent.clock = tpm.state.volatile.clock;
  tpm.permanentChanged = true;
}

/** Sets the clock (TPM2_ClockSet, TPM2_Clear) and says that no later value was ever reported. */
export function setClock(tpm: Tpm, value: bigint): void {
  tpm.state.volatile.clock = value;
  tpm.state.permanent.clock = value;
  tpm.state.permanent.clockSafe = true;
  tpm.permanentChanged = true;
}

/** @returns clock and restart counters, as attestations and ReadClock show them */
export function clockInfo({ state }: Tpm): ClockInfo {
  return {
    clock: state.volatile.clock,
    resetCount: state.permanent.resetCount,
    restartCount: state.reset.restartCount,
    safe: state.permanent.clockSafe ? 1 : 0,
  };
}

/** @returns the time since power-on with {@link clockInfo} */
export function timeInfo(tpm: Tpm): TimeInfo {
  return { time: tpm.state.volatile.time, clockInfo: clockInfo(tpm) };
}
