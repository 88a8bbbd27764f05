import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileStore } from 'tpm-backend-embedded/node';
import { afterAll, describe, expect, it } from 'vitest';

// Boots real guests. The first one may have to be downloaded and built.

const START = fileURLToPath(new URL('../start.mjs', import.meta.url));
const BOOT_TIME = 900_000;

const stateHome = mkdtempSync(join(tmpdir(), 'tpmdev-start-test-'));
afterAll(() => rmSync(stateHome, { recursive: true, force: true }));

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs `npm start` without a terminal. */
function start(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Run> {
  const child = spawn(process.execPath, [START, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XDG_STATE_HOME: stateHome, ...environment },
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, output, errors }));
  });
}

/** @returns the summary's lines that begin with a mark */
function marked(output: string, mark: '✓' | '✗'): string[] {
  return output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith(mark));
}

describe('npm start', () => {
  it.each([
    ['', 'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)', 6],
    ['--crb', 'ACPI: TPM2 0x', 6],
    ['--swtpm', 'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)', 6],
    ['--swtpm --tpm 1.2', '1.2 TPM (device-id 0x1, rev-id 1)', 5],
    ['--tables fw-cfg', 'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)', 6],
    ['--cd', 'tpm_tis MSFT0101:00: 2.0 TPM (device-id 0x1, rev-id 1)', 6],
  ])(
    'npm start -- %s without a terminal shows every fact and ends with 0',
    async (line, found, count) => {
      const { exitCode, output, errors } = await start(
        line.split(' ').filter((word) => word !== ''),
      );
      expect(marked(output, '✗')).toEqual([]);
      const facts = marked(output, '✓');
      expect(facts, errors).toHaveLength(count);
      expect(facts[0]).toContain(found);
      expect(exitCode, errors).toBe(0);
    },
    BOOT_TIME,
  );

  it(
    'npm start keeps the TPM of the last run, and begins a new one with --fresh',
    async () => {
      const kept = join(stateHome, 'tpmdev', 'embedded');
      const mark = join(kept, 'mark-of-this-tpm');
      const atOnce = ['--timeout', '0.01'];
      await start(atOnce);
      writeFileSync(mark, '');
      const again = await start(atOnce);
      expect(again.errors).toContain(kept);
      expect(existsSync(mark)).toBe(true);
      await start(['--fresh', ...atOnce]);
      expect(existsSync(mark)).toBe(false);
      expect(existsSync(kept)).toBe(true);
    },
    BOOT_TIME,
  );

  it('npm start -- --fresh refuses to take away a TPM that is in use', async () => {
    const folder = join(stateHome, 'tpmdev', 'embedded');
    const store = await fileStore(folder);
    const { exitCode, errors } = await start(['--fresh']);
    await store.close();
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^npm start: .*in use.*\n$/);
  });

  it(
    'npm start ends with 1 and a line when the guest does not get that far',
    async () => {
      const { exitCode, errors } = await start(['--timeout', '1']);
      expect(exitCode).toBe(1);
      expect(errors).toMatch(/npm start: --timeout: 1 s have passed\n$/);
    },
    BOOT_TIME,
  );

  it('npm start -- --offline without a cache says so in one line', async () => {
    const cache = join(stateHome, 'empty-cache');
    const { exitCode, errors } = await start(['--offline'], { TPMDEV_CACHE: cache });
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/npm start: The guest "minimal" is not in the cache; .*\n$/);
  });

  it('npm start -- --swtpm says how to install swtpm where there is none', async () => {
    const { exitCode, errors } = await start(['--swtpm'], { PATH: '/nowhere' });
    expect(exitCode).toBe(1);
    expect(errors).toContain(
      'npm start: There is no swtpm; on Debian and Ubuntu: sudo apt-get install swtpm',
    );
  });

  it('npm start -- --probe drives the devices without a guest', async () => {
    const { exitCode, output } = await start(['--probe', '--crb']);
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^tpm_crb MSFT0101:00: 2\.0 TPM \(device-id 0x/);
    expect(output).toContain('extended and read back');
  });
});
