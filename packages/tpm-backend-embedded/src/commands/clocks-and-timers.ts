import { timeInfo } from '../clock.js';
import { TPMS_TIME_INFO } from '../structures/clock-info.js';
import { TPM_CLOCK_ADJUST } from '../structures/constants.js';
import { TPMI_RH_PROVISION } from '../structures/handles.js';
import { UINT64 } from '../structures/wire-type.js';
import { type Command, command, user } from './command.js';

/** Clocks and timers (TPM 2.0 Library, Part 3, section 29). */
export const CLOCKS_AND_TIMERS: readonly Command[] = [
  command('ReadClock', { response: { currentTime: TPMS_TIME_INFO } }, (tpm) => ({
    currentTime: timeInfo(tpm),
  })),
  command('ClockSet', {
    nv: true,
    handles: { auth: user(TPMI_RH_PROVISION) },
    parameters: { newTime: UINT64 },
  }),
  command('ClockRateAdjust', {
    handles: { auth: user(TPMI_RH_PROVISION) },
    parameters: { rateAdjust: TPM_CLOCK_ADJUST },
  }),
];
