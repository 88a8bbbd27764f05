import type { Locality, TpmVersion } from 'tpm-core';
import { INT_ENABLE, INTERFACE_ID, STS } from './registers.js';

/** Stands for "no locality" wherever a locality's number is expected. */
export const NO_LOCALITY = -1;

/** Number of a locality, or {@link NO_LOCALITY}. */
export type LocalityOrNone = Locality | typeof NO_LOCALITY;

/**
 * States of a locality's command interface (TIS 1.3, command state machine). The order is that of
 * their numbers in QEMU's saved state.
 */
export const TIS_STATES = ['idle', 'ready', 'completion', 'execution', 'reception'] as const;

/** Name of a state. */
export type TisStateName = (typeof TIS_STATES)[number];

/**
 * What each locality has of its own. The buffer, its offset and the ownership belong to the device.
 */
export class LocalityRegisters {
  readonly number: Locality;
  state: TisStateName = 'idle';
  /** TPM_STS without the burst count. */
  status = 0;
  /** TPM_INT_ENABLE. */
  interruptEnable: number = INT_ENABLE.reset;
  /** TPM_INT_STATUS. */
  interruptStatus = 0;
  /** TPM_INTERFACE_ID. */
  interfaceId = 0;
  /** It waits for the TPM. */
  requestUse = false;
  /** It lost the TPM to a seize and has not acknowledged it. */
  beenSeized = false;
  /** It seized the TPM and waits for the end of the running command. Not visible to the guest. */
  seize = false;

  constructor(number: Locality, tpmVersion: TpmVersion) {
    this.number = number;
    this.reset(tpmVersion);
  }

  /** Gives all registers except the state their reset values. */
  reset(tpmVersion: TpmVersion): void {
    const isTpm20 = tpmVersion === '2.0';
    this.status = isTpm20 ? STS.tpmFamily20 : 0;
    this.interfaceId = isTpm20 ? INTERFACE_ID.tpm20 : INTERFACE_ID.tpm12;
    this.interruptEnable = INT_ENABLE.reset;
    this.interruptStatus = 0;
    this.requestUse = false;
    this.beenSeized = false;
    this.seize = false;
  }

  /** Sets these TPM_STS flags and clears all others, except the family and selfTestDone. */
  setFlags(flags: number): void {
    this.status = (this.status & STS.sticky) | flags;
  }

  /** @returns whether at least one of these TPM_STS flags is set */
  hasFlag(flags: number): boolean {
    return (this.status & flags) !== 0;
  }
}
