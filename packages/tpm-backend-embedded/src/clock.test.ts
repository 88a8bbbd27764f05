import { TPM_CC, TPM_RC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm, ManualClock } from '../test/fresh-tpm.js';
import { codeOf, shutDown, startUp } from '../test/measurement-commands.js';
import { setClock, timeInfo } from './clock.js';
import { LIMIT } from './structures/limits.js';
import type { Tpm } from './tpm.js';

function started(): { tpm: Tpm; clock: ManualClock } {
  const clock = new ManualClock();
  const tpm = freshTpm({ clock });
  startUp(tpm);
  return { tpm, clock };
}

/** Time of the TPM after `milliseconds`, as the next command sees it. */
function after(tpm: Tpm, clock: ManualClock, milliseconds: number): ReturnType<typeof timeInfo> {
  clock.advance(milliseconds);
  expect(codeOf(tpm, { code: TPM_CC.ReadClock })).toBe(TPM_RC.SUCCESS);
  return timeInfo(tpm);
}

describe('advanceTime()', () => {
  it('advanceTime() counts whole milliseconds and loses no part of one', () => {
    const { tpm, clock } = started();
    for (let step = 0; step < 10; step++) after(tpm, clock, 0.25);
    expect(timeInfo(tpm)).toMatchObject({ time: 2n, clockInfo: { clock: 2n } });
  });

  it('advanceTime() keeps the clock when it enters another interval, and not before', () => {
    const { tpm, clock } = started();
    tpm.permanentChanged = false;
    after(tpm, clock, LIMIT.CLOCK_UPDATE - 1);
    expect(tpm.permanentChanged).toBe(false);
    after(tpm, clock, 1);
    expect(tpm.permanentChanged).toBe(true);
    expect(tpm.state.permanent.clock).toBe(BigInt(LIMIT.CLOCK_UPDATE));
  });

  it('advanceTime() goes on from the kept clock after a disorderly stop; time begins at zero', () => {
    const { tpm, clock } = started();
    after(tpm, clock, LIMIT.CLOCK_UPDATE);
    after(tpm, clock, 100);
    tpm.initialize();
    startUp(tpm);
    expect(timeInfo(tpm)).toMatchObject({
      time: 0n,
      clockInfo: { clock: BigInt(LIMIT.CLOCK_UPDATE), safe: 0 },
    });
    expect(after(tpm, clock, LIMIT.CLOCK_UPDATE - 1).clockInfo.safe).toBe(0);
    expect(after(tpm, clock, 1).clockInfo.safe).toBe(1);
  });

  it('advanceTime() loses nothing of the clock over a Shutdown and stays safe', () => {
    const { tpm, clock } = started();
    after(tpm, clock, 77);
    shutDown(tpm);
    clock.advance(1000);
    tpm.initialize();
    startUp(tpm);
    expect(timeInfo(tpm)).toMatchObject({ time: 0n, clockInfo: { clock: 77n, safe: 1 } });
  });

  it('advanceTime() counts the time between power-on and Startup', () => {
    const clock = new ManualClock();
    const tpm = freshTpm({ clock });
    clock.advance(500);
    startUp(tpm);
    expect(timeInfo(tpm)).toMatchObject({ time: 500n, clockInfo: { clock: 500n } });
  });
});

describe('setClock()', () => {
  it('setClock() sets the running and the kept clock and makes it safe', () => {
    const { tpm, clock } = started();
    tpm.initialize();
    startUp(tpm);
    expect(timeInfo(tpm).clockInfo.safe).toBe(0);
    setClock(tpm, 1_000_000n);
    expect(after(tpm, clock, 5).clockInfo).toMatchObject({ clock: 1_000_005n, safe: 1 });
    expect(tpm.state.permanent.clock).toBe(1_000_000n);
  });
});
