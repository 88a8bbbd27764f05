import { describe, expect, it, vi } from 'vitest';
import type { TpmBackend, TpmResult } from './backend.js';
import { BackendLink, type BackendLinkOptions } from './backend-link.js';
import type { TpmdevError } from './error.js';

const COMMAND = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81);
const RESPONSE = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x00);

/** A link with a user that records, on a back end that answers when told to. */
function rig(overrides: Partial<TpmBackend> = {}, options: Partial<BackendLinkOptions> = {}) {
  const log: string[] = [];
  const errors: TpmdevError[] = [];
  const answers: ((result: TpmResult) => void)[] = [];
  const backend: TpmBackend = {
    kind: 'scripted',
    tpmVersion: '2.0',
    description: { type: 'scripted', options: {} },
    established: false,
    attach: () => {},
    detach: () => void log.push('detach'),
    bufferSize: async () => {
      log.push('bufferSize');
      return 4096;
    },
    start: async ({ bufferSize, deferred }) => {
      log.push(`start ${bufferSize}${deferred === true ? ' deferred' : ''}`);
      return bufferSize;
    },
    execute: ({ locality }) => {
      log.push(`execute ${locality}`);
      return new Promise((resolve) => answers.push(resolve));
    },
    cancel: () => void log.push('cancel'),
    reset: async () => void log.push('reset'),
    resetEstablished: async (locality) => void log.push(`resetEstablished ${locality}`),
    migrationBlocker: () => undefined,
    snapshot: async () => ({ format: 'scripted/1' }),
    restore: async () => {},
    close: async () => {},
    onEvent: undefined,
    trace: undefined,
    ...overrides,
  };
  const link = new BackendLink(
    backend,
    {
      bufferSize: 64,
      answered: ({ failed }) => void log.push(failed ? 'failed' : 'answered'),
      abandonedAnswered: () => void log.push('abandoned answer'),
      started: (size) => void log.push(`started ${size}`),
      startFailed: () => void log.push('start failed'),
      report: (error) => void errors.push(error),
    },
    { bufferLimit: 3968, asksSizeFirst: true, ...options },
  );
  const answer = async (result: TpmResult = { response: RESPONSE, failed: false }) => {
    answers.shift()?.(result);
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { link, log, errors, answer };
}

describe('BackendLink.restart()', () => {
  it.each([
    [true, ['bufferSize', 'reset', 'start 3968', 'started 3968']],
    [false, ['reset', 'bufferSize', 'start 3968', 'started 3968']],
  ])('asks for the size before the reset: %s', async (asksSizeFirst, expected) => {
    const { link, log } = rig({}, { asksSizeFirst });
    expect(await link.restart(false)).toEqual({ started: true });
    expect(log).toEqual(expected);
  });

  it('defers the start when a state will be restored', async () => {
    const { link, log } = rig();
    await link.restart(true);
    expect(log).toContain('start 3968 deferred');
  });

  it('merges restarts behind a running one and reports the outcome of the last', async () => {
    const { link, log } = rig();
    await Promise.all([link.restart(false), link.restart(false), link.restart(true)]);
    expect(log.filter((entry) => entry.startsWith('start '))).toEqual([
      'start 3968',
      'start 3968 deferred',
    ]);
    expect(log.filter((entry) => entry.startsWith('started'))).toHaveLength(1);
  });

  it.each([
    ['rejects', { start: async () => Promise.reject(new Error('broken')) }],
    ['reports a buffer that holds no header', { bufferSize: async () => 9 }],
    ['reports no number', { bufferSize: async () => Number.NaN }],
  ])('resolves with the error when the back end %s', async (_case, overrides) => {
    const { link, log } = rig(overrides);
    const outcome = await link.restart(false);
    expect(outcome).toMatchObject({ started: false, error: { code: 'ERR_BACKEND_START' } });
    expect(log.at(-1)).toBe('start failed');
  });
});

describe('BackendLink.submit()', () => {
  it('refuses a second command while one is in flight', async () => {
    const { link, log, answer } = rig();
    expect(link.submit(COMMAND, 0)).toBe(true);
    expect(link.submit(COMMAND, 1)).toBe(false);
    await answer();
    expect(log).toEqual(['execute 0', 'answered']);
    expect(link.isIdle).toBe(true);
  });

  it('sends a command that comes during a restart after it', async () => {
    const { link, log } = rig();
    const restarted = link.restart(false);
    link.submit(COMMAND, 2);
    expect(log).not.toContain('execute 2');
    await restarted;
    expect(log.slice(-2)).toEqual(['started 3968', 'execute 2']);
  });

  it('hands the answer to an abandoned command to its own callback', async () => {
    const { link, log, answer } = rig();
    link.submit(COMMAND, 0);
    link.abandon();
    await answer();
    expect(log).toEqual(['execute 0', 'abandoned answer']);
  });

  it.each([
    ['too long', { response: new Uint8Array(65), failed: false }],
    ['with a wrong size field', { response: RESPONSE.slice(0, 9), failed: false }],
  ])('turns a response %s into a failure and reports it', async (_case, result) => {
    const { link, log, errors, answer } = rig();
    link.submit(COMMAND, 0);
    await answer(result);
    expect(log).toEqual(['execute 0', 'failed']);
    expect(errors).toMatchObject([{ code: 'ERR_BACKEND_CONTRACT' }]);
  });

  it('turns a throwing back end into a failure', async () => {
    const execute = () => {
      throw new Error('thrown');
    };
    const { link, log, errors } = rig({ execute });
    link.submit(COMMAND, 0);
    await vi.waitFor(() => expect(log).toEqual(['failed']));
    expect(errors).toHaveLength(1);
  });
});

describe('BackendLink.clearEstablished()', () => {
  it('merges requests behind a running one', async () => {
    const { link, log } = rig();
    for (let count = 0; count < 5; count++) link.clearEstablished(3);
    await new Promise<void>((resolve) => link.whenIdle(resolve));
    expect(log).toEqual(['resetEstablished 3', 'resetEstablished 3']);
  });
});

describe('BackendLink.release()', () => {
  it('abandons the command, waits for a restart, resets and detaches', async () => {
    const { link, log } = rig();
    const restarted = link.restart(false);
    link.submit(COMMAND, 0);
    await link.release();
    await restarted;
    expect(log.slice(-2)).toEqual(['reset', 'detach']);
    expect(log).not.toContain('execute 0');
  });
});
