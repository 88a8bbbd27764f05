import { SnapshotError, WireReader, WireWriter } from 'tpm-core';
import { storedRegister } from './register-map.js';
import {
  CRB_CHUNKED_BUFFER_LIMIT,
  CRB_DATA_BUFFER_OFFSET,
  CTRL_STS,
  LOC_STATE,
} from './registers.js';
import {
  type CrbChunkState,
  type CrbConfiguration,
  type CrbRegisterState,
  checkChunkState,
} from './snapshot.js';

/** Length of QEMU's saved state of a `tpm-crb` (section `tpm-crb`, version 0) in bytes. */
export const CRB_STATE_STREAM_SIZE = 128;

/** Lengths of two buffers and a position: 32 bits each. */
const CHUNK_STREAM_OVERHEAD = 12;

/** @returns a register as it is saved: without what is computed at a read */
function savedRegister(
  register: number,
  state: CrbRegisterState,
  configuration: CrbConfiguration,
): number {
  const address = configuration.baseAddress + CRB_DATA_BUFFER_OFFSET;
  return storedRegister(
    {
      ...state,
      start: false,
      isChunking: configuration.chunking,
      bufferAddressLow: address >>> 0,
      bufferAddressHigh: Math.floor(address / 2 ** 32),
    },
    register,
  );
}

/**
 * Writes QEMU's saved state: the 32 registers in order, 32 bits each, big endian; TPM_LOC_STATE
 * without tpmEstablished. The data buffer is RAM of its own, see `CrbState`.
 *
 * @param state a snapshot, or what {@link decodeCrbState} returned
 * @param configuration of the device that is saved
 * @returns {@link CRB_STATE_STREAM_SIZE} bytes
 */
export function encodeCrbState(
  state: CrbRegisterState,
  configuration: CrbConfiguration,
): Uint8Array {
  const stream = new WireWriter(CRB_STATE_STREAM_SIZE);
  for (let register = 0; register < CRB_STATE_STREAM_SIZE; register += 4) {
    stream.uint32(savedRegister(register, state, configuration));
  }
  return stream.finish();
}

/**
 * Reads what {@link encodeCrbState} or QEMU wrote.
 *
 * @param bytes exactly {@link CRB_STATE_STREAM_SIZE} bytes
 * @param configuration of the device that is to take the state
 * @throws SnapshotError when the length is wrong, or a register has a value that a device with this
 *   configuration never saves
 */
export function decodeCrbState(
  bytes: Uint8Array,
  configuration: CrbConfiguration,
): CrbRegisterState {
  if (bytes.length !== CRB_STATE_STREAM_SIZE) {
    throw new SnapshotError(
      `CRB state: expected ${CRB_STATE_STREAM_SIZE} bytes, saved ${bytes.length}`,
    );
  }
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const status = words.getUint32(CTRL_STS.offset);
  const state = {
    locAssigned: (words.getUint32(LOC_STATE.offset) & LOC_STATE.locAssigned) !== 0,
    tpmIdle: (status & CTRL_STS.tpmIdle) !== 0,
    tpmSts: (status & CTRL_STS.tpmSts) !== 0,
  };
  for (let register = 0; register < CRB_STATE_STREAM_SIZE; register += 4) {
    const saved = words.getUint32(register);
    const expected = savedRegister(register, state, configuration) >>> 0;
    if (saved !== expected) {
      throw new SnapshotError(
        `CRB register 0x${register.toString(16)}: expected 0x${expected.toString(16)}, saved 0x${saved.toString(16)}`,
      );
    }
  }
  return state;
}

/**
 * Writes QEMU's subsection `tpm-crb/chunk`, version 0: command, response (each a length of 32 bits
 * and the bytes), and position in the response (32 bits), big endian.
 *
 * @param state a snapshot
 * @returns the bytes, or `undefined` when both are empty: QEMU leaves the subsection out then
 */
export function encodeCrbChunkState(state: CrbChunkState): Uint8Array | undefined {
  const { command, response, responseOffset } = state;
  if (command.length === 0 && response.length === 0) return undefined;
  return new WireWriter(2 * CRB_CHUNKED_BUFFER_LIMIT + CHUNK_STREAM_OVERHEAD)
    .uint32(command.length)
    .bytes(command)
    .uint32(response.length)
    .bytes(response)
    .uint32(responseOffset)
    .finish();
}

/**
 * Reads what {@link encodeCrbChunkState} or QEMU wrote.
 *
 * @param bytes the subsection; `undefined` when there is none
 * @param configuration of the device that is to take the state
 * @throws SnapshotError when a buffer is longer than the device's buffer size, doesn't agree with
 *   its header, or the bytes end early or late
 */
export function decodeCrbChunkState(
  bytes: Uint8Array | undefined,
  configuration: CrbConfiguration,
): CrbChunkState {
  const empty = new Uint8Array(0);
  if (bytes === undefined) return { command: empty, response: empty, responseOffset: 0 };
  const stream = new WireReader(bytes);
  let state: CrbChunkState;
  try {
    const command = stream.bytes(stream.uint32()).slice();
    const response = stream.bytes(stream.uint32()).slice();
    state = { command, response, responseOffset: stream.uint32() };
  } catch (cause) {
    throw new SnapshotError(`CRB chunk state ends early, after ${bytes.length} bytes`, { cause });
  }
  if (stream.remaining > 0) {
    throw new SnapshotError(`CRB chunk state: ${stream.remaining} bytes too many`);
  }
  checkChunkState(state, configuration.chunking ? configuration.bufferSize : 0);
  return state;
}
