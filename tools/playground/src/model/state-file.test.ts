import { memoryStore, openEmbedded } from 'tpm-backend-embedded';
import { describe, expect, it } from 'vitest';
import { readStateFile, STATE_FILE_LIMIT, stateFileName } from './state-file.js';

async function stateOfNewTpm(): Promise<Uint8Array> {
  const store = memoryStore();
  const tpm = await openEmbedded({ store });
  await tpm.start({ bufferSize: 0 });
  const state = await store.read();
  await tpm.close();
  expect(state).toBeDefined();
  return state ?? new Uint8Array(0);
}

function file(bytes: Uint8Array, name = 'my.state') {
  return { name, size: bytes.length, arrayBuffer: async () => bytes.slice().buffer as ArrayBuffer };
}

describe('readStateFile()', () => {
  it('readStateFile() gives the bytes of a TPM’s state', async () => {
    const state = await stateOfNewTpm();
    expect(await readStateFile(file(state))).toEqual({ state });
  });

  it('readStateFile() names the file and the reason when a byte is changed, missing or too many', async () => {
    const state = await stateOfNewTpm();
    const changed = state.slice();
    changed[40]! ^= 1;
    const longer = new Uint8Array(state.length + 1);
    longer.set(state);
    for (const bytes of [changed, state.slice(0, -1), longer, new TextEncoder().encode('hello')]) {
      const { problem } = await readStateFile(file(bytes));
      expect(problem).toMatch(/^Can’t import “my\.state”: The stored TPM state /);
    }
  });

  it('readStateFile() refuses an empty file, and a large one without reading it', async () => {
    expect((await readStateFile(file(new Uint8Array(0)))).problem).toContain('empty');
    const large = {
      name: 'film.mp4',
      size: STATE_FILE_LIMIT + 1,
      arrayBuffer: () => Promise.reject(new Error('was read')),
    };
    expect((await readStateFile(large)).problem).toContain('film.mp4');
  });

  it('readStateFile() says why when the browser can’t read the file', async () => {
    const gone = {
      name: 'gone.state',
      size: 10,
      arrayBuffer: () => Promise.reject(new DOMException('The file is gone', 'NotFoundError')),
    };
    expect(await readStateFile(gone)).toEqual({
      problem: 'Can’t import “gone.state”: The file is gone',
    });
  });
});

describe('stateFileName()', () => {
  it('stateFileName() sorts by time', () => {
    expect(stateFileName(new Date('2026-11-25T14:23:05.999Z'))).toBe('tpm2-20261125-142305.state');
  });
});
