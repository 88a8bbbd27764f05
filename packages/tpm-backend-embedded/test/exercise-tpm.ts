import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, TPM_ST, WireWriter } from 'tpm-core';
import { encodeSnapshot, encodeStoredState } from '../src/state/tpm-state.js';
import type { Tpm } from '../src/tpm.js';

const PASSWORD_SESSION = Uint8Array.of(0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 0, 0, 0);
const PCR_COUNT = 24;

function message(code: number, handles: readonly number[], rest: Uint8Array, withPassword = false) {
  const sessions = withPassword ? PASSWORD_SESSION : new Uint8Array(0);
  const tag = withPassword ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS;
  const length = 10 + 4 * handles.length + sessions.length + rest.length;
  const writer = new WireWriter().uint16(tag).uint32(length).uint32(code);
  for (const handle of handles) writer.uint32(handle);
  return writer.bytes(sessions).bytes(rest).finish();
}

function numbers(width: 16 | 32, ...values: readonly number[]): Uint8Array {
  const writer = new WireWriter();
  for (const value of values) width === 16 ? writer.uint16(value) : writer.uint32(value);
  return writer.finish();
}

/** ECC P-256 storage key, as Linux makes it in the null hierarchy. */
const CREATE_PRIMARY = concatBytes(
  Uint8Array.of(0, 4, 0, 0, 0, 0, 0, 26, 0, 0x23, 0, 0x0b, 0, 3, 4, 0x72, 0, 0),
  Uint8Array.of(0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10, 0, 0, 0, 0),
  new Uint8Array(6),
);

function* commands(tpm: Tpm): Generator<Uint8Array, void, void> {
  yield message(TPM_CC.Startup, [], numbers(16, 1));
  yield message(TPM_CC.Startup, [], numbers(16, 0));
  yield message(TPM_CC.SelfTest, [], Uint8Array.of(1));
  for (let capability = 0; capability < 10; capability++) {
    for (const property of [0, 0x100, 0x200, 0x200_0000, 0x300_0000, 0x8000_0000, 0x8100_0000]) {
      yield message(TPM_CC.GetCapability, [], numbers(32, capability, property, 200));
    }
  }
  for (const hash of [4, 0xb, 0xc, 0xd]) {
    const selection = concatBytes(numbers(32, 1), numbers(16, hash), Uint8Array.of(3, 3, 0, 0xff));
    yield message(TPM_CC.PCR_Read, [], selection);
  }
  for (let pcr = 0; pcr < PCR_COUNT; pcr++) {
    yield message(TPM_CC.PCR_Event, [pcr], Uint8Array.of(0, 1, 7), true);
    yield message(TPM_CC.PCR_Reset, [pcr], new Uint8Array(0), true);
  }
  yield message(TPM_CC.GetRandom, [], numbers(16, 64));
  yield message(TPM_CC.ReadClock, [], new Uint8Array(0));
  yield message(TPM_CC.ReadPublic, [0x8100_0001], new Uint8Array(0));
  for (const handle of loadedHandles(tpm)) {
    yield message(TPM_CC.ReadPublic, [handle], new Uint8Array(0));
    yield message(TPM_CC.SequenceUpdate, [handle], Uint8Array.of(0, 1, 7), true);
    yield message(TPM_CC.ContextSave, [handle], new Uint8Array(0));
    const end = concatBytes(Uint8Array.of(0, 1, 7), numbers(32, 0x4000_0007));
    yield message(TPM_CC.SequenceComplete, [handle], end, true);
    yield message(TPM_CC.EventSequenceComplete, [0, handle], Uint8Array.of(0, 1, 7), true);
    yield message(TPM_CC.FlushContext, [], numbers(32, handle));
  }
  for (const index of NV_INDEXES) yield* nvCommands(index);
  yield message(TPM_CC.NV_GlobalWriteLock, [PLATFORM], new Uint8Array(0), true);
  yield message(TPM_CC.CreatePrimary, [0x4000_0007], CREATE_PRIMARY, true);
  yield message(TPM_CC.HierarchyChangeAuth, [0x4000_000c], numbers(16, 0), true);
  yield message(TPM_CC.Shutdown, [], numbers(16, 1));
}

/** Indexes that {@link richTpm} defines. */
const NV_INDEXES = [0, 1, 2, 3, 4, 5].map((at) => 0x0150_0000 + at);
const PLATFORM = 0x4000_000c;

function* nvCommands(index: number): Generator<Uint8Array, void, void> {
  yield message(TPM_CC.NV_ReadPublic, [index], new Uint8Array(0));
  for (const authority of [PLATFORM, index]) {
    const command = (code: number, rest: Uint8Array = new Uint8Array(0)) =>
      message(code, [authority, index], rest, true);
    yield command(TPM_CC.NV_Read, numbers(16, 8, 0));
    yield command(TPM_CC.NV_Write, Uint8Array.of(0, 1, 7, 0, 0));
    yield command(TPM_CC.NV_Increment);
    yield command(TPM_CC.NV_SetBits, new Uint8Array(8).fill(1));
    yield command(TPM_CC.NV_Extend, Uint8Array.of(0, 1, 7));
    yield command(TPM_CC.NV_ReadLock);
    yield command(TPM_CC.NV_WriteLock);
  }
}

function loadedHandles({ state }: Tpm): number[] {
  const slots = state.volatile.slots.map((_, index) => 0x8000_0000 + index);
  const sessions = state.volatile.sessions.flatMap(({ slot }) => [
    0x0200_0000 + slot,
    0x0300_0000 + slot,
  ]);
  return [...slots, ...sessions];
}

/**
 * Sends a TPM everything that touches its state, over two power cycles, and takes snapshots.
 *
 * @returns what put it into failure mode, with the command; nothing of a TPM that works
 */
export function exerciseTpm(tpm: Tpm): string[] {
  const failures: string[] = [];
  for (let cycle = 0; cycle < 3; cycle++) {
    tpm.hashData(Uint8Array.of(1));
    tpm.hashEnd();
    for (const command of commands(tpm)) {
      const response = tpm.execute(command, 0);
      if (response.length < 10) failures.push(`malformed answer to ${command.join()}`);
      if (tpm.failure !== undefined) {
        const { stack } = tpm.failure as Error;
        failures.push(`${String(stack)} on ${command.join()}`);
        return failures;
      }
    }
    encodeSnapshot(tpm);
    encodeStoredState(tpm.state);
    tpm.initialize();
  }
  return failures;
}
