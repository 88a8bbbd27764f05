import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Refresh } from './refresh.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A refresh whose runs end when they are told to. */
function rig() {
  const ends: (() => void)[] = [];
  const errors: unknown[] = [];
  let runs = 0;
  const refresh = new Refresh(
    200,
    () => {
      runs++;
      return new Promise((resolve) => ends.push(resolve));
    },
    (error) => errors.push(error),
  );
  return { refresh, ends, errors, runs: () => runs };
}

describe('Refresh', () => {
  it('Refresh.request() runs once after the interval, however often it is asked', async () => {
    const { refresh, runs } = rig();
    for (let count = 0; count < 50; count++) refresh.request();
    await vi.advanceTimersByTimeAsync(199);
    expect(runs()).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs()).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(runs()).toBe(1);
  });

  it('Refresh.request() during a run leads to one more run after it, never to two at once', async () => {
    const { refresh, ends, runs } = rig();
    refresh.request();
    await vi.advanceTimersByTimeAsync(200);
    refresh.request();
    refresh.request();
    await vi.advanceTimersByTimeAsync(1000);
    expect(runs()).toBe(1);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(200);
    expect(runs()).toBe(2);
    ends[1]?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(runs()).toBe(2);
  });

  it('Refresh.request() works again after a run that failed, and the failure is reported', async () => {
    const errors: unknown[] = [];
    let runs = 0;
    const refresh = new Refresh(
      10,
      async () => {
        runs++;
        throw new Error(`run ${runs}`);
      },
      (error) => errors.push(error),
    );
    refresh.request();
    await vi.advanceTimersByTimeAsync(10);
    refresh.request();
    await vi.advanceTimersByTimeAsync(10);
    expect(errors).toEqual([new Error('run 1'), new Error('run 2')]);
  });
});
