// Startup, Shutdown and what a start makes of the state that the Shutdown before it left (Part 1,
// section 12.2; Part 3, section 9):
//
//   stopped by         started by       is a      null seed, contexts  PCR, platform   counters
//   anything else      Startup(CLEAR)   Reset     new                  new             reset +1
//   Shutdown(STATE)    Startup(CLEAR)   Restart   kept                 new             restart +1
//   Shutdown(STATE)    Startup(STATE)   Resume    kept                 kept            restart +1

import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING, TPM_SU } from 'tpm-core';
import { keepClock } from './clock.js';
import { newClearState, newResetState } from './manufacture.js';
import { restartNvIndexes } from './nv/nv-startup.js';
import { HCRTM_LOCALITY, resumePcrs, savedPcrs, startPcrs } from './pcr/pcr-banks.js';
import { atParameter, type ResponseCode } from './response-code.js';
import { keepWaits, resumeWaits } from './sessions/dictionary-attack.js';
import { ORDERLY } from './state/permanent-state.js';
import { CLEAR_STATE, RESET_STATE } from './state/saved-state.js';
import { marshalled, Unmarshaller, type WireType } from './structures/wire-type.js';
import type { SavedState, Tpm } from './tpm.js';

/** Localities that may send TPM2_Startup. */
const STARTUP_LOCALITIES: readonly number[] = [0, 3];

/**
 * TPM2_Startup (Part 3, section 9.3).
 *
 * @param startupType a {@link TPM_SU} value
 */
export function startUp(tpm: Tpm, startupType: number): ResponseCode {
  if (!STARTUP_LOCALITIES.includes(tpm.locality)) return TPM_RC_WARNING.LOCALITY;
  const { permanent, saved, volatile } = tpm.state;
  const isHcrtm = volatile.hcrtmDigests.length > 0;
  const locality = isHcrtm ? HCRTM_LOCALITY : tpm.locality;
  const valid = permanent.orderly === ORDERLY.STATE ? saved : undefined;
  if (startupType === TPM_SU.STATE) {
    if (valid === undefined || isHcrtm !== (valid.clear.startupLocality === HCRTM_LOCALITY)) {
      return atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
    }
    if (valid.clear.startupLocality !== locality) return TPM_RC_WARNING.LOCALITY;
    resume(tpm, valid);
  } else {
    clear(tpm, valid, locality);
  }
  noteStop(tpm);
  volatile.started = true;
  return TPM_RC.SUCCESS;
}

/**
 * TPM2_Shutdown (Part 3, section 9.4). The TPM goes on working; changes of what was saved undo it.
 *
 * @param shutdownType a {@link TPM_SU} value
 */
export function shutDown(tpm: Tpm, shutdownType: number): ResponseCode {
  const { permanent, reset, clear, volatile } = tpm.state;
  if (shutdownType === TPM_SU.STATE) {
    if (volatile.pcrReallocated) return atParameter(TPM_RC_FORMAT_ONE.TYPE, 1);
    tpm.state.saved = {
      reset: copied(RESET_STATE, reset),
      clear: copied(CLEAR_STATE, { ...clear, savedPcrs: savedPcrs(tpm) }),
    };
    permanent.orderly = ORDERLY.STATE;
  } else {
    tpm.state.saved = undefined;
    permanent.orderly = ORDERLY.CLEAR;
  }
  keepClock(tpm);
  keepWaits(tpm);
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

function copied<T>(type: WireType<T>, value: T): T {
  return type.unmarshal(new Unmarshaller(marshalled(type, value)));
}

function resume(tpm: Tpm, { reset, clear }: SavedState): void {
  tpm.state.reset = reset;
  tpm.state.clear = clear;
  reset.restartCount++;
  resumePcrs(tpm);
}

/** Startup(CLEAR): a TPM Restart with valid saved state, a TPM Reset without. */
function clear(tpm: Tpm, saved: SavedState | undefined, locality: number): void {
  const { permanent } = tpm.state;
  if (saved === undefined) {
    tpm.state.reset = newResetState(tpm);
    permanent.resetCount = (permanent.resetCount + 1) >>> 0;
    permanent.totalResetCount++;
  } else {
    tpm.state.reset = saved.reset;
    saved.reset.restartCount++;
    saved.reset.clearCount++;
  }
  tpm.state.clear = newClearState();
  tpm.state.clear.startupLocality = locality;
  startPcrs(tpm, locality);
  restartNvIndexes(tpm, saved === undefined);
}

/** Draws the conclusions from how the last stop came about, and begins a time without Shutdown. */
function noteStop(tpm: Tpm): void {
  const { permanent, volatile } = tpm.state;
  volatile.wasOrderly = permanent.orderly === ORDERLY.CLEAR || permanent.orderly === ORDERLY.STATE;
  if (!volatile.wasOrderly) permanent.clockSafe = false;
  resumeWaits(tpm, volatile.wasOrderly, permanent.orderly === ORDERLY.NONE_DA_USED);
  permanent.orderly = ORDERLY.NONE;
  tpm.state.saved = undefined;
  tpm.permanentChanged = true;
}
