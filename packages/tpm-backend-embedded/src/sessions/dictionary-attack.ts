// Dictionary attack protection (TPM 2.0 Library, Part 1, section 19.8). Failures with a protected
// authValue are counted; at maxTries no protected authValue can be used until some are forgotten.
// lockoutAuth has a rule of its own: one failure switches it off.
//
// Both recover with time. A Shutdown keeps how long the wait still lasts; after any other stop it
// begins again.

import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import type { ResponseCode } from '../response-code.js';
import { ORDERLY, type PermanentState } from '../state/permanent-state.js';
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
  const { time, selfHealTime } = volatile;
  const wait = selfHealWait(tpm);
  if (permanent.failedTries > 0 && wait > 0n && time >= selfHealTime) {
    const forgotten = 1n + (time - selfHealTime) / wait;
    const left = BigInt(permanent.failedTries) - forgotten;
    permanent.failedTries = left > 0n ? Number(left) : 0;
    volatile.selfHealTime += forgotten * wait;
    tpm.permanentChanged = true;
  }
  if (!permanent.lockoutAuthEnabled && permanent.lockoutRecovery > 0) {
    if (time < volatile.lockoutTime) return;
    permanent.lockoutAuthEnabled = true;
    tpm.permanentChanged = true;
  }
}

function selfHealWait({ state }: Tpm): bigint {
  return BigInt(state.permanent.recoveryTime) * MILLISECONDS;
}

function lockoutWait({ state }: Tpm): bigint {
  return BigInt(state.permanent.lockoutRecovery) * MILLISECONDS;
}

/** Keeps over a power-off, at TPM2_Shutdown, how long the waits still last. */
export function keepWaits({ state: { permanent, volatile } }: Tpm): void {
  const left = (end: bigint): bigint => (end > volatile.time ? end - volatile.time : 0n);
  permanent.selfHealWait = left(volatile.selfHealTime);
  permanent.lockoutWait = left(volatile.lockoutTime);
}

/**
 * Begins or goes on with the waits at TPM2_Startup, and counts a failure where a protected
 * authValue was used and no Shutdown followed.
 *
 * @param wasOrderly whether a Shutdown came before
 * @param wasUsed whether {@link noteUse} noted a use
 */
export function resumeWaits(tpm: Tpm, wasOrderly: boolean, wasUsed: boolean): void {
  const { permanent, volatile } = tpm.state;
  volatile.selfHealTime = volatile.time + (wasOrderly ? permanent.selfHealWait : selfHealWait(tpm));
  volatile.lockoutTime = volatile.time + (wasOrderly ? permanent.lockoutWait : lockoutWait(tpm));
  if (wasUsed) countFailure(tpm);
  if (permanent.lockoutRecovery === 0) permanent.lockoutAuthEnabled = true;
}

/** TPM2_DictionaryAttackLockReset (Part 3, section 25.2): no failures any more. */
export function forgetFailures(tpm: Tpm): ResponseCode {
  tpm.state.permanent.failedTries = 0;
  tpm.state.volatile.selfHealTime = tpm.state.volatile.time + selfHealWait(tpm);
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

/**
 * TPM2_DictionaryAttackParameters (Part 3, section 25.3). The waits begin again; a recovery time of
 * zero switches the protection off and forgets what was counted.
 */
export function setDaParameters(
  tpm: Tpm,
  parameters: Pick<PermanentState, 'maxTries' | 'recoveryTime' | 'lockoutRecovery'>,
): ResponseCode {
  const { permanent, volatile } = tpm.state;
  Object.assign(permanent, parameters);
  if (parameters.recoveryTime === 0) permanent.failedTries = 0;
  volatile.selfHealTime = volatile.time + selfHealWait(tpm);
  volatile.lockoutTime = volatile.time + lockoutWait(tpm);
  tpm.permanentChanged = true;
  return TPM_RC.SUCCESS;
}

/** @returns TPM_RC_LOCKOUT when the subject's authValue can't be used at the moment */
export function checkLockout(tpm: Tpm, { isCounted, isLockout }: DaSubject): ResponseCode {
  const { lockoutAuthEnabled, failedTries, maxTries } = tpm.state.permanent;
  const isLocked = (isLockout && !lockoutAuthEnabled) || (isCounted && failedTries >= maxTries);
  return isLocked ? TPM_RC_WARNING.LOCKOUT : TPM_RC.SUCCESS;
}

/**
 * Notes that a protected authValue is about to be used, so that pulling the plug before a
 * failure is counted doesn't help: the next start counts one if there was no Shutdown since. Use of
 * lockoutAuth isn't noted: its failures count nowhere.
 */
export function noteUse(tpm: Tpm, { isCounted }: DaSubject): void {
  const { permanent } = tpm.state;
  if (permanent.orderly === ORDERLY.NONE_DA_USED || !isCounted) return;
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
    tpm.state.volatile.lockoutTime = tpm.state.volatile.time + lockoutWait(tpm);
    // Where a Shutdown came before, the next start waits for the whole time.
    tpm.state.permanent.lockoutWait = lockoutWait(tpm);
    tpm.permanentChanged = true;
  } else if (isCounted) {
    countFailure(tpm);
  } else {
    return TPM_RC_FORMAT_ONE.BAD_AUTH;
  }
  return TPM_RC_FORMAT_ONE.AUTH_FAIL;
}

/** One more failed try; none while a recovery time of zero switches the protection off. */
function countFailure(tpm: Tpm): void {
  const { permanent, volatile } = tpm.state;
  if (permanent.recoveryTime === 0 || permanent.failedTries >= permanent.maxTries) return;
  permanent.failedTries++;
  volatile.selfHealTime = volatile.time + selfHealWait(tpm);
  tpm.permanentChanged = true;
}
