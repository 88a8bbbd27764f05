import { TPMI_YES_NO } from './buffers.js';
import { structure, UINT32, UINT64, type WireType } from './wire-type.js';

/** Clock and restart counters (Part 2, section 10.11.1, TPMS_CLOCK_INFO). */
export interface ClockInfo {
  /** Milliseconds that the TPM has been powered in its life. */
  readonly clock: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  /** 1 when no value of `clock` at or above the shown one was ever reported. */
  readonly safe: number;
}
/** Clock and restart counters. */
export const TPMS_CLOCK_INFO: WireType<ClockInfo> = structure<ClockInfo>({
  clock: UINT64,
  resetCount: UINT32,
  restartCount: UINT32,
  safe: TPMI_YES_NO,
});
/** Time since power-on with the clock (Part 2, section 10.11.6, TPMS_TIME_INFO). */
export interface TimeInfo {
  /** Milliseconds since the last power-on. */
  readonly time: bigint;
  readonly clockInfo: ClockInfo;
}
/** Time since power-on with the clock. */
export const TPMS_TIME_INFO: WireType<TimeInfo> = structure<TimeInfo>({
  time: UINT64,
  clockInfo: TPMS_CLOCK_INFO,
});
