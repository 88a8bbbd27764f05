import { SnapshotError, WireReader, WireWriter } from 'tpm-core';
import { storedRegister } from './register-map.js';
import { CRB_CHUNKED_BUFFER_LIMIT, CTRL_STS, LOC_STATE } from './registers.js';
import type { CrbChunkState, CrbConfiguration, CrbRegisterState } from './snapshot.js';

/** Length of QEMU's saved state of a `tpm-crb` (section `tpm-crb`, version 0) in bytes. */
export const CRB_STATE_STREAM_SIZE = 128;

/** Lengths of two buffers and a position: 32 bits each. */
const CHUNK_STREAM_OVERHEAD = 12;

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
    stream.uint32(storedRegister({ ...configuration, ...state }, register));
  }
  return stream.finish();
}

/**
 * Reads what {@link encodeCrbState} or QEMU wrote.
 *
 * @param bytes exactly {@link CRB_STATE_STREAM_SIZE} bytes
 * @param configuration of the device that is to take the state
 * @throws SnapshotError when the length is wrong, or a byte is one that a device with this
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
  const expected = encodeCrbState(state, configuration);
  const at = bytes.findIndex((byte, index) => byte !== expected[index]);
  if (at >= 0) {
    throw new SnapshotError(
      `CRB state at 0x${at.toString(16)}: expected ${expected[at]}, saved ${bytes[at]}`,
    );
  }
  return state;
}

/**
 * Writes QEMU's subsection `tpm-crb/chunk`, version 0: command, response (each a length of 32 bits
 * and the bytes), and position in the response (32 bits), big endian.
 *
 * @param state a snapshot
 * @returns the bytes; none when both are empty: QEMU leaves the subsection out then
 */
export function encodeCrbChunkState(state: CrbChunkState): Uint8Array {
  const { command, response, responseOffset } = state;
  if (command.length === 0 && response.length === 0) return new Uint8Array(0);
  return new WireWriter(2 * CRB_CHUNKED_BUFFER_LIMIT + CHUNK_STREAM_OVERHEAD)
    .uint32(command.length)
    .bytes(command)
    .uint32(response.length)
    .bytes(response)
    .uint32(responseOffset)
    .finish();
}

/**
 * Reads what {@link encodeCrbChunkState} or QEMU wrote. `CrbDevice.restore()` checks whether it fits.
 *
 * @param bytes the subsection; empty when there is none
 * @throws SnapshotError when the bytes end early or late
 */
export function decodeCrbChunkState(bytes: Uint8Array): CrbChunkState {
  let reason: unknown;
  const stream = new WireReader(bytes.length === 0 ? new Uint8Array(CHUNK_STREAM_OVERHEAD) : bytes);
  try {
    const state = {
      command: stream.bytes(stream.uint32()).slice(),
      response: stream.bytes(stream.uint32()).slice(),
      responseOffset: stream.uint32(),
    };
    if (stream.remaining === 0) return state;
  } catch (cause) {
    reason = cause;
  }
  throw new SnapshotError(
    `CRB chunk state: expected two buffers and an offset, saved ${bytes.length} bytes`,
    { cause: reason },
  );
}
