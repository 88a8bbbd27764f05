import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING, TPM_SU, WireWriter } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../test/fresh-tpm.js';
import {
  allocate,
  codeOf,
  extend,
  readPcr,
  SHA256,
  shutDown,
  startUp,
  updateCounter,
} from '../test/measurement-commands.js';
import { NO_PASSWORD } from '../test/password-command.js';
import { ORDERLY } from './state/permanent-state.js';
import type { Tpm } from './tpm.js';

const NO_SAVED_STATE = TPM_RC_FORMAT_ONE.VALUE | 0x140;

function counters(tpm: Tpm): { reset: number; restart: number; clear: number } {
  const { permanent, reset } = tpm.state;
  return {
    reset: permanent.resetCount,
    restart: reset.restartCount,
    clear: reset.clearCount,
  };
}

/** A TPM that was started and stopped with a Shutdown, after `before`, and powered on again. */
function cycled(shutdownType: number, before: (tpm: Tpm) => void = () => {}): Tpm {
  const tpm = freshTpm();
  startUp(tpm);
  before(tpm);
  shutDown(tpm, shutdownType);
  tpm.initialize();
  return tpm;
}

describe('startUp()', () => {
  it('startUp(CLEAR) after anything but Shutdown(STATE) is a TPM Reset with a new null seed', () => {
    const tpm = freshTpm();
    startUp(tpm);
    expect(counters(tpm)).toEqual({ reset: 1, restart: 0, clear: 0 });
    const { nullSeed, nullProof } = tpm.state.reset;
    shutDown(tpm, TPM_SU.CLEAR);
    tpm.initialize();
    startUp(tpm);
    expect(counters(tpm)).toEqual({ reset: 2, restart: 0, clear: 0 });
    expect(tpm.state.reset.nullSeed).not.toEqual(nullSeed);
    expect(tpm.state.reset.nullProof).not.toEqual(nullProof);
    expect(tpm.state.permanent.totalResetCount).toBe(2n);
  });

  it('startUp(CLEAR) after Shutdown(STATE) is a TPM Restart: null seed kept, PCR and platform new', () => {
    let nullSeed: Uint8Array = new Uint8Array(0);
    const tpm = cycled(TPM_SU.STATE, (running) => {
      extend(running, 0);
      running.state.clear.platform.authValue = Uint8Array.of(1);
      running.state.clear.shEnable = false;
      nullSeed = running.state.reset.nullSeed.slice();
    });
    expect(startUp(tpm)).toBe(TPM_RC.SUCCESS);
    expect(counters(tpm)).toEqual({ reset: 1, restart: 1, clear: 1 });
    expect(tpm.state.reset.nullSeed).toEqual(nullSeed);
    expect(tpm.state.clear.platform.authValue).toHaveLength(0);
    expect(tpm.state.clear.shEnable).toBe(true);
    expect(readPcr(tpm, 0)).toEqual(new Uint8Array(32));
  });

  it('startUp(STATE) is a TPM Resume: saved PCR, platform and enables kept, phEnable set', () => {
    let value: Uint8Array = new Uint8Array(0);
    const tpm = cycled(TPM_SU.STATE, (running) => {
      extend(running, 0);
      extend(running, 16);
      value = readPcr(running, 0);
      running.state.clear.platform.authValue = Uint8Array.of(1);
      running.state.clear.shEnable = false;
      running.state.volatile.phEnable = false;
    });
    expect(startUp(tpm, TPM_SU.STATE)).toBe(TPM_RC.SUCCESS);
    expect(counters(tpm)).toEqual({ reset: 1, restart: 1, clear: 0 });
    expect(readPcr(tpm, 0)).toEqual(value);
    expect(readPcr(tpm, 16)).toEqual(new Uint8Array(32));
    expect(readPcr(tpm, 17)).toEqual(new Uint8Array(32).fill(0xff));
    expect(tpm.state.clear.platform.authValue).toEqual(Uint8Array.of(1));
    expect(tpm.state.clear.shEnable).toBe(false);
    expect(tpm.state.volatile.phEnable).toBe(true);
  });

  it('startUp(STATE) is refused without valid saved state, and startUp(CLEAR) works after that', () => {
    for (const tpm of [freshTpm(), cycled(TPM_SU.CLEAR)]) {
      expect(startUp(tpm, TPM_SU.STATE)).toBe(NO_SAVED_STATE);
      expect(codeOf(tpm, { code: TPM_CC.ReadClock })).toBe(TPM_RC.INITIALIZE);
      expect(startUp(tpm)).toBe(TPM_RC.SUCCESS);
    }
  });

  it('startUp(STATE) uses saved state up: the next start without Shutdown is a reset', () => {
    const tpm = cycled(TPM_SU.STATE);
    startUp(tpm, TPM_SU.STATE);
    tpm.initialize();
    expect(startUp(tpm, TPM_SU.STATE)).toBe(NO_SAVED_STATE);
    startUp(tpm);
    expect(counters(tpm)).toMatchObject({ reset: 2, restart: 0 });
    expect(tpm.state.permanent.clockSafe).toBe(false);
  });

  it('startUp() twice is TPM_RC_INITIALIZE', () => {
    const tpm = freshTpm();
    startUp(tpm);
    expect(startUp(tpm)).toBe(TPM_RC.INITIALIZE);
  });

  it.each([1, 2, 4])('startUp() at locality %i is TPM_RC_LOCALITY', (locality) => {
    expect(startUp(freshTpm(), TPM_SU.CLEAR, locality)).toBe(TPM_RC_WARNING.LOCALITY);
    expect(startUp(freshTpm(), TPM_SU.STATE, locality)).toBe(TPM_RC_WARNING.LOCALITY);
  });

  it('startUp() at locality 3 shows in PCR 0 of every bank, and the resume has to come from there', () => {
    const tpm = freshTpm();
    startUp(tpm, TPM_SU.CLEAR, 3);
    for (const bank of [0x0004, 0x000b, 0x000c, 0x000d]) {
      const value = readPcr(tpm, 0, bank);
      expect(value.at(-1)).toBe(3);
      expect(value.subarray(0, -1).every((byte) => byte === 0)).toBe(true);
    }
    shutDown(tpm, TPM_SU.STATE);
    tpm.initialize();
    expect(startUp(tpm, TPM_SU.STATE, 0)).toBe(TPM_RC_WARNING.LOCALITY);
    expect(startUp(tpm, TPM_SU.STATE, 3)).toBe(TPM_RC.SUCCESS);
  });

  it('startUp() restores exactly what the Shutdown saved, whatever changed after it', () => {
    const tpm = cycled(TPM_SU.STATE, (running) => extend(running, 3));
    const saved = tpm.state.saved!;
    tpm.state.reset.pcrCounter = 999;
    expect(saved.reset.pcrCounter).toBe(21);
    startUp(tpm, TPM_SU.STATE);
    expect(updateCounter(tpm)).toBe(25);
  });

  it('startUp() counts an attack when a protected value was used before a disorderly stop', () => {
    const tpm = freshTpm();
    startUp(tpm);
    tpm.state.permanent.orderly = ORDERLY.NONE_DA_USED;
    tpm.initialize();
    startUp(tpm);
    expect(tpm.state.permanent.failedTries).toBe(1);
    tpm.initialize();
    startUp(tpm);
    expect(tpm.state.permanent.failedTries).toBe(1);
    tpm.state.permanent.failedTries = tpm.state.permanent.maxTries;
    tpm.state.permanent.orderly = ORDERLY.NONE_DA_USED;
    tpm.initialize();
    startUp(tpm);
    expect(tpm.state.permanent.failedTries).toBe(tpm.state.permanent.maxTries);
  });
});

describe('shutDown()', () => {
  const passwords = [NO_PASSWORD];

  it.each([
    ['PCR_Extend of PCR 0', (tpm: Tpm) => extend(tpm, 0)],
    ['PCR_Extend of PCR 15 without a digest', (tpm: Tpm) => extend(tpm, 15, [])],
    [
      'PCR_Event of PCR 0',
      (tpm: Tpm) =>
        codeOf(tpm, {
          code: TPM_CC.PCR_Event,
          handles: [0],
          passwords,
          parameters: Uint8Array.of(0, 1, 0x61),
        }),
    ],
    [
      'PCR_SetAuthValue',
      (tpm: Tpm) =>
        codeOf(tpm, {
          code: TPM_CC.PCR_SetAuthValue,
          handles: [20],
          passwords,
          parameters: Uint8Array.of(0, 1, 0x61),
        }),
    ],
  ])('shutDown() of both kinds is undone by %s', (_name, change) => {
    const tpm = cycled(TPM_SU.STATE);
    startUp(tpm);
    for (const shutdownType of [TPM_SU.STATE, TPM_SU.CLEAR]) {
      shutDown(tpm, shutdownType);
      tpm.permanentChanged = false;
      expect(change(tpm)).toBe(TPM_RC.SUCCESS);
      expect(tpm.permanentChanged).toBe(true);
      tpm.initialize();
      expect(startUp(tpm, TPM_SU.STATE)).toBe(NO_SAVED_STATE);
      startUp(tpm);
      expect(tpm.state.volatile.wasOrderly).toBe(false);
    }
  });

  it.each([
    ['PCR_Extend of PCR 16', (tpm: Tpm) => extend(tpm, 16)],
    ['PCR_Extend of TPM_RH_NULL', (tpm: Tpm) => extend(tpm, 0x4000_0007)],
    [
      'GetRandom',
      (tpm: Tpm) => codeOf(tpm, { code: TPM_CC.GetRandom, parameters: Uint8Array.of(0, 4) }),
    ],
    ['ReadClock', (tpm: Tpm) => codeOf(tpm, { code: TPM_CC.ReadClock })],
    [
      'HashSequenceStart',
      (tpm: Tpm) =>
        codeOf(tpm, {
          code: TPM_CC.HashSequenceStart,
          parameters: new WireWriter().uint16(0).uint16(SHA256).finish(),
        }),
    ],
    ['a refused PCR_Extend', (tpm: Tpm) => extend(tpm, 17) - TPM_RC_WARNING.LOCALITY],
  ])('shutDown(STATE) is not undone by %s', (_name, command) => {
    const tpm = freshTpm();
    startUp(tpm);
    shutDown(tpm, TPM_SU.STATE);
    tpm.permanentChanged = false;
    expect(command(tpm)).toBe(TPM_RC.SUCCESS);
    expect(tpm.permanentChanged).toBe(false);
    tpm.initialize();
    expect(startUp(tpm, TPM_SU.STATE)).toBe(TPM_RC.SUCCESS);
  });

  it('shutDown(CLEAR) after shutDown(STATE) takes the saved state away', () => {
    const tpm = cycled(TPM_SU.STATE);
    startUp(tpm, TPM_SU.STATE);
    shutDown(tpm, TPM_SU.STATE);
    shutDown(tpm, TPM_SU.CLEAR);
    tpm.initialize();
    expect(startUp(tpm, TPM_SU.STATE)).toBe(NO_SAVED_STATE);
    startUp(tpm);
    expect(tpm.state.volatile.wasOrderly).toBe(true);
  });

  it('shutDown(STATE) after PCR_Allocate is refused until the next start', () => {
    const tpm = freshTpm();
    startUp(tpm);
    allocate(tpm, { [SHA256]: 0xff_ffff });
    expect(shutDown(tpm, TPM_SU.STATE)).toBe(TPM_RC_FORMAT_ONE.TYPE | 0x140);
    expect(shutDown(tpm, TPM_SU.CLEAR)).toBe(TPM_RC.SUCCESS);
    tpm.initialize();
    startUp(tpm);
    expect(shutDown(tpm, TPM_SU.STATE)).toBe(TPM_RC.SUCCESS);
  });

  it('shutDown() does not stop the TPM', () => {
    const tpm = freshTpm();
    startUp(tpm);
    shutDown(tpm);
    expect(codeOf(tpm, { code: TPM_CC.ReadClock })).toBe(TPM_RC.SUCCESS);
  });
});
