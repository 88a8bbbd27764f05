import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/fresh-tpm.js';
import { openStarted, READ_16, request, SUCCESS, send } from '../../test/open-backend.js';
import { pauseForOtherTasks } from './host-defaults.js';

/** TPM2_CreatePrimary of an RSA-2048 storage key in the null hierarchy. */
const CREATE_RSA = [
  '8002000000430000013140000007',
  '00000009400000090000000000' + '000400000000',
  '001a0001000b0003047200000006008000430010080000000000' + '0000',
  '0000' + '00000000',
].join('');
const CANCELED = '80010000000a00000909';

/** A clock on which each look takes some milliseconds. */
class TickingClock extends ManualClock {
  readonly #step: number;

  constructor(step: number) {
    super();
    this.#step = step;
  }

  override now(): number {
    this.advance(this.#step);
    return super.now();
  }
}

describe('EmbeddedBackend.execute() of a long command', () => {
  it('EmbeddedBackend.execute() pauses about every 8 ms of its clock', async () => {
    const pauses: number[] = [];
    const clock = new TickingClock(1);
    const { backend } = await openStarted({
      clock,
      pause: async () => void pauses.push(clock.now()),
    });
    expect((await send(backend, CREATE_RSA)).slice(12, 20)).toBe('00000000');
    expect(pauses.length).toBeGreaterThan(2);
    for (let index = 1; index < pauses.length; index++) {
      const apart = pauses[index]! - pauses[index - 1]!;
      expect(apart).toBeGreaterThanOrEqual(8);
      expect(apart).toBeLessThanOrEqual(11);
    }
  });

  it('EmbeddedBackend.execute() does not pause in a short command', async () => {
    let pauses = 0;
    const { backend } = await openStarted({
      clock: new TickingClock(100),
      pause: async () => void pauses++,
    });
    await send(backend, READ_16);
    expect(pauses).toBe(0);
  });

  it('EmbeddedBackend.cancel() ends it at the next step with TPM_RC_CANCELED, and nothing else is cancelled', async () => {
    let cancel = (): void => {};
    const { backend } = await openStarted({
      clock: new TickingClock(4),
      pause: async () => cancel(),
    });
    const before = await backend.snapshot();
    cancel = () => backend.cancel();
    expect(await send(backend, CREATE_RSA)).toBe(CANCELED);
    cancel = () => {};
    expect((await send(backend, CREATE_RSA)).slice(12, 20)).toBe('00000000');
    expect(before.state).toBeInstanceOf(Uint8Array);
  });

  it('EmbeddedBackend.cancel() obeys also when it comes before the first step', async () => {
    const { backend } = await openStarted({ clock: new TickingClock(4), pause: async () => {} });
    const answered = backend.execute(request(CREATE_RSA));
    backend.cancel();
    const { response, failed } = await answered;
    expect([Array.from(response.subarray(6)), failed]).toEqual([[0, 0, 9, 9], false]);
  });

  it('EmbeddedBackend.cancel() without a command does nothing', async () => {
    const { backend } = await openStarted();
    backend.cancel();
    expect((await send(backend, CREATE_RSA)).slice(12, 20)).toBe('00000000');
  });

  it('EmbeddedBackend.execute() fails the command when pausing fails, and the next one works', async () => {
    let isBroken = true;
    const { backend, events } = await openStarted({
      clock: new TickingClock(4),
      pause: async () => {
        if (isBroken) throw new Error('no event loop');
      },
    });
    expect(await backend.execute(request(CREATE_RSA))).toMatchObject({ failed: true });
    expect(events.map(({ error }) => [error.code, error.message])).toEqual([
      ['ERR_INTERNAL', 'Executing a TPM command failed: Error: no event loop'],
    ]);
    isBroken = false;
    expect((await send(backend, CREATE_RSA)).slice(12, 20)).toBe('00000000');
  });

  it('EmbeddedBackend.start() during it waits for its answer', async () => {
    const order: string[] = [];
    const { backend } = await openStarted({ clock: new TickingClock(4) });
    const answered = backend.execute(request(CREATE_RSA)).then(() => order.push('answered'));
    const started = backend.start({ bufferSize: 0 }).then(() => order.push('started'));
    await Promise.all([answered, started, backend.reset()]);
    expect(order).toEqual(['answered', 'started']);
    expect(await send(backend, '80010000000c000001440000')).toBe(SUCCESS);
  });
});

describe('pauseForOtherTasks()', () => {
  it('pauseForOtherTasks() resolves in a later task, after all microtasks', async () => {
    const order: string[] = [];
    const paused = pauseForOtherTasks().then(() => order.push('paused'));
    await Promise.resolve();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    order.push('microtasks');
    await paused;
    expect(order).toEqual(['microtasks', 'paused']);
  });
});
