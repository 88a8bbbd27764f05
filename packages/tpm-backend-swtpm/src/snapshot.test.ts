import { SnapshotError } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { bench, codes, FAILURE } from '../test/scripted-bench.js';
import { fromHex, type ScriptedSwtpm, toHex } from '../test/scripted-swtpm.js';
import type { SwtpmSnapshot } from './snapshot.js';

/** A plain permanent state of a TPM 2.0 with nothing inside. */
function blob(word: number, length = 40): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(fromHex('0201000a0004'));
  new DataView(bytes.buffer).setUint32(6, length);
  new DataView(bytes.buffer).setUint32(24, word);
  return bytes;
}

const nothing = { flags: 0, bytes: new Uint8Array(0) };
const saved: SwtpmSnapshot = {
  format: 'tpm-backend-swtpm/1',
  tpmVersion: '2.0',
  permanent: { flags: 0, bytes: blob(0xab364723) },
  volatile: { flags: 2, bytes: blob(0x45637889) },
  savestate: nothing,
};

describe('state of SwtpmBackend', () => {
  it('SwtpmBackend.snapshot() reads three blobs decrypted, and an absent one as empty', async () => {
    const { backend, peer } = await bench();
    peer.scripts.GET_STATEBLOB = (bytes) =>
      bytes[11] === 1
        ? fromHex('00000000000000020000000300000003010203')
        : fromHex(`00000800${'00'.repeat(12)}`);
    const snapshot = await backend.snapshot();
    expect(snapshot).toEqual({
      format: 'tpm-backend-swtpm/1',
      tpmVersion: '2.0',
      permanent: { flags: 2, bytes: fromHex('010203') },
      volatile: nothing,
      savestate: nothing,
    });
    expect(peer.log).toEqual(
      [1, 2, 3].map((type) => `GET_STATEBLOB 0000000c000000010000000${type}00000000`),
    );
  });

  it.each([
    ['is refused', `00000020${'00'.repeat(12)}`, 'ERR_CONTROL_REFUSED'],
    ['is shorter than its total', '000000000000000000000004000000020102', 'ERR_STATE_UNREADABLE'],
  ])(
    'SwtpmBackend.snapshot() rejects when a blob %s, and the TPM goes on',
    async (_n, answer, code) => {
      const { backend, peer, run } = await bench();
      peer.scripts.GET_STATEBLOB = () => fromHex(answer);
      await expect(backend.snapshot()).rejects.toMatchObject({ code });
      expect((await run()).failed).toBe(false);
    },
  );

  it('SwtpmBackend.restore() stops at the first refused blob, and nothing runs after it', async () => {
    const { backend, peer, events, run } = await bench();
    peer.scripts.SET_STATEBLOB = (bytes) => fromHex(bytes[11] === 2 ? '0000000d' : '00000000');
    await expect(backend.restore(saved)).rejects.toMatchObject({
      code: 'ERR_STATE_REFUSED',
      resultCode: 0x0d,
      message:
        "Saved TPM state can't be loaded: swtpm refused SET_STATEBLOB volatile: result 0x0d (key not found); the TPM stays stopped, restore a state that fits or restart swtpm",
    });
    expect(peer.names).toEqual(['STOP', 'SET_STATEBLOB', 'SET_STATEBLOB']);
    peer.clear();
    await expect(backend.start({ bufferSize: 4096 })).rejects.toMatchObject({
      code: 'ERR_STATE_REFUSED',
    });
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_STATE_REFUSED']);
    expect(peer.log).toEqual([]);
    delete peer.scripts.SET_STATEBLOB;
    expect(await backend.start({ bufferSize: 4096, deferred: true })).toBe(4096);
    await backend.restore(saved);
    expect((await run()).failed).toBe(false);
  });

  it.each([
    ['format', { format: 'tpm-backend-embedded/1' }],
    ['family', { tpmVersion: '1.2' }],
    ['missing blob', { volatile: undefined }],
    ['bytes of another type', { volatile: { flags: 0, bytes: [1, 2] } }],
    ['flags', { volatile: { flags: 4, bytes: saved.volatile.bytes } }],
    ['no permanent state', { permanent: nothing }],
    ['a truncated blob', { permanent: { flags: 0, bytes: saved.permanent.bytes.slice(0, 30) } }],
    ['a blob below its header', { permanent: { flags: 0, bytes: new Uint8Array(3) } }],
    ['a blob of another version', { permanent: { flags: 0, bytes: new Uint8Array(40) } }],
    ['a blob above 512 KiB', { permanent: { flags: 0, bytes: blob(0xab364723, 524_289) } }],
    ['exchanged blobs', { permanent: saved.volatile, volatile: saved.permanent }],
  ])(
    'SwtpmBackend.restore() refuses a snapshot with wrong %s before it sends anything',
    async (_n, change) => {
      const { backend, peer, run } = await bench();
      await expect(backend.restore({ ...saved, ...change })).rejects.toThrow(SnapshotError);
      expect(peer.log).toEqual([]);
      expect((await run()).failed).toBe(false);
    },
  );

  it('SwtpmBackend.migrationBlocker() names the missing commands, and both ways are refused', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000000fcff');
    };
    const { backend } = await bench({ prepare });
    expect(backend.migrationBlocker()).toContain('swtpm lacks GET_STATEBLOB, SET_STATEBLOB');
    await expect(backend.snapshot()).rejects.toMatchObject({ code: 'ERR_STATE_UNREADABLE' });
    await expect(backend.restore(saved)).rejects.toMatchObject({ code: 'ERR_STATE_UNREADABLE' });
    expect((await bench()).backend.migrationBlocker()).toBeUndefined();
  });

  it('SwtpmBackend.continueAfterSnapshot() takes the lock back after a snapshot, each time', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000001ffff');
    };
    const { backend, peer } = await bench({ prepare });
    await backend.continueAfterSnapshot();
    await backend.snapshot();
    peer.clear();
    await backend.continueAfterSnapshot();
    await backend.continueAfterSnapshot();
    expect(peer.log).toEqual(Array(2).fill('LOCK_STORAGE 000000130000012c'));
    peer.scripts.LOCK_STORAGE = () => fromHex('00000009');
    await expect(backend.continueAfterSnapshot()).rejects.toMatchObject({ resultCode: 9 });
  });
});
