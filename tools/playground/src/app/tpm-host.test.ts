import type { EmbeddedBackend } from 'tpm-backend-embedded';
import { HASH_ALGORITHM } from 'tpm-fwcfg-ppi/event-log';
import { describe, expect, it } from 'vitest';
import { TpmHost } from './tpm-host.js';

const STARTUP = Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0);
const SELF_TEST = Uint8Array.of(0x80, 1, 0, 0, 0, 11, 0, 0, 1, 0x43, 1);

async function open() {
  const errors: string[] = [];
  let changes = 0;
  const host = await TpmHost.open({
    onStorageChange: () => {
      changes++;
    },
    onError: (error) => errors.push(error.message),
  });
  return { host, errors, changes: () => changes };
}

async function execute(backend: EmbeddedBackend, command: Uint8Array): Promise<number> {
  const request = { command: command.slice(), locality: 0, responseCapacity: 4096 } as const;
  return (await backend.execute(request)).response[9] ?? -1;
}

async function powerOn(host: TpmHost): Promise<void> {
  await host.backend.start({ bufferSize: 0 });
  expect(await execute(host.backend, STARTUP)).toBe(0);
}

describe('TpmHost', () => {
  it('TpmHost.open() uses memory and says why where there is no IndexedDB', async () => {
    const { host, changes } = await open();
    expect(host.storage).toMatchObject({ kind: 'memory', writes: 0 });
    expect(host.storage.notice).toContain('there is no IndexedDB here');
    const before = changes();
    await powerOn(host);
    expect(host.storage.writes).toBeGreaterThan(0);
    expect(host.storage.size).toBeGreaterThan(100);
    expect(changes()).toBeGreaterThan(before);
    await host.close();
  });

  it('TpmHost.pcrs() reads all banks and sends the TPM no command', async () => {
    const { host, errors } = await open();
    expect(await host.pcrs()).toBeUndefined();
    await powerOn(host);
    await execute(host.backend, SELF_TEST);
    const traced: string[] = [];
    host.backend.trace = ({ type }) => traced.push(type);
    const { writes } = host.storage;
    const banks = await host.pcrs();
    expect(Array.from(banks ?? [], ([algorithm, pcrs]) => [algorithm, pcrs.size])).toEqual([
      [HASH_ALGORITHM['SHA-256'], 24],
      [HASH_ALGORITHM['SHA-1'], 24],
      [HASH_ALGORITHM['SHA-384'], 24],
      [HASH_ALGORITHM['SHA-512'], 24],
    ]);
    expect(banks?.get(HASH_ALGORITHM['SHA-256'])?.get(17)).toEqual(new Uint8Array(32).fill(0xff));
    expect(traced).toEqual([]);
    expect(host.storage.writes).toBe(writes);
    expect(errors).toEqual([]);
    await host.close();
  });

  it('TpmHost.replace() makes another TPM, and brings an exported one back', async () => {
    const { host } = await open();
    expect(await host.exportState()).toBeUndefined();
    await powerOn(host);
    const first = await host.exportState();
    await host.replace(undefined);
    const second = await host.exportState();
    expect(second).not.toEqual(first);
    await host.replace(first);
    expect(await host.exportState()).toEqual(first);
    await powerOn(host);
    await host.close();
  });

  it('TpmHost.pcrs() is undefined while the TPM is closed', async () => {
    const { host } = await open();
    await powerOn(host);
    const pcrs = host.pcrs();
    await host.close();
    await pcrs;
    expect(await host.pcrs()).toBeUndefined();
  });
});
