import {
  type FrontEndSnapshot,
  HEADER_OFFSET,
  HEADER_SIZE,
  isWellFormedResponse,
  readUint32,
  SnapshotError,
  type TpmVersion,
} from 'tpm-core';
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
  core.chunks?.restore(state.command, state.response, state.responseOffset);
}

/** @throws SnapshotError unless `fits` */
function check(fits: boolean, what: string, rule: string, saved: unknown): void {
  if (!fits) throw new SnapshotError(`${what}: ${rule}, saved ${String(saved)}`);
}

function checkConfiguration(configured: CrbConfiguration, saved: Partial<CrbConfiguration>): void {
  for (const [what, key] of [
    ['CRB variant', 'variant'],
    ['TPM version', 'tpmVersion'],
    ['Chunking', 'chunking'],
    ['Base address', 'baseAddress'],
    ['Buffer size', 'bufferSize'],
  ] as const) {
    check(configured[key] === saved[key], what, `configured ${configured[key]}`, saved[key]);
  }
}

/** @returns the length, or `undefined` when `bytes` are none */
function byteLength(bytes: unknown): number | undefined {
  return bytes instanceof Uint8Array ? bytes.length : undefined;
}

/**
 * @param chunks what chunking keeps
 * @param limit most bytes of a command or response: the buffer size, or 0 without chunking
 * @throws SnapshotError that names the first thing that doesn't fit
 */
export function checkChunkState(chunks: CrbChunkState, limit: number): void {
  const { command, response, responseOffset } = chunks;
  const rule = `allowed 0 to ${limit} bytes`;
  const commandLength = byteLength(command) ?? Number.NaN;
  check(commandLength >= 0 && commandLength <= limit, 'Chunked command', rule, commandLength);
  const responseLength = byteLength(response) ?? Number.NaN;
  check(responseLength >= 0 && responseLength <= limit, 'Chunked response', rule, responseLength);
  const claimed = Math.min(readUint32(command, HEADER_OFFSET.size), limit);
  check(
    commandLength === 0 || (commandLength >= HEADER_SIZE && commandLength <= claimed),
    'Chunked command',
    `allowed ${HEADER_SIZE} to ${claimed} bytes by its header`,
    commandLength,
  );
  check(
    responseLength === 0 || isWellFormedResponse(response, limit),
    'Chunked response',
    `expected ${readUint32(response, HEADER_OFFSET.size)} bytes by its header`,
    responseLength,
  );
  check(
    Number.isInteger(responseOffset) && responseOffset >= 0 && responseOffset <= responseLength,
    'Chunked response offset',
    `allowed 0 to ${responseLength}`,
    responseOffset,
  );
}

/**
 * Checks a snapshot against the device that is to take it: configuration first, then ranges.
 *
 * @throws SnapshotError that names the first thing that doesn't fit
 */
export function checkSnapshot(snapshot: CrbSnapshot, configured: CrbConfiguration): void {
  const format = snapshot?.format;
  check(
    format === CRB_SNAPSHOT_FORMAT,
    'Snapshot format',
    `configured ${CRB_SNAPSHOT_FORMAT}`,
    format,
  );
  checkConfiguration(configured, snapshot.configuration ?? {});
  for (const key of ['locAssigned', 'tpmIdle', 'tpmSts'] as const) {
    check(typeof snapshot[key] === 'boolean', key, 'expected true or false', snapshot[key]);
  }
  const length = byteLength(snapshot.dataBuffer);
  check(
    length === CRB_DATA_BUFFER_SIZE,
    'Data buffer',
    `expected ${CRB_DATA_BUFFER_SIZE} bytes`,
    length,
  );
  checkChunkState(snapshot, configured.chunking ? configured.bufferSize : 0);
}
