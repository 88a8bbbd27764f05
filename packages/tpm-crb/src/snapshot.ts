import {
  type FrontEndSnapshot,
  HEADER_SIZE,
  isWellFormedResponse,
  SnapshotError,
  type TpmVersion,
} from 'tpm-core';
import { claimedLength } from './chunk-buffers.js';
import type { CrbCore } from './crb-core.js';
import { CRB_DATA_BUFFER_SIZE } from './registers.js';

/** Layout of {@link CrbSnapshot}. */
export const CRB_SNAPSHOT_FORMAT = 'tpm-crb/1';

/** `pc`: QEMU's `tpm-crb`. `sysbus`: `tpm-crb-device`, at any address, with a TPM 2.0 only. */
export type CrbVariant = 'pc' | 'sysbus';

/** What has to be equal where a snapshot is taken and where it is restored. */
export interface CrbConfiguration {
  readonly tpmVersion: TpmVersion;
  /** Negotiated with the back end, in bytes: 10 to 3968, or to 65536 with chunking. */
  readonly bufferSize: number;
  /** Whether commands and responses can be longer than the data buffer. */
  readonly chunking: boolean;
  readonly variant: CrbVariant;
  /** Guest-physical address of the registers. */
  readonly baseAddress: number;
}

/** The registers that change, as QEMU's section `tpm-crb` holds them. */
export interface CrbRegisterState {
  /** Locality 0 owns the TPM: TPM_LOC_STATE.locAssigned and TPM_LOC_STS.Granted. */
  readonly locAssigned: boolean;
  /** TPM_CRB_CTRL_STS.tpmIdle. */
  readonly tpmIdle: boolean;
  /** TPM_CRB_CTRL_STS.tpmSts. */
  readonly tpmSts: boolean;
}

/** What chunking keeps, as QEMU's subsection `tpm-crb/chunk` holds it; empty without chunking. */
export interface CrbChunkState {
  /** The pieces of a command that came so far. */
  readonly command: Uint8Array;
  /** The last response, whole. */
  readonly response: Uint8Array;
  /** Bytes of the response that were shown. */
  readonly responseOffset: number;
}

/** What moves with a virtual machine. */
export interface CrbState extends CrbRegisterState, CrbChunkState {
  /** The command and response buffer, 3968 bytes. QEMU: the RAM block `tpm-crb-cmd`. */
  readonly dataBuffer: Uint8Array;
}

/** Saved state of a {@link CrbDevice}. No command runs in it: the answer was waited for. */
export interface CrbSnapshot extends FrontEndSnapshot, CrbState {
  readonly format: typeof CRB_SNAPSHOT_FORMAT;
  readonly configuration: CrbConfiguration;
}

/** @returns a copy of what the device holds */
export function captureState(core: CrbCore): CrbState {
  return {
    locAssigned: core.locAssigned,
    tpmIdle: core.tpmIdle,
    tpmSts: core.tpmSts,
    dataBuffer: core.dataBuffer.slice(),
    command: core.chunks?.command.slice() ?? new Uint8Array(0),
    response: core.chunks?.response.slice() ?? new Uint8Array(0),
    responseOffset: core.chunks?.responseOffset ?? 0,
  };
}

/** Puts a checked state in the place of the present one. */
export function applyState(core: CrbCore, state: CrbState): void {
  core.assignLocality(state.locAssigned);
  core.changeState(state.tpmIdle, false);
  core.changeFatalError(state.tpmSts);
  core.dataBuffer.set(state.dataBuffer);
  if (core.chunks === undefined) return;
  core.chunks.command = state.command;
  core.chunks.response = state.response.slice();
  core.chunks.responseOffset = state.responseOffset;
}

/** @throws SnapshotError unless `fits` */
function check(fits: boolean, what: string, rule: string, saved: unknown): void {
  if (!fits) throw new SnapshotError(`${what}: ${rule}, saved ${String(saved)}`);
}

function checkConfiguration(configured: CrbConfiguration, saved: Partial<CrbConfiguration>): void {
  for (const key of ['variant', 'tpmVersion', 'chunking', 'baseAddress', 'bufferSize'] as const) {
    check(configured[key] === saved[key], key, `configured ${configured[key]}`, saved[key]);
  }
}

/** @returns the number of bytes, or NaN when there are none */
function lengthOf(bytes: Uint8Array): number {
  return bytes instanceof Uint8Array ? bytes.length : Number.NaN;
}

/** `limit` is the most bytes of a command or response; 0 without chunking. */
function checkChunkState(
  { command, response, responseOffset }: CrbChunkState,
  limit: number,
): void {
  const rule = `allowed 0 to ${limit} bytes, as the header says`;
  const taken = lengthOf(command);
  const isPart = taken >= HEADER_SIZE && taken <= claimedLength(command, limit);
  check(taken === 0 || isPart, 'command', rule, taken);
  const length = lengthOf(response);
  const isWhole = length > 0 && isWellFormedResponse(response, limit);
  check(length === 0 || isWhole, 'response', rule, length);
  const fits = Number.isInteger(responseOffset) && responseOffset >= 0 && responseOffset <= length;
  check(fits, 'responseOffset', `allowed 0 to ${length}`, responseOffset);
}

/**
 * Checks a snapshot against the device that is to take it: configuration first, then ranges.
 *
 * @throws SnapshotError that names the first thing that doesn't fit
 */
export function checkSnapshot(snapshot: CrbSnapshot, configured: CrbConfiguration): void {
  const format = snapshot?.format;
  check(format === CRB_SNAPSHOT_FORMAT, 'format', `configured ${CRB_SNAPSHOT_FORMAT}`, format);
  checkConfiguration(configured, snapshot.configuration ?? {});
  for (const key of ['locAssigned', 'tpmIdle', 'tpmSts'] as const) {
    check(typeof snapshot[key] === 'boolean', key, 'expected true or false', snapshot[key]);
  }
  const length = lengthOf(snapshot.dataBuffer);
  const size = CRB_DATA_BUFFER_SIZE;
  check(length === size, 'dataBuffer', `expected ${size} bytes`, length);
  checkChunkState(snapshot, configured.chunking ? configured.bufferSize : 0);
}
