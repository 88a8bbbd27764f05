import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CharacterDevice } from './description.js';
import { openBackend } from './open-backend.js';

const UNIX: CharacterDevice = { kind: 'unix', path: '/nonexistent/s', server: false, wait: false };
const TCP: CharacterDevice = { kind: 'tcp', host: 'h', port: 1, server: false, wait: false };

function open(chardevs: Record<string, CharacterDevice>, dataChardev?: string) {
  const data = dataChardev === undefined ? {} : { dataChardev };
  return openBackend(
    { type: 'emulator', id: 't', chardev: 'c', ...data },
    { chardevs: new Map(Object.entries(chardevs)), onEvent: () => {} },
  );
}

describe('openBackend() rejects', () => {
  test('a type that has no opener', async () => {
    const passthrough = { type: 'passthrough', id: 't', path: '/dev/tpm0' } as const;
    const context = { chardevs: new Map(), onEvent: () => {} };
    const opened = openBackend(passthrough, context);
    await expect(opened).rejects.toThrow(
      "TPM backend type 'passthrough' is not available in this version",
    );
  });

  test('a character device that is not there', async () => {
    await expect(open({})).rejects.toThrow("tpm chardev 'c' not found");
    await expect(open({ c: UNIX }, 'd')).rejects.toThrow("tpm chardev 'd' not found");
  });

  test('a control channel over TCP without a data channel', async () => {
    await expect(open({ c: TCP })).rejects.toThrow('add data-chardev=ID');
  });

  test('a character device that is no socket', async () => {
    await expect(open({ c: { kind: 'null' }, d: UNIX }, 'd')).rejects.toThrow(
      "a chardev of kind 'null' can't lead to swtpm; use a socket",
    );
  });

  test('a socket on which nobody listens', async () => {
    await expect(open({ c: UNIX })).rejects.toThrow('/nonexistent/s');
  });
});

describe('openBackend() of an embedded TPM', () => {
  const context = { chardevs: new Map(), onEvent: () => {} };

  test('makes a new TPM in memory without a state', async () => {
    const backend = await openBackend({ type: 'embedded', id: 't' }, context);
    expect([backend.kind, backend.tpmVersion]).toEqual(['embedded', '2.0']);
    expect(await backend.start({ bufferSize: 0 })).toBe(4096);
    await backend.close();
  });

  test('keeps the TPM in a directory, which one process uses at a time', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tpmdev-open-'));
    const definition = { type: 'embedded', id: 't', state: join(directory, 'tpm') } as const;
    try {
      const backend = await openBackend(definition, context);
      await backend.start({ bufferSize: 0 });
      await expect(openBackend(definition, context)).rejects.toThrow('in use');
      await backend.close();
      expect(await readdir(definition.state)).toEqual(['tpm2.state']);
      await (await openBackend(definition, context)).close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('rejects a state that is none', async () => {
    const definition = { type: 'embedded', id: 't', state: import.meta.filename } as const;
    await expect(openBackend(definition, context)).rejects.toThrow('it is not a directory');
  });
});
