import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { GuestError } from '../src/guest-error.js';
import { type GuestImage, prepareGuest } from '../src/prepare-guest.js';
import { GUEST_PROMPT, GUEST_READY, parseProof, RUN_EXIT } from '../src/proof.js';
import { bootGuest } from './boot-guest.js';

// Debian's own mirror, apt, dpkg-deb and v86 are the peers of this suite. The packages go into one
// folder that is empty at the beginning; the tests build upon one another.

const BUILD_TIME = 600_000;
const BOOT_TIME = 400_000;

let cache = '';

beforeAll(async () => {
  for (const program of ['/usr/bin/apt-get', '/usr/bin/dpkg-deb', '/usr/bin/flock']) {
    if (!existsSync(program)) {
      throw new Error(`${program} is missing; install it: apt-get install apt dpkg util-linux`);
    }
  }
  cache = await mkdtemp(join(tmpdir(), 'tpmdev-guest-'));
});

afterAll(() => rm(cache, { recursive: true, force: true }));

let environment = process.env;
beforeEach(() => {
  environment = { ...process.env };
});
afterEach(() => {
  process.env = environment;
});

/** A proxy that lets nothing through and counts who tried. */
async function closedProxy(): Promise<{ server: Server; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.writeHead(503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  process.env.http_proxy = process.env.https_proxy = `http://127.0.0.1:${port}`;
  return { server, requests };
}

/** An apt that outlived its parent keeps the cache to itself until it has ended. */
async function prepareOnceAptEnded(): Promise<GuestImage> {
  for (;;) {
    try {
      return await prepareGuest({ flavour: 'minimal', cacheDirectory: cache });
    } catch (error) {
      if (!(error instanceof GuestError && error.code === 'ERR_GUEST_CACHE')) throw error;
      await setTimeout(500);
    }
  }
}

async function kilobytes(image: GuestImage): Promise<string> {
  const paths = Object.entries(image).filter(([name]) => name !== 'commandLine');
  const sizes = await Promise.all(
    paths.map(async ([name, path]) => `${name} ${Math.round((await stat(path)).size / 1024)} KB`),
  );
  return sizes.join(', ');
}

test(
  'prepareGuest() names the network when apt reaches no mirror',
  async () => {
    const { server, requests } = await closedProxy();
    try {
      const attempt = prepareGuest({ flavour: 'minimal', cacheDirectory: join(cache, 'none') });
      const error = await attempt.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(GuestError);
      expect((error as GuestError).code).toBe('ERR_GUEST_NETWORK');
      expect(requests.length).toBeGreaterThan(0);
    } finally {
      server.close();
    }
  },
  BUILD_TIME,
);

test(
  'prepareGuest() uses on what had arrived when its process was killed',
  async () => {
    const program = join(import.meta.dirname, '..', 'dist', 'main.js');
    const child = spawn(process.execPath, [program, '--cache', cache], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      // Only the whole process is killed here; apt, its child, runs on and keeps its own lock.
      if (text.includes('Downloading')) child.kill('SIGKILL');
    });
    await once(child, 'close');
    expect(text).toContain('Downloading 4 packages');
    expect(await readdir(join(cache, 'images')).catch(() => [])).toEqual([]);
    expect((await prepareOnceAptEnded()).bios).toContain(cache);
  },
  BUILD_TIME,
);

test.each(['minimal', 'tools', 'cd'] as const)(
  'prepareGuest() builds "%s", the second time without one request to the network',
  async (flavour) => {
    const start = performance.now();
    const image = await prepareGuest({ flavour, cacheDirectory: cache });
    const first = performance.now() - start;
    console.info(`${flavour}: ${first.toFixed(0)} ms; ${await kilobytes(image)}`);
    expect((await stat(image.bios)).size).toBe(256 * 1024);
    const { server, requests } = await closedProxy();
    try {
      expect(await prepareGuest({ flavour, cacheDirectory: cache })).toEqual(image);
      expect(requests).toEqual([]);
    } finally {
      server.close();
    }
  },
  BUILD_TIME,
);

test(
  'The guest "minimal" boots to its prompt and proves honestly that it has no TPM',
  async () => {
    const image = await prepareGuest({ flavour: 'minimal', cacheDirectory: cache, offline: true });
    const guest = await bootGuest(image);
    try {
      await guest.until(new RegExp(`${GUEST_READY}[^]*${GUEST_PROMPT}`));
      expect(parseProof(guest.output())).toMatchObject({ devices: [], randomSources: [] });
      expect(parseProof(guest.output())?.kernelLines.join()).toContain('No TPM chip found');
      guest.send('stat -c %t:%T:%F /dev/console; poweroff\n');
      await guest.until(/5:1:character special file/);
      await guest.until(/reboot: Power down/);
    } finally {
      await guest.end();
    }
  },
  BOOT_TIME,
);

test(
  'The guest "tools" runs the script that it is given and loads all libraries of tpm2-tools',
  async () => {
    const image = await prepareGuest({ flavour: 'tools', cacheDirectory: cache, offline: true });
    const script = 'tpm2_getrandom 4; ls -l /proc/self/fd/2 >/dev/null; exit 42\n';
    const run = `tpmdev.log tpmdev.run=${Buffer.from(script).toString('base64')}`;
    const guest = await bootGuest(image, run);
    try {
      await guest.until(new RegExp(`${RUN_EXIT}42\\b`));
      // Without a TPM the library for /dev/tpmrm0 is as far as it gets.
      expect(guest.output()).toContain('Failed to open specified TCTI device file /dev/tpmrm0');
      expect(guest.output()).not.toMatch(/error while loading shared libraries|not found/);
      await guest.until(/reboot: Power down/);
    } finally {
      await guest.end();
    }
  },
  BOOT_TIME,
);

test(
  'The guest "cd" boots from the CD, again after the guest restarts',
  async () => {
    const image = await prepareGuest({ flavour: 'cd', cacheDirectory: cache, offline: true });
    const guest = await bootGuest(image);
    try {
      await guest.until(new RegExp(`ISOLINUX[^]*${GUEST_PROMPT}`));
      guest.send('reboot\n');
      await guest.until(new RegExp(`(?:ISOLINUX[^]*${GUEST_PROMPT}[^]*){2}`));
    } finally {
      await guest.end();
    }
  },
  BOOT_TIME,
);

test('The cache holds nothing half-built afterwards', async () => {
  const names = await readdir(cache, { recursive: true });
  expect(names.filter((name) => /(?:^|\/)(?:new|unpack)-/.test(name))).toEqual([]);
  const record: unknown = JSON.parse(await readFile(join(cache, 'images', 'minimal.json'), 'utf8'));
  expect(record).toMatchObject({ format: 'tpmdev-guest-image-1' });
});
