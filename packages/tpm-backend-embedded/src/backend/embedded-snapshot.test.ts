import { toHex } from '@tpmdev/testing/scripted-backend';
import { SnapshotError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import {
  CHANGE_OWNER_AUTH,
  EXTEND_16,
  FABRICATED,
  open,
  openStarted,
  READ_16,
  request,
  STARTUP_CLEAR,
  SUCCESS,
  send,
  TroubledStore,
} from '../../test/open-backend.js';
import { openEmbedded } from './open-embedded.js';

describe('EmbeddedBackend.restore()', () => {
  it('EmbeddedBackend.restore() goes on where snapshot() was taken, on another back end', async () => {
    const { backend } = await openStarted();
    await send(backend, EXTEND_16);
    await backend.hashStart();
    await backend.hashEnd();
    const pcr = await send(backend, READ_16);
    const snapshot = await backend.snapshot();
    expect(backend.migrationBlocker()).toBeUndefined();

    const other = await openEmbedded();
    await other.start({ bufferSize: 0, deferred: true });
    await other.restore(structuredClone(snapshot));
    expect(await send(other, READ_16)).toBe(pcr);
    expect(other.established).toBe(true);
    expect((await other.snapshot()).format).toBe('tpm-backend-embedded/1');
  });

  it('EmbeddedBackend.restore() puts the permanent state into the store before it resolves', async () => {
    const { backend } = await openStarted();
    await send(backend, CHANGE_OWNER_AUTH);
    const snapshot = await backend.snapshot();
    const store = new TroubledStore();
    const other = await openEmbedded({ store });
    await other.restore(snapshot);
    await other.close();
    const again = await openEmbedded({ store });
    await again.start({ bufferSize: 0 });
    expect(await send(again, STARTUP_CLEAR)).toBe(SUCCESS);
    // The owner's authorization value is "a" by now, and the empty one is refused.
    expect(await send(again, CHANGE_OWNER_AUTH)).toBe('80010000000a000009a2');
  });

  it('EmbeddedBackend.snapshot() waits for the outstanding command', async () => {
    const { backend } = await openStarted();
    const answered = backend.execute(request(EXTEND_16));
    const snapshot = await backend.snapshot();
    await answered;
    const after = await send(backend, READ_16);
    await backend.restore(snapshot);
    expect(await send(backend, READ_16)).toBe(after);
  });

  it.each([
    [{ format: 'tpm-backend-swtpm/1' }, "has format 'tpm-backend-swtpm/1', expected"],
    [{ format: 'tpm-backend-embedded/1' }, 'has no established flag or no state'],
    [
      { format: 'tpm-backend-embedded/1', established: true, state: [1, 2] },
      'has no established flag or no state',
    ],
    [
      { format: 'tpm-backend-embedded/1', established: true, state: Uint8Array.of(1) },
      'Saved TPM state is not one of this TPM',
    ],
  ])(
    'EmbeddedBackend.restore() refuses %j, and a TPM that runs goes on',
    async (snapshot, message) => {
      const { backend } = await openStarted();
      await send(backend, EXTEND_16);
      const before = await send(backend, READ_16);
      const refused = backend.restore(snapshot);
      await expect(refused).rejects.toBeInstanceOf(SnapshotError);
      await expect(refused).rejects.toThrow(message);
      expect(await send(backend, READ_16)).toBe(before);
    },
  );

  it('EmbeddedBackend.restore() that is refused leaves a TPM off whose start was deferred', async () => {
    const { backend } = await open();
    await backend.start({ bufferSize: 0, deferred: true });
    await expect(backend.restore({ format: 'none/1' })).rejects.toThrow('none/1');
    expect(toHex((await backend.execute(request(STARTUP_CLEAR))).response)).toBe(FABRICATED);
  });

  it('EmbeddedBackend.restore() refuses a snapshot of a TPM with more slots', async () => {
    const { backend } = await openStarted({ transientSlots: 8 });
    const snapshot = await backend.snapshot();
    const { backend: other } = await openStarted();
    await expect(other.restore(snapshot)).rejects.toThrow(
      'Saved TPM state has 8 transient slots, configured are 3',
    );
  });

  it('EmbeddedBackend.restore() that can’t be stored leaves no TPM running', async () => {
    const { backend } = await openStarted();
    const snapshot = await backend.snapshot();
    const store = new TroubledStore();
    const { backend: other } = await openStarted({ store });
    store.failure = new Error('disk full');
    await expect(other.restore(snapshot)).rejects.toMatchObject({ code: 'ERR_STATE_STORE' });
    expect(toHex((await other.execute(request(READ_16))).response)).toBe(FABRICATED);
    store.failure = undefined;
    await other.start({ bufferSize: 0 });
    expect(await send(other, STARTUP_CLEAR)).toBe(SUCCESS);
  });

  it('EmbeddedBackend.setPhysicalPresence() outlives a power cycle and travels with a snapshot', async () => {
    const { backend } = await openStarted();
    const without = await backend.snapshot();
    await backend.setPhysicalPresence(true);
    const asserted = await backend.snapshot();
    expect(asserted.state).not.toEqual(without.state);
    const { backend: other } = await open();
    await other.restore(asserted);
    expect((await other.snapshot()).state).toEqual(asserted.state);
  });
});
