import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GuestError } from './guest-error.js';
import { defaultCacheDirectory, type PrepareGuestOptions, prepareGuest } from './prepare-guest.js';
import { type RunProgram, runProgram } from './program.js';
import type { GuestProgress } from './progress.js';
import type { UnpackPackage } from './unpack.js';

/** What the scripted packages hold, by package. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  seabios: ['usr/share/seabios/bios-256k.bin', 'usr/share/seabios/vgabios-stdvga.bin'],
  'linux-image-686-pae': [],
  'linux-image-6.1.0-99-686-pae': ['boot/vmlinuz-6.1.0-99-686-pae'],
  'busybox-static': ['bin/busybox'],
};

const contentOf = (name: string): string => `package ${name}`;
const fileOf = (name: string): string => `${name}_1%3a2.0_i386.deb`;

/** An apt that has the packages above, and keeps a list of what it was asked for. */
class ScriptedApt {
  readonly calls: string[] = [];
  /** How many packages arrive before the connection breaks. */
  arriving = Number.POSITIVE_INFINITY;

  readonly run: RunProgram = async (command, args) => {
    expect(command).toBe('apt-get');
    const folder = dirname(String(args[1]));
    const call = args.find((arg) => /^(?:update|--print-uris|--download-only)$/.test(arg)) ?? '';
    if (call === '') return { code: 0, output: 'apt 2.6.1', errors: '' };
    this.calls.push(call);
    if (call === 'update') {
      const list = 'mirror_dists_bookworm_main_binary-i386_Packages';
      await writeFile(join(folder, 'state', 'lists', list), '');
    }
    if (call === '--download-only') return this.#download(join(folder, 'archives'));
    return { code: 0, output: call === '--print-uris' ? this.#uris() : '', errors: '' };
  };

  #uris(): string {
    const lines = Object.keys(FILES).map((name) => {
      const content = contentOf(name);
      const hash = createHash('sha256').update(content).digest('hex');
      return `'http://mirror/${name}.deb' ${fileOf(name)} ${content.length} SHA256:${hash}`;
    });
    return `Reading package lists...\n${lines.join('\n')}\n`;
  }

  async #download(archives: string): Promise<{ code: number; output: string; errors: string }> {
    let arrived = 0;
    for (const name of Object.keys(FILES)) {
      const path = join(archives, fileOf(name));
      if (await stat(path).catch(() => undefined)) continue;
      if (arrived++ === this.arriving) {
        await writeFile(join(archives, 'partial', fileOf(name)), contentOf(name).slice(0, 3));
        return { code: 100, output: '', errors: 'E: Failed to fetch x  Connection failed\n' };
      }
      await writeFile(path, contentOf(name));
    }
    return { code: 0, output: '', errors: '' };
  }
}

const unpack: UnpackPackage = async (path, folder) => {
  const name = Object.keys(FILES).find((item) => path.endsWith(`/${fileOf(item)}`)) ?? '';
  for (const file of FILES[name] ?? []) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `${file} of ${await readFile(path, 'utf8')}`);
  }
};

const MIRROR = { uri: 'http://mirror.example/debian', signedBy: undefined };
let cache = '';
let apt = new ScriptedApt();

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'tpmdev-guest-'));
  apt = new ScriptedApt();
});

afterEach(() => rm(cache, { recursive: true }));

const prepare = (options: Partial<PrepareGuestOptions> = {}): ReturnType<typeof prepareGuest> =>
  prepareGuest({
    flavour: 'minimal',
    cacheDirectory: cache,
    mirror: MIRROR,
    run: apt.run,
    unpack,
    ...options,
  });

const failure = (promise: Promise<unknown>): Promise<GuestError> =>
  promise.then(
    () => expect.unreachable('The guest was prepared'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(GuestError);
      return error as GuestError;
    },
  );

function gate(): [opened: Promise<void>, open: () => void] {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return [opened, open];
}

/** Folders and files in the cache that only exist while something is built. */
async function leftovers(): Promise<string[]> {
  const names = await readdir(cache, { recursive: true });
  return names.filter((name) => /(?:^|\/)(?:new|unpack)-/.test(name));
}

test('prepareGuest() downloads, builds and describes an image', async () => {
  const image = await prepare();
  expect(apt.calls).toEqual(['update', '--print-uris', '--download-only']);
  expect(await readFile(image.bios, 'utf8')).toContain('bios-256k.bin of package seabios');
  expect(await readFile(image.kernel ?? '', 'utf8')).toContain('vmlinuz-6.1.0-99');
  expect((await readFile(image.initrd ?? '')).subarray(0, 2)).toEqual(Buffer.of(0x1f, 0x8b));
  expect(image.commandLine).toContain('console=ttyS0');
  expect(image.cdrom).toBeUndefined();
  expect(await leftovers()).toEqual([]);
});

test('prepareGuest() runs no program when the image is in the cache', async () => {
  const first = await prepare();
  apt.calls.length = 0;
  const run: RunProgram = () => expect.unreachable('A program was run');
  expect(await prepare({ run, offline: true })).toEqual(first);
  expect(await prepare({ run })).toEqual(first);
});

test('prepareGuest() asks for newer packages with refresh and keeps an image that is up to date', async () => {
  const first = await prepare();
  const built = (await stat(first.initrd ?? '')).mtimeMs;
  const again = await prepare({ refresh: true });
  expect(apt.calls.filter((call) => call === 'update')).toHaveLength(2);
  expect(again).toEqual(first);
  expect((await stat(first.initrd ?? '')).mtimeMs).toBe(built);
});

test('prepareGuest() goes on after an interrupted download and uses nothing of it before', async () => {
  apt.arriving = 2;
  const error = await failure(prepare());
  expect(error.code).toBe('ERR_GUEST_NETWORK');
  expect(error.message).toContain('what is complete is kept');
  expect((await failure(prepare({ offline: true }))).code).toBe('ERR_GUEST_OFFLINE');
  apt.arriving = Number.POSITIVE_INFINITY;
  const downloads: GuestProgress[] = [];
  await prepare({ onProgress: (event) => event.type === 'download' && downloads.push(event) });
  const [begin, end] = [downloads.at(0), downloads.at(-1)];
  const kept = contentOf('seabios').length + contentOf('linux-image-686-pae').length + 3;
  expect(begin).toMatchObject({ received: kept, packages: 4 });
  expect(end?.type === 'download' && end.received === end.total).toBe(true);
});

test('prepareGuest() builds a damaged image again from the packages, without network', async () => {
  const image = await prepare();
  const whole = await readFile(image.initrd ?? '');
  await truncate(image.initrd ?? '', 10);
  apt.calls.length = 0;
  expect(await prepare({ offline: true })).toEqual(image);
  expect(await readFile(image.initrd ?? '')).toEqual(whole);
  expect(apt.calls).toEqual([]);
});

test('prepareGuest() downloads a damaged package again', async () => {
  const image = await prepare();
  const path = join(cache, 'apt', 'archives', fileOf('busybox-static'));
  await writeFile(path, contentOf('busybox-static').replace('p', 'q'));
  await rm(join(cache, 'images'), { recursive: true });
  expect(await prepare()).toEqual(image);
  expect(await readFile(path, 'utf8')).toBe(contentOf('busybox-static'));
});

test('prepareGuest() takes a record that is not one for none', async () => {
  const image = await prepare();
  for (const record of ['{', 'null', '{"format":"tpmdev-guest-image-1","files":{"../x":""}}']) {
    await writeFile(join(cache, 'images', 'minimal.json'), record);
    expect(await prepare()).toEqual(image);
  }
});

test('prepareGuest() builds once when two ask at the same time', async () => {
  const steps: string[] = [];
  const onProgress = (event: GuestProgress): void => {
    if (event.type === 'step') steps.push(event.text);
  };
  const [one, other] = await Promise.all([prepare({ onProgress }), prepare({ onProgress })]);
  expect(one).toEqual(other);
  expect(apt.calls.filter((call) => call === '--download-only')).toHaveLength(1);
  expect(steps).toContain('Waiting for another run that prepares a guest');
});

test.each([
  ['a full disk', 'ENOSPC', 'ERR_GUEST_DISK_FULL'],
  ['a read-only cache', 'EROFS', 'ERR_GUEST_CACHE'],
])('prepareGuest() reports %s in one line and cleans up', async (_what, code, expected) => {
  const failing: UnpackPackage = async (path, folder, patterns) => {
    await unpack(path, folder, patterns);
    throw Object.assign(new Error('write failed'), { code });
  };
  const error = await failure(prepare({ unpack: failing }));
  expect(error.code).toBe(expected);
  expect(error.message).toContain(`"${cache}"`);
  expect(await leftovers()).toEqual([]);
  expect((await prepare()).bios).toContain(cache);
});

test('prepareGuest() says on a system without apt what to pass instead', async () => {
  const run: RunProgram = (_command, args) => runProgram('apt-get-that-is-not-there', args);
  const error = await failure(prepare({ run }));
  expect(error.code).toBe('ERR_GUEST_PROGRAM_MISSING');
  for (const option of ['--bios', '--kernel', '--initrd', '--cdrom']) {
    expect(error.message).toContain(option);
  }
});

test('prepareGuest() reports a mirror without i386, of which apt only makes a note', async () => {
  const run: RunProgram = async () => ({
    code: 0,
    output: '',
    errors: "N: Skipping acquire as repository 'x' doesn't support architecture 'i386'\n",
  });
  expect((await failure(prepare({ run }))).code).toBe('ERR_GUEST_ARCHITECTURE');
});

test('prepareGuest() refuses an unknown guest and a cache that is a file', async () => {
  const flavour = 'maximal' as 'minimal';
  expect((await failure(prepare({ flavour }))).message).toContain('use minimal, tools, cd');
  const file = join(cache, 'file');
  await writeFile(file, '');
  expect((await failure(prepare({ cacheDirectory: file }))).code).toBe('ERR_GUEST_CACHE');
  const spaced = join(cache, 'a b');
  expect((await failure(prepare({ cacheDirectory: spaced }))).code).toBe('ERR_GUEST_CACHE');
});

test('prepareGuest() gives up when asked to, also while it waits for another run', async () => {
  const controller = new AbortController();
  const [holding, isHolding] = gate();
  const [release, letGo] = gate();
  const slow: RunProgram = async (command, args) => {
    if (args.includes('update')) {
      isHolding();
      await release;
    }
    return apt.run(command, args);
  };
  const first = prepare({ run: slow });
  await holding;
  const second = prepare({ signal: controller.signal, onProgress: () => controller.abort() });
  expect((await failure(second)).code).toBe('ERR_GUEST_ABORTED');
  letGo();
  await first;
});

test('defaultCacheDirectory() follows TPMDEV_CACHE, then the XDG specification', () => {
  expect(defaultCacheDirectory({ TPMDEV_CACHE: '/c', XDG_CACHE_HOME: '/x' })).toBe('/c');
  expect(defaultCacheDirectory({ XDG_CACHE_HOME: '/x' })).toBe('/x/tpmdev');
  const home = join(homedir(), '.cache', 'tpmdev');
  expect(defaultCacheDirectory({ XDG_CACHE_HOME: 'relative' })).toBe(home);
  expect(defaultCacheDirectory({ TPMDEV_CACHE: '' })).toBe(home);
});
