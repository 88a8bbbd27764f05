import { SnapshotError, WireReader, WireWriter } from 'tpm-core';
import { NO_LOCALITY, TIS_STATES } from './locality.js';
import { LOCALITY_COUNT, TIS_BUFFER_SIZE } from './registers.js';
import type { TisLocalityState, TisState } from './snapshot.js';

/** Length of QEMU's saved state of a `tpm-tis` (section `tpm-tis`, version 0) in bytes. */
export const TIS_STATE_STREAM_SIZE = 4206;

/** What stands for "no locality" in the stream. */
const STREAM_NO_LOCALITY = 0xff;

/**
 * Writes the fields of QEMU's saved state, big endian: buffer (4096 bytes), offset (16 bits),
 * active, aborting and next locality (8 bits each, 0xff for none), then for each of the five
 * localities state (32 bits), TPM_INT_ENABLE (32), TPM_INT_STATUS (32), TPM_ACCESS (8),
 * TPM_STS (32), TPM_INTERFACE_ID (32).
 *
 * @param state a snapshot, or what {@link decodeTisState} returned; must be valid
 * @returns {@link TIS_STATE_STREAM_SIZE} bytes
 */
export function encodeTisState(state: TisState): Uint8Array {
  const stream = new WireWriter(TIS_STATE_STREAM_SIZE);
  stream.bytes(state.buffer).uint16(state.offset);
  for (const number of [state.activeLocality, state.abortingLocality, state.nextLocality]) {
    stream.uint8(number === NO_LOCALITY ? STREAM_NO_LOCALITY : number);
  }
  for (const locality of state.localities) {
    stream
      .uint32(TIS_STATES.indexOf(locality.state))
      .uint32(locality.interruptEnable)
      .uint32(locality.interruptStatus)
      .uint8(locality.access)
      .uint32(locality.status)
      .uint32(locality.interfaceId);
  }
  return stream.finish();
}

function decodeLocalityNumber(stream: WireReader): number {
  const number = stream.uint8();
  if (number === STREAM_NO_LOCALITY) return NO_LOCALITY;
  if (number < LOCALITY_COUNT) return number;
  throw new SnapshotError(`Locality number: allowed 0 to 4 and 255, saved ${number}`);
}

function decodeLocality(stream: WireReader): TisLocalityState {
  const stateNumber = stream.uint32();
  const state = TIS_STATES[stateNumber];
  if (state === undefined) {
    throw new SnapshotError(`Locality state: allowed 0 to 4, saved ${stateNumber}`);
  }
  return {
    state,
    interruptEnable: stream.uint32(),
    interruptStatus: stream.uint32(),
    access: stream.uint8(),
    status: stream.uint32(),
    interfaceId: stream.uint32(),
  };
}

/**
 * Reads what {@link encodeTisState} or QEMU wrote. The stream holds no configuration and no
 * interrupt level: the caller adds both to make a snapshot, whose other ranges
 * `TisDevice.restore()` checks.
 *
 * @param bytes exactly {@link TIS_STATE_STREAM_SIZE} bytes
 * @throws SnapshotError when the length, a state number or a locality number is wrong
 */
export function decodeTisState(bytes: Uint8Array): TisState {
  if (bytes.length !== TIS_STATE_STREAM_SIZE) {
    throw new SnapshotError(
      `TIS state: expected ${TIS_STATE_STREAM_SIZE} bytes, saved ${bytes.length}`,
    );
  }
  const stream = new WireReader(bytes);
  return {
    buffer: stream.bytes(TIS_BUFFER_SIZE).slice(),
    offset: stream.uint16(),
    activeLocality: decodeLocalityNumber(stream),
    abortingLocality: decodeLocalityNumber(stream),
    nextLocality: decodeLocalityNumber(stream),
    localities: Array.from({ length: LOCALITY_COUNT }, () => decodeLocality(stream)),
  };
}
