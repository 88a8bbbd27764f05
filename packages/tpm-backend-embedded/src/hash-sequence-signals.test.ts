import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, TPM_SU } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../test/fresh-tpm.js';
import {
  codeOf,
  extend,
  readPcr,
  SHA256,
  shutDown,
  startUp,
  updateCounter,
} from '../test/measurement-commands.js';
import { startHashSequence } from './sequences.js';
import type { Tpm } from './tpm.js';

const ZEROS = new Uint8Array(32);
const ONES = new Uint8Array(32).fill(0xff);

function measure(tpm: Tpm, ...parts: string[]): void {
  tpm.hashStart();
  for (const part of parts) tpm.hashData(utf8ToBytes(part));
  tpm.hashEnd();
}

function hcrtmValue(text: string): Uint8Array {
  const start = ZEROS.slice();
  start[31] = 4;
  return sha256(concatBytes(start, sha256(utf8ToBytes(text))));
}

describe('Tpm.hashEnd()', () => {
  it('Tpm.hashEnd() before Startup makes an H-CRTM measurement into PCR 0, whatever the cut', () => {
    const tpm = freshTpm();
    measure(tpm, 'h', '', 'crtm');
    startUp(tpm);
    expect(readPcr(tpm, 0)).toEqual(hcrtmValue('hcrtm'));
    expect(readPcr(tpm, 17)).toEqual(ONES);
    expect(updateCounter(tpm)).toBe(20);
  });

  it('Tpm.hashEnd() before Startup counts the last sequence only, also an empty one', () => {
    const tpm = freshTpm();
    measure(tpm, 'first');
    measure(tpm, '');
    startUp(tpm);
    expect(readPcr(tpm, 0)).toEqual(hcrtmValue(''));
  });

  it('Tpm.hashEnd() after Startup makes a DRTM measurement: PCR 17 to 22 zero, PCR 17 extended', () => {
    const tpm = freshTpm();
    startUp(tpm);
    extend(tpm, 20, undefined, 1);
    const before = updateCounter(tpm);
    measure(tpm, 'drtm');
    expect(readPcr(tpm, 17)).toEqual(sha256(concatBytes(ZEROS, sha256(utf8ToBytes('drtm')))));
    for (const pcr of [18, 19, 20, 21, 22]) expect(readPcr(tpm, pcr)).toEqual(ZEROS);
    expect(updateCounter(tpm) - before).toBe(4);
    expect(tpm.state.reset.restartCount).toBe(1);
  });

  it('Tpm.hashStart() takes the first object slot only when all are taken', () => {
    const tpm = freshTpm();
    startUp(tpm);
    const occupied = (): boolean[] => tpm.state.volatile.slots.map((slot) => slot !== undefined);
    for (let slot = 0; slot < 2; slot++) startHashSequence(tpm, new Uint8Array(0), SHA256);
    measure(tpm, 'room left');
    expect(occupied()).toEqual([true, true, false]);
    startHashSequence(tpm, new Uint8Array(0), SHA256);
    measure(tpm, 'no room left');
    expect(occupied()).toEqual([false, true, true]);
  });

  it('Tpm.hashEnd() without a sequence, and data without one, change nothing', () => {
    const tpm = freshTpm();
    startUp(tpm);
    tpm.hashData(utf8ToBytes('x'));
    tpm.hashEnd();
    expect(readPcr(tpm, 17)).toEqual(ONES);
  });

  it('Tpm.hashEnd() finds no sequence when a command came in between', () => {
    const tpm = freshTpm();
    tpm.hashStart();
    startUp(tpm);
    tpm.hashEnd();
    expect(readPcr(tpm, 0)).toEqual(ZEROS);
    tpm.hashStart();
    expect(codeOf(tpm, { code: TPM_CC.ReadClock })).toBe(TPM_RC.SUCCESS);
    tpm.hashEnd();
    expect(readPcr(tpm, 17)).toEqual(ONES);
  });

  it('Startup(STATE) asks for an H-CRTM sequence exactly when the start before had one', () => {
    for (const [first, second] of [
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const tpm = freshTpm();
      if (first) measure(tpm, 'h');
      startUp(tpm);
      const value = readPcr(tpm, 0);
      shutDown(tpm, TPM_SU.STATE);
      tpm.initialize();
      if (second) measure(tpm, 'other');
      // Of two starts after H-CRTM sequences the localities are not compared.
      const code = startUp(tpm, TPM_SU.STATE, first && second ? 3 : 0);
      expect(code).toBe(first === second ? TPM_RC.SUCCESS : TPM_RC_FORMAT_ONE.VALUE | 0x140);
      if (code === TPM_RC.SUCCESS) expect(readPcr(tpm, 0)).toEqual(value);
    }
  });
});
