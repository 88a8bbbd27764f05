// The state of a TPM as one value of bytes. Two kinds: what a TPM keeps over power-off ("stored"),
// and everything ("snapshot").
//
//   magic      8   "tpmdev2" and a zero byte
//   version    2   of this layout
//   kind       1   1 stored, 2 snapshot
//   length     4   of the whole value
//   body           by the descriptions of the kind
//   checksum  32   SHA-256 of everything before
//
// The checksum finds damage, not manipulation: whoever can write the value can write the checksum.

import { TPM_RC, WireWriter } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { RANDOM_STATE_LIMIT, RandomGenerator } from '../crypto/random-generator.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import {
  BOOLEAN,
  longBytes,
  optional,
  structure,
  UINT64,
  Unmarshaller,
  type WireType,
} from '../structures/wire-type.js';
import type { SavedState, Tpm, TpmState } from '../tpm.js';
import { ORDERLY, PERMANENT_STATE, type PermanentState } from './permanent-state.js';
import { CLEAR_STATE, RESET_STATE } from './saved-state.js';
import { savedStateDefect, snapshotDefect } from './state-defects.js';
import { VOLATILE_STATE } from './volatile-state.js';

/** Version of the layout that is written. */
export const STATE_VERSION = 1;

const MAGIC = Uint8Array.of(0x74, 0x70, 0x6d, 0x64, 0x65, 0x76, 0x32, 0x00);
const KIND = { STORED: 1, SNAPSHOT: 2 } as const;
const HEADER = { version: 8, kind: 10, length: 11, size: 15 } as const;
const CHECKSUM_SIZE = 32;
/** Most bytes of a value: several times what a TPM with full memories has. */
const SIZE_LIMIT = 1 << 20;

/** What a TPM keeps over power-off. */
export interface StoredState {
  readonly permanent: PermanentState;
  /** Present exactly when `permanent.orderly` is STATE. */
  readonly saved: SavedState | undefined;
}

/** Everything about a TPM between two commands. */
export interface TpmSnapshot extends TpmState {
  /** State of the TPM's random generator. */
  readonly generator: Uint8Array;
  /** Whole milliseconds that passed since clock and timers were counted. */
  readonly uncounted: bigint;
  /** Failure mode. */
  readonly failed: boolean;
}

const STORED: WireType<StoredState> = structure<StoredState>({
  permanent: PERMANENT_STATE,
  saved: optional(structure<SavedState>({ reset: RESET_STATE, clear: CLEAR_STATE })),
});

const SNAPSHOT: WireType<TpmSnapshot> = structure<TpmSnapshot>({
  permanent: PERMANENT_STATE,
  saved: optional(structure<SavedState>({ reset: RESET_STATE, clear: CLEAR_STATE })),
  reset: RESET_STATE,
  clear: CLEAR_STATE,
  volatile: VOLATILE_STATE,
  generator: longBytes(RANDOM_STATE_LIMIT),
  uncounted: UINT64,
  failed: BOOLEAN,
});

/** @returns the part of a state that a TPM keeps over power-off, for {@link decodeStoredState} */
export function encodeStoredState(state: StoredState): Uint8Array {
  return encode(KIND.STORED, STORED, { permanent: state.permanent, saved: validSaved(state) });
}

/**
 * Reads what {@link encodeStoredState} wrote.
 *
 * @param bytes any bytes
 * @returns the state, or why it is refused: one phrase, to follow "the state "
 */
export function decodeStoredState(bytes: Uint8Array): StoredState | string {
  const state = decode(KIND.STORED, STORED, bytes);
  if (typeof state === 'string') return state;
  return savedStateDefect(state) ?? state;
}

/** @returns the whole of `tpm` between two commands, for {@link decodeSnapshot} */
export function encodeSnapshot(tpm: Tpm): Uint8Array {
  return encode(KIND.SNAPSHOT, SNAPSHOT, {
    ...tpm.state,
    saved: validSaved(tpm.state),
    generator: tpm.random.exportState(),
    uncounted: BigInt(Math.max(0, Math.floor(tpm.clock.now() - tpm.countedUntil))),
    failed: tpm.failure !== undefined,
  });
}

/**
 * Reads what {@link encodeSnapshot} wrote.
 *
 * @param bytes any bytes
 * @param transientSlots slots of the TPM that is to go on from it
 * @returns the state, or why it is refused: one phrase, to follow "the state "
 */
export function decodeSnapshot(bytes: Uint8Array, transientSlots: number): TpmSnapshot | string {
  const snapshot = decode(KIND.SNAPSHOT, SNAPSHOT, bytes);
  if (typeof snapshot === 'string') return snapshot;
  return savedStateDefect(snapshot) ?? snapshotDefect(snapshot, transientSlots) ?? snapshot;
}

/** Gives a TPM a stored state. It still has to be powered on. */
export function applyStoredState(tpm: Tpm, { permanent, saved }: StoredState): void {
  tpm.state.permanent = permanent;
  tpm.state.saved = saved;
  tpm.permanentChanged = false;
}

/** Lets a TPM go on from a snapshot, whose stored part is in the store already. */
export function applySnapshot(tpm: Tpm, snapshot: TpmSnapshot): void {
  const { permanent, saved, reset, clear, volatile } = snapshot;
  tpm.initialize();
  tpm.state = { permanent, saved, reset, clear, volatile };
  tpm.random = RandomGenerator.importState(snapshot.generator)!;
  tpm.countedUntil = tpm.clock.now() - Number(snapshot.uncounted);
  tpm.permanentChanged = false;
  if (snapshot.failed) tpm.failure = new Error('The snapshot was taken in failure mode');
}

function validSaved({ permanent, saved }: StoredState): SavedState | undefined {
  return permanent.orderly === ORDERLY.STATE ? saved : undefined;
}

function encode<T>(kind: number, type: WireType<T>, value: T): Uint8Array {
  const writer = new WireWriter(SIZE_LIMIT);
  writer.bytes(MAGIC).uint16(STATE_VERSION).uint8(kind).uint32(0);
  type.marshal(writer, value);
  writer.patchUint32(HEADER.length, writer.length + CHECKSUM_SIZE);
  return writer.bytes(checksum(writer.finish())).finish();
}

function decode<T>(kind: number, type: WireType<T>, bytes: Uint8Array): T | string {
  const defect = frameDefect(kind, bytes);
  if (defect !== undefined) return defect;
  const end = bytes.length - CHECKSUM_SIZE;
  const reader = new Unmarshaller(bytes, HEADER.size, end);
  const value = type.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) {
    return `has a value that no TPM writes, at or before byte ${reader.offset}`;
  }
  return reader.remaining > 0 ? `has ${reader.remaining} bytes too many` : value;
}

function frameDefect(kind: number, bytes: Uint8Array): string | undefined {
  if (!MAGIC.every((byte, index) => byte === bytes[index])) return 'is not one of this TPM';
  if (bytes.length < HEADER.size + CHECKSUM_SIZE) return `is cut off after ${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint16(HEADER.version);
  if (version > STATE_VERSION) {
    return `has version ${version}, newer than ${STATE_VERSION}; update tpm-backend-embedded`;
  }
  const length = view.getUint32(HEADER.length);
  if (bytes.length < length) return `is cut off after ${bytes.length} of ${length} bytes`;
  if (bytes.length > length) return `has ${bytes.length - length} bytes after its end`;
  const end = bytes.length - CHECKSUM_SIZE;
  const expected = checksum(bytes.subarray(0, end));
  if (!expected.every((byte, index) => byte === bytes[end + index])) {
    return 'is damaged: its checksum differs';
  }
  if (version !== STATE_VERSION) return `has version ${version}, which never existed`;
  const found = view.getUint8(HEADER.kind);
  return found === kind ? undefined : `is of kind ${found}, expected ${kind}`;
}

function checksum(bytes: Uint8Array): Uint8Array {
  return hashAlgorithm(TPM_ALG.SHA256)!.digest(bytes);
}
