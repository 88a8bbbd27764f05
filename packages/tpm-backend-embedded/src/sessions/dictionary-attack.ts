// Dictionary attack protection (TPM 2.0 Library, Part 1, section 19.8). Failures with a protected
// authValue are counted; at maxTries no protected authValue can be used until some are forgotten.
// lockoutAuth has a rule of its own: one failure switches it off.
//
// Both recover with time. `selfHealTime` and `lockoutTime` are values of `time`, the milliseconds
// since power-on, at which the present wait began.

import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import { DA_DEFAULTS } from '../manufacture.js';
import type { ResponseCode } from '../response-code.js';
import { ORDERLY } from '../state/permanent-state.js';
import type { Tpm } from '../tpm.js';

const MILLISECONDS = 1000n;

/** What a use of a session stands for, as far as this protection goes. */
export interface DaSubject {
  /** The authValue of an object without noDA or of an NV index without NO_DA. */
  readonly isCounted: boolean;
  /** lockoutAuth. */
  readonly isLockout: boolean;
}

/** Forgets failures whose time is over. To be called before each command. */
export function recoverFromFailures(tpm: Tpm): void {
  const { permanent, volatile } = tpm.state;
  const wait = BigInt(permanent.recoveryTime) * MILLISECONDS;
  if (permanent.failedTries > 0 && wait > 0n) {
    const forgotten = (volatile.time - volatile.selfHealTime) / wait;
    if (forgotten > 0n) {
      const left = BigInt(permanent.failedTries) - forgotten;
      permanent.failedTries = left > 0n ? Number(left) : 0;
      volatile.selfHealTime += forgotten * wait;
      tpm.permanentChanged = true;
    }
  }
  const lockoutWait = BigInt(permanent.lockoutRecovery) * MILLISECONDS;
  if (!permanent.lockoutAuthEnabled && lockoutWait > 0n) {
    if (volatile.time - volatile.lockoutTime >= lockoutWait) {
      permanent.lockoutAuthEnabled = true;
      tpm.permanentChanged = true;
    }
  }
}

/** @returns TPM_RC_LOCKOUT when the subject's authValue can't be used at the moment */
export function checkLockout(tpm: Tpm, { isCounted, isLockout }: DaSubject): ResponseCode {
  const { lockoutAuthEnabled, failedTries, maxTries } = tpm.state.permanent;
  const isLocked = (isLockout && !lockoutAuthEnabled) || (isCounted && failedTries >= maxTries);
  return isLocked ? TPM_RC_WARNING.LOCKOUT : TPM_RC.SUCCESS;
}

/**
 * Notes that a protected authValue is about to be compared, so that pulling the plug before a
 * failure is counted doesn't help: the next start counts one if there was no Shutdown since.
 */
export function noteUse(tpm: Tpm, { isCounted, isLockout }: DaSubject): void {
  const { permanent } = tpm.state;
  if (permanent.orderly === ORDERLY.NONE_DA_USED || !(isCounted || isLockout)) return;
  permanent.orderly = ORDERLY.NONE_DA_USED;
  tpm.state.saved = undefined;
  tpm.permanentChanged = true;
}

/**
 * Counts a failure.
 *
 * @returns TPM_RC_AUTH_FAIL when it counted, TPM_RC_BAD_AUTH of an unprotected subject
 */
export function noteFailure(tpm: Tpm, { isCounted, isLockout }: DaSubject): ResponseCode {
  if (isLockout) {
    tpm.state.permanent.lockoutAuthEnabled = false;
    tpm.state.volatile.lockoutTime = tpm.state.volatile.time;
    tpm.permanentChanged = true;
  } else if (isCounted) {
    countFailure(tpm);
  } else {
    return TPM_RC_FORMAT_ONE.BAD_AUTH;
  }
  return TPM_RC_FORMAT_ONE.AUTH_FAIL;
}

/** One more failed try; none while a recovery time of zero switches the protection off. */
export function countFailure(tpm: Tpm): void {
  const { permanent, volatile } = tpm.state;
  if (permanent.recoveryTime === 0 || permanent.failedTries >= permanent.maxTries) return;
  permanent.failedTries++;
  volatile.selfHealTime = volatile.time;
  tpm.permanentChanged = true;
}

/** TPM2_DictionaryAttackLockReset: no failed tries. */
export function resetFailures(tpm: Tpm): void {
  tpm.state.permanent.failedTries = 0;
  tpm.state.volatile.selfHealTime = tpm.state.volatile.time;
  tpm.permanentChanged = true;
}

/** TPM2_DictionaryAttackParameters. @param recoveryTime seconds @param lockoutRecovery seconds */
export function setDaParameters(
  tpm: Tpm,
  maxTries: number,
  recoveryTime: number,
  lockoutRecovery: number,
): void {
  Object.assign(tpm.state.permanent, { maxTries, recoveryTime, lockoutRecovery });
  if (recoveryTime === 0) tpm.state.permanent.failedTries = 0;
  tpm.state.volatile.selfHealTime = tpm.state.volatile.time;
  tpm.state.volatile.lockoutTime = tpm.state.volatile.time;
  tpm.permanentChanged = true;
}

/** Parameters of a new TPM, no failed tries, lockoutAuth switched on (TPM2_Clear). */
export function restoreDaDefaults(tpm: Tpm): void {
  Object.assign(tpm.state.permanent, DA_DEFAULTS);
  tpm.state.permanent.lockoutAuthEnabled = true;
  resetFailures(tpm);
}
