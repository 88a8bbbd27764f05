import { type FrontEndSnapshot, SnapshotError, type TpmVersion } from 'tpm-core';
import { storedAccess } from './access-register.js';
import { type LocalityOrNone, NO_LOCALITY, TIS_STATES, type TisStateName } from './locality.js';
import {
  ACCESS,
  INT_ENABLE,
  INT_STATUS,
  INTERFACE_ID,
  LOCALITY_COUNT,
  STS,
  TIS_BUFFER_SIZE,
} from './registers.js';
import type { TisCore } from './tis-core.js';

/** Layout of {@link TisSnapshot}. */
export const TIS_SNAPSHOT_FORMAT = 'tpm-tis/1';

/** `isa`: QEMU's `tpm-tis`. `sysbus`: QEMU's `tpm-tis-device`. */
export type TisVariant = 'isa' | 'sysbus';

/** What has to be equal where a snapshot is taken and where it is restored. */
export interface TisConfiguration {
  readonly tpmVersion: TpmVersion;
  /** Negotiated with the back end, in bytes, 10 to 4096. */
  readonly bufferSize: number;
  /** TPM_INT_VECTOR. */
  readonly irqNumber: number;
  readonly variant: TisVariant;
}

/** Saved registers of one locality. */
export interface TisLocalityState {
  /**
   * State of the command interface. `execution` occurs only for a locality whose answer went to
   * another one, see {@link TisDevice}; it waits for an answer that never comes.
   */
  readonly state: TisStateName;
  /** TPM_INT_ENABLE. */
  readonly interruptEnable: number;
  /** TPM_INT_STATUS. */
  readonly interruptStatus: number;
  /** TPM_ACCESS without the computed bits, with the seize bit that the guest can't see. */
  readonly access: number;
  /** TPM_STS without the burst count. */
  readonly status: number;
  /** TPM_INTERFACE_ID. */
  readonly interfaceId: number;
}

/** What moves with a virtual machine: the fields of QEMU's saved state. */
export interface TisState {
  /** The whole buffer, 4096 bytes. */
  readonly buffer: Uint8Array;
  /** Position in the buffer. */
  readonly offset: number;
  /** Owner of the TPM, 0 to 4, -1 for none. */
  readonly activeLocality: number;
  /** Who asked for an abort that is under way, -1 for none. */
  readonly abortingLocality: number;
  /** Owner after the abort that is under way, -1 for none. */
  readonly nextLocality: number;
  /** The five localities, 0 first. */
  readonly localities: readonly TisLocalityState[];
}

/** Saved state of a {@link TisDevice}. */
export interface TisSnapshot extends FrontEndSnapshot, TisState {
  readonly format: typeof TIS_SNAPSHOT_FORMAT;
  readonly configuration: TisConfiguration;
  /** Level of the interrupt line. */
  readonly lineAsserted: boolean;
}

/** @returns a copy of what the registers hold */
export function captureState(core: TisCore): TisState {
  return {
    buffer: core.fifo.bytes.slice(),
    offset: core.fifo.offset,
    activeLocality: core.active,
    abortingLocality: core.aborting,
    nextLocality: core.next,
    localities: core.localities.map((locality) => ({
      state: locality.state,
      interruptEnable: locality.interruptEnable,
      interruptStatus: locality.interruptStatus,
      access: storedAccess(core, locality),
      status: locality.status,
      interfaceId: locality.interfaceId,
    })),
  };
}

/** Puts a checked state in the place of the present one. */
export function applyState(core: TisCore, state: TisState): void {
  core.fifo.bytes.set(state.buffer);
  core.fifo.seek(state.offset);
  core.requester = NO_LOCALITY;
  core.aborting = state.abortingLocality as LocalityOrNone;
  core.next = state.nextLocality as LocalityOrNone;
  // Not changeOwner(): a restore is no event of the guest's, so it raises no interrupt.
  core.active = state.activeLocality as LocalityOrNone;
  for (const locality of core.localities) {
    const saved = state.localities[locality.number]!;
    core.changeState(locality, saved.state);
    locality.interruptEnable = saved.interruptEnable;
    locality.interruptStatus = saved.interruptStatus;
    locality.status = saved.status;
    locality.interfaceId = saved.interfaceId;
    locality.requestUse = (saved.access & ACCESS.requestUse) !== 0;
    locality.beenSeized = (saved.access & ACCESS.beenSeized) !== 0;
    locality.seize = (saved.access & ACCESS.seize) !== 0;
  }
}

/** @throws SnapshotError unless `fits` */
function check(fits: boolean, what: string, rule: string, saved: unknown): void {
  if (!fits) throw new SnapshotError(`${what}: ${rule}, saved ${String(saved)}`);
}

function checkConfigured(what: string, configured: unknown, saved: unknown): void {
  check(configured === saved, what, `configured ${String(configured)}`, saved);
}

/** @returns whether `value` is an unsigned 32-bit number without bits outside `mask` */
function isWithin(value: number, mask: number): boolean {
  return value >>> 0 === value && (value & ~mask) === 0;
}

function checkLocalityNumber(what: string, number: number): void {
  const fits = Number.isInteger(number) && number >= NO_LOCALITY && number < LOCALITY_COUNT;
  check(fits, what, 'allowed -1 to 4', number);
}

function checkLocality(state: TisState, number: number, tpmVersion: TpmVersion): void {
  const locality = state.localities[number] ?? ({} as Partial<TisLocalityState>);
  const { interruptEnable = -1, interruptStatus = -1, access = -1, status = -1 } = locality;
  const name = `Locality ${number}`;
  check(
    TIS_STATES.some((known) => known === locality.state),
    `${name} state`,
    `allowed ${TIS_STATES.join(', ')}`,
    locality.state,
  );
  const isTpm20 = tpmVersion === '2.0';
  const owns = state.activeLocality === number ? ACCESS.activeLocality : 0;
  const family = isTpm20 ? STS.tpmFamily20 : 0;
  const id: number = isTpm20 ? INTERFACE_ID.tpm20 : INTERFACE_ID.tpm12;
  const lockedId = (id | INTERFACE_ID.intfSelLock) >>> 0;
  for (const [what, fits, saved] of [
    ['TPM_INT_ENABLE', isWithin(interruptEnable, INT_ENABLE.writable), interruptEnable],
    ['TPM_INT_STATUS', isWithin(interruptStatus, INT_STATUS.events), interruptStatus],
    [
      'TPM_ACCESS',
      isWithin(access, ACCESS.stored | ACCESS.tpmRegValidSts) &&
        (access & (ACCESS.tpmRegValidSts | ACCESS.activeLocality)) ===
          (ACCESS.tpmRegValidSts | owns),
      access,
    ],
    ['TPM_STS', isWithin(status, STS.stored) && (status & STS.tpmFamily) === family, status],
    [
      'TPM_INTERFACE_ID',
      locality.interfaceId === id || locality.interfaceId === lockedId,
      locality.interfaceId,
    ],
  ] as const) {
    check(fits, `${name} ${what}`, `no value of a TPM ${tpmVersion} device in this state`, saved);
  }
}

/**
 * Checks a snapshot against the device that is to take it: configuration first, then ranges.
 *
 * @throws SnapshotError that names the first thing that doesn't fit
 */
export function checkSnapshot(snapshot: TisSnapshot, configured: TisConfiguration): void {
  checkConfigured('Snapshot format', TIS_SNAPSHOT_FORMAT, snapshot?.format);
  const saved: Partial<TisConfiguration> = snapshot.configuration ?? {};
  checkConfigured('TIS variant', configured.variant, saved.variant);
  checkConfigured('TPM version', configured.tpmVersion, saved.tpmVersion);
  checkConfigured('Buffer size', configured.bufferSize, saved.bufferSize);
  checkConfigured('Interrupt number', configured.irqNumber, saved.irqNumber);
  const { buffer, offset, localities } = snapshot;
  const length = buffer instanceof Uint8Array ? buffer.length : undefined;
  check(length === TIS_BUFFER_SIZE, 'Buffer', `expected ${TIS_BUFFER_SIZE} bytes`, length);
  check(
    Number.isInteger(offset) && offset >= 0 && offset <= configured.bufferSize,
    'Buffer offset',
    `allowed 0 to ${configured.bufferSize}`,
    offset,
  );
  checkLocalityNumber('Active locality', snapshot.activeLocality);
  checkLocalityNumber('Aborting locality', snapshot.abortingLocality);
  checkLocalityNumber('Next locality', snapshot.nextLocality);
  const count = Array.isArray(localities) ? localities.length : undefined;
  check(count === LOCALITY_COUNT, 'Localities', `expected ${LOCALITY_COUNT}`, count);
  for (let number = 0; number < LOCALITY_COUNT; number++) {
    checkLocality(snapshot, number, configured.tpmVersion);
  }
  const level = snapshot.lineAsserted;
  check(typeof level === 'boolean', 'Interrupt line level', 'expected true or false', level);
}
