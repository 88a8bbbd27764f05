import { toHex } from '@tpmdev/testing/scripted-backend';
import type { TraceEvent } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import {
  CHANGE_OWNER_AUTH,
  EXTEND_16,
  FABRICATED,
  FAILURE,
  GET_TEST_RESULT,
  open,
  openStarted,
  READ_16,
  request,
  SHUTDOWN_STATE,
  STARTUP_CLEAR,
  STARTUP_STATE,
  SUCCESS,
  send,
  TroubledStore,
} from '../../test/open-backend.js';
import { memoryStore } from '../store/memory-store.js';
import type { StateStore } from '../store/state-store.js';
import { openEmbedded } from './open-embedded.js';

describe('openEmbedded()', () => {
  it('openEmbedded() makes a TPM 2.0 with its own clock, random numbers and store', async () => {
    const backend = await openEmbedded();
    expect(backend.kind).toBe('embedded');
    expect(backend.tpmVersion).toBe('2.0');
    expect(backend.description).toEqual({ type: 'embedded', options: {} });
    await backend.start({ bufferSize: 0 });
    expect(await send(backend, STARTUP_CLEAR)).toBe(SUCCESS);
    await backend.close();
  });

  it.each([
    [{ transientSlots: 2 }, 'transientSlots is 2; give a whole number from 3 to 64'],
    [{ transientSlots: 65 }, 'transientSlots is 65; give a whole number from 3 to 64'],
    [{ transientSlots: 3.5 }, 'transientSlots is 3.5; give a whole number from 3 to 64'],
    [{ pcrBanks: [] }, 'pcrBanks names none; name at least one of'],
    [{ pcrBanks: [0x12] }, 'pcrBanks names 0x12; name at least one of'],
  ])('openEmbedded(%j) is refused, and the store is closed', async (options, message) => {
    const store = new TroubledStore();
    await expect(openEmbedded({ ...options, store })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringContaining(message),
    });
    expect(store.closed).toBe(1);
  });

  it('openEmbedded() refuses a store with other bytes, and closes it', async () => {
    const store = new TroubledStore();
    await store.inner.write(Uint8Array.of(1, 2, 3));
    await expect(openEmbedded({ store })).rejects.toMatchObject({
      code: 'ERR_STATE_REFUSED',
      message:
        'The stored TPM state is not one of this TPM; put a sound copy in its place, or remove it to get a new TPM',
    });
    expect(store.closed).toBe(1);
    expect(await store.inner.read()).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('openEmbedded() rejects with the reason when the store can’t be read', async () => {
    const store = new TroubledStore();
    store.read = () => Promise.reject(new Error('no such disk'));
    await expect(openEmbedded({ store })).rejects.toMatchObject({
      code: 'ERR_STATE_STORE',
      message: "Reading the TPM's state failed: no such disk",
    });
  });
});

describe('EmbeddedBackend.attach()', () => {
  it('EmbeddedBackend.attach() takes one owner at a time, and the first one stays', async () => {
    const { backend } = await open();
    backend.attach('tpm-tis');
    expect(() => backend.attach('tpm-crb')).toThrow(
      "TPM back end already serves 'tpm-tis', 'tpm-crb' needs one of its own",
    );
    backend.detach();
    backend.attach('tpm-crb');
  });
});

describe('EmbeddedBackend.start()', () => {
  it('EmbeddedBackend.start() uses the wanted buffer size, at most 4096', async () => {
    const { backend } = await open();
    expect(await backend.bufferSize()).toBe(4096);
    expect(await backend.start({ bufferSize: 0 })).toBe(4096);
    expect(await backend.start({ bufferSize: 3968 })).toBe(3968);
    expect(await backend.start({ bufferSize: 0 })).toBe(3968);
    expect(await backend.start({ bufferSize: 65_536 })).toBe(4096);
  });

  it('EmbeddedBackend.start() has GetCapability show the negotiated size, as swtpm does', async () => {
    const { backend } = await open();
    await backend.start({ bufferSize: 3968 });
    await send(backend, STARTUP_CLEAR);
    // TPM_PT_MAX_COMMAND_SIZE and TPM_PT_MAX_RESPONSE_SIZE
    const answer = await send(backend, '8001000000160000017a000000060000011e00000002');
    expect(answer.slice(-32)).toBe('0000011e00000f800000011f00000f80');
  });

  it('EmbeddedBackend.start() is a power cycle: Startup is needed, sessions and PCR are new', async () => {
    const { backend } = await openStarted();
    const before = await send(backend, READ_16);
    expect(await send(backend, EXTEND_16)).toMatch(/^8002........00000000/);
    expect(await send(backend, READ_16)).not.toBe(before);
    await backend.start({ bufferSize: 0 });
    expect(await send(backend, READ_16)).toBe('80010000000a00000100');
    expect(await send(backend, STARTUP_CLEAR)).toBe(SUCCESS);
    expect((await send(backend, READ_16)).slice(28)).toBe(before.slice(28));
  });

  it('EmbeddedBackend.start() stores a new TPM before the first command', async () => {
    const store = new TroubledStore();
    const { backend } = await open({ store });
    expect(store.writes).toBe(0);
    await backend.start({ bufferSize: 0 });
    expect(store.writes).toBe(1);
  });

  it('EmbeddedBackend.start() rejects when a new TPM can’t be stored, and no command reaches it', async () => {
    const store = new TroubledStore();
    const { backend, events } = await open({ store });
    store.failure = new Error('disk full');
    await expect(backend.start({ bufferSize: 0 })).rejects.toMatchObject({
      code: 'ERR_STATE_STORE',
      message: "Storing the TPM's state failed: disk full",
    });
    expect(await send(backend, STARTUP_CLEAR)).toBe(FABRICATED);
    expect(events.map(({ error }) => error.code)).toEqual(['ERR_BACKEND_STOPPED']);
    store.failure = undefined;
    await backend.start({ bufferSize: 0 });
    expect(await send(backend, STARTUP_CLEAR)).toBe(SUCCESS);
    expect(await store.read()).toBeDefined();
  });

  it('EmbeddedBackend.start() only negotiates when it is deferred', async () => {
    const { backend, events } = await openStarted();
    expect(await backend.start({ bufferSize: 3968, deferred: true })).toBe(3968);
    expect(await backend.execute(request(STARTUP_CLEAR))).toMatchObject({ failed: true });
    expect(events.map(({ type, error }) => [type, error.message])).toEqual([
      ['command-failed', 'TPM is not powered; call start() first'],
    ]);
  });
});

describe('EmbeddedBackend.execute()', () => {
  it('EmbeddedBackend.execute() answers with a failure before start()', async () => {
    const { backend, events } = await open();
    const { response, failed } = await backend.execute(request(STARTUP_CLEAR));
    expect([toHex(response), failed]).toEqual([FABRICATED, true]);
    expect(events[0]!.error.code).toBe('ERR_BACKEND_STOPPED');
  });

  it('EmbeddedBackend.execute() refuses a second command while one is outstanding', async () => {
    const { backend, events } = await openStarted();
    const first = backend.execute(request(READ_16));
    const second = await backend.execute(request(READ_16));
    expect(second).toMatchObject({ failed: true });
    expect(events.map(({ error }) => error.code)).toEqual(['ERR_BACKEND_BUSY']);
    expect(await first).toMatchObject({ failed: false });
  });

  it('EmbeddedBackend.execute() hands the answer out after the store has its effects', async () => {
    const store = new TroubledStore();
    const { backend } = await openStarted({ store });
    let release = (): void => {};
    store.wait = new Promise((resolve) => {
      release = resolve;
    });
    let isAnswered = false;
    const answered = backend.execute(request(CHANGE_OWNER_AUTH)).then((result) => {
      isAnswered = true;
      return result;
    });
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    expect(isAnswered).toBe(false);
    release();
    expect(toHex((await answered).response)).toMatch(/^8002........00000000/);
  });

  it('EmbeddedBackend.execute() stores nothing for a command that changes nothing permanent', async () => {
    const store = new TroubledStore();
    const { backend } = await openStarted({ store });
    const before = store.writes;
    for (const command of [READ_16, EXTEND_16, GET_TEST_RESULT, 'ffff', '']) {
      await send(backend, command);
    }
    expect(store.writes).toBe(before);
  });

  it('EmbeddedBackend.execute() goes into failure mode when the store fails, and a start goes back to what the store has', async () => {
    const store = new TroubledStore();
    const { backend, events } = await openStarted({ store });
    const kept = await store.read();
    store.failure = new Error('disk full');
    const { response, failed } = await backend.execute(request(CHANGE_OWNER_AUTH));
    expect([toHex(response), failed]).toEqual([FABRICATED, true]);
    expect(events.map(({ type, error }) => [type, error.message])).toEqual([
      ['command-failed', "Storing the TPM's state failed: disk full"],
    ]);
    expect(await send(backend, READ_16)).toBe(FAILURE);
    expect(await store.read()).toEqual(kept);
    store.failure = undefined;
    await backend.start({ bufferSize: 0 });
    expect(await send(backend, STARTUP_CLEAR)).toBe(SUCCESS);
    // With the old, empty authorization value it works: the change never happened.
    expect(await send(backend, CHANGE_OWNER_AUTH)).toMatch(/^8002........00000000/);
  });

  it('EmbeddedBackend.execute() fails a response that has no room, and reports it', async () => {
    const { backend, events } = await openStarted();
    const result = await backend.execute(request(READ_16, 0, 20));
    expect([toHex(result.response), result.failed]).toEqual([FABRICATED, true]);
    expect(events.map(({ error }) => error.message)).toEqual([
      'Response has 62 bytes, the request has room for 20',
    ]);
  });

  it('EmbeddedBackend.execute() traces command and response', async () => {
    const { backend } = await openStarted();
    const traced: string[] = [];
    backend.trace = (event: TraceEvent) => {
      if (event.type !== 'command' && event.type !== 'response') return;
      traced.push(`${event.type} ${event.locality} ${toHex(event.bytes)}`);
    };
    await send(backend, READ_16, 2);
    expect(traced).toEqual([
      `command 2 ${READ_16}`,
      expect.stringMatching(/^response 2 8001.{8}00000000/),
    ]);
  });

  it('EmbeddedBackend.execute() works on when an event hook throws', async () => {
    const failures: unknown[] = [];
    const { backend } = await openStarted({
      onEvent: () => {
        failures.push('called');
      },
    });
    await backend.execute(request(READ_16, 0, 20));
    expect(failures).toEqual(['called']);
    expect(await send(backend, READ_16)).toMatch(/^8001/);
  });
});

describe('EmbeddedBackend, platform', () => {
  it('EmbeddedBackend.hashStart() sets the established flag, which outlives a power cycle', async () => {
    const { backend } = await openStarted();
    expect(backend.established).toBe(false);
    await backend.hashStart();
    expect(backend.established).toBe(true);
    await backend.hashData(Uint8Array.of(1));
    await backend.hashEnd();
    await backend.start({ bufferSize: 0 });
    expect(backend.established).toBe(true);
  });

  it.each([
    [0, true],
    [1, true],
    [2, true],
    [3, false],
    [4, false],
  ] as const)(
    'EmbeddedBackend.resetEstablished(%i) leaves the flag at %s',
    async (locality, left) => {
      const { backend, events } = await openStarted();
      await backend.hashStart();
      await backend.hashEnd();
      await backend.resetEstablished(locality);
      expect(backend.established).toBe(left);
      expect(events.map(({ type, error }) => [type, error.message])).toEqual(
        left
          ? [
              [
                'warning',
                `Clearing the TPM-established flag needs locality 3 or 4, got ${locality}`,
              ],
            ]
          : [],
      );
    },
  );

  it('EmbeddedBackend.hashStart() rejects without power', async () => {
    const { backend } = await open();
    await expect(backend.hashStart()).rejects.toMatchObject({ code: 'ERR_BACKEND_STOPPED' });
    expect(backend.established).toBe(false);
  });
});

describe('EmbeddedBackend.close()', () => {
  it('EmbeddedBackend.close() waits for the outstanding command, closes the store once, and ends everything', async () => {
    const store = new TroubledStore();
    const { backend, events } = await openStarted({ store });
    const writes = store.writes;
    const outstanding = backend.execute(request(READ_16));
    const closed = backend.close();
    expect(store.closed).toBe(0);
    await Promise.all([closed, backend.close()]);
    expect(await outstanding).toMatchObject({ failed: false });
    expect([store.closed, store.writes]).toEqual([1, writes]);
    expect(await backend.execute(request(READ_16))).toMatchObject({ failed: true });
    expect(events.map(({ error }) => error.code)).toEqual(['ERR_BACKEND_CLOSED']);
    await expect(backend.start({ bufferSize: 0 })).rejects.toMatchObject({
      code: 'ERR_BACKEND_CLOSED',
    });
    await expect(backend.snapshot()).rejects.toMatchObject({ code: 'ERR_BACKEND_CLOSED' });
    await backend.reset();
  });

  it('EmbeddedBackend.close() leaves the TPM as at a power failure: no Shutdown is made up', async () => {
    const inner = memoryStore();
    const keep = (): StateStore => ({ ...inner, close: async () => {} });
    const first = await openStarted({ store: keep() });
    expect(await send(first.backend, SHUTDOWN_STATE)).toBe(SUCCESS);
    await first.backend.close();
    const second = await open({ store: keep() });
    await second.backend.start({ bufferSize: 0 });
    expect(await send(second.backend, STARTUP_STATE)).toBe(SUCCESS);
    await second.backend.close();
    const third = await open({ store: keep() });
    await third.backend.start({ bufferSize: 0 });
    expect(await send(third.backend, STARTUP_STATE)).toBe('80010000000a000001c4');
  });
});
