import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { SERVED_BACKENDS } from '../src/tpmdev/served-backends.js';
import { Resources } from './support/resources.js';
import { hashMessage, message, SimulatorClient } from './support/simulator-client.js';
import { startServe } from './support/tools-tpm.js';

const resources = new Resources();
afterEach(() => resources.release());

/** @returns process numbers of a process's children */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

describe.each(SERVED_BACKENDS.map(({ name }) => name))('tpmdev serve --backend %s', (kind) => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends with 0 at %s to its process group',
    async (signal) => {
      const { child, tpm, ready, exited } = await startServe(resources, ['--backend', kind]);
      expect(ready).toMatch(
        /^Serving TPM 2\.0 \(\w+\) on 127\.0\.0\.1, command port \d+, platform port \d+\n$/,
      );
      expect((await tpm.run(['startup', '-c'])).code).toBe(0);
      const children = await childrenOf(child.pid!);
      process.kill(-child.pid!, signal);
      expect(await exited).toBe('0: ');
      expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    },
  );

  test('keeps the TPM in the directory of --state', async () => {
    const state = join(await resources.directory(), 'state');
    const words = ['--backend', kind, '--state', state];
    const first = await startServe(resources, words);
    expect((await first.tpm.run(['startup', '-c'])).code).toBe(0);
    expect((await first.tpm.run(['changeauth', '-c', 'o', 'secret'])).code).toBe(0);
    first.child.kill('SIGTERM');
    expect(await first.exited).toBe('0: ');
    const { tpm } = await startServe(resources, words);
    expect((await tpm.run(['startup', '-c'])).code).toBe(0);
    expect((await tpm.run(['createprimary', '-C', 'o', '-c', 'a.ctx'])).code).not.toBe(0);
    expect((await tpm.run(['createprimary', '-C', 'o', '-P', 'secret', '-c', 'a.ctx'])).code).toBe(
      0,
    );
  });

  test('measures what comes by HASH_START, HASH_DATA and HASH_END before Startup into PCR 0', async () => {
    const { tpm, ready } = await startServe(resources, ['--backend', kind]);
    const client = await SimulatorClient.connect(Number(/platform port (\d+)/.exec(ready)![1]));
    resources.add(() => void client.socket.destroy());
    client.write(message('HASH_START'), hashMessage(Buffer.from('ab')));
    client.write(hashMessage(Buffer.from('c')), message('HASH_END'));
    expect(await client.read(16)).toBe('0'.repeat(32));
    expect((await tpm.run(['startup', '-c'])).code).toBe(0);
    // TPM 2.0 Part 1: PCR 0 starts from the locality of the H-CRTM, 4, and is extended.
    const before = Buffer.alloc(32);
    before[31] = 4;
    const sha256 = (...pieces: Buffer[]) =>
      createHash('sha256').update(Buffer.concat(pieces)).digest();
    const value = sha256(before, sha256(Buffer.from('abc')))
      .toString('hex')
      .toUpperCase();
    expect((await tpm.run(['pcrread', 'sha256:0'])).output).toContain(`0x${value}`);
  });

  test('starts with a fresh TPM without --state', async () => {
    const first = await startServe(resources, ['--backend', kind]);
    expect((await first.tpm.run(['startup', '-c'])).code).toBe(0);
    expect((await first.tpm.run(['changeauth', '-c', 'o', 'secret'])).code).toBe(0);
    const second = await startServe(resources, ['--backend', kind]);
    expect((await second.tpm.run(['startup', '-c'])).code).toBe(0);
    expect((await second.tpm.run(['createprimary', '-C', 'o', '-c', 'a.ctx'])).code).toBe(0);
  });
});

test('tpmdev serve ends with 1 and one line when its swtpm dies', async () => {
  const { child, exited } = await startServe(resources, ['--backend', 'swtpm']);
  const [swtpm] = await childrenOf(child.pid!);
  process.kill(swtpm!, 'SIGKILL');
  expect(await exited).toMatch(/^1: tpmdev: [^\n]*SIGKILL[^\n]*\n$/);
});

test('tpmdev serve ends with 1 and one line when its state is in use', async () => {
  const state = join(await resources.directory(), 'state');
  await startServe(resources, ['--backend', 'swtpm', '--state', state]);
  await expect(startServe(resources, ['--backend', 'swtpm', '--state', state])).rejects.toThrow(
    /^tpmdev serve ended with 1: tpmdev: [^\n]*\n$/,
  );
});
