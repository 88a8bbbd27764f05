import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildProgram } from '@tpmdev/testing/program';
import { describeStateStore } from '@tpmdev/testing/state-store-contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileStore, openFileStore } from './file-store.js';
import { nodeFileSystem } from './file-system.js';

let root = '';
let directories = 0;
const newPath = () => join(root, `d${directories++}`);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tpmdev-store-'));
});
afterAll(() => rm(root, { recursive: true }));

describeStateStore('fileStore()', () => fileStore(newPath()));

const WRITER = `
  import { writeNumberedStates } from '@tpmdev/testing/numbered-writer';
  import { fileStore } from './file-store.js';
  await writeNumberedStates(() => fileStore(process.argv[2] ?? ''));
`;

/** Starts a process that opens the directory and writes; ends when it is killed. */
async function startWriter(directory: string) {
  const program = `${directory}.mjs`;
  await buildProgram(WRITER, new URL('.', import.meta.url), program);
  const child = spawn(process.execPath, [program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const text of child.stdout.iterator({ destroyOnReturn: false })) {
    output += String(text);
    if (output.includes('\n1\n')) break;
  }
  expect(output).toContain('begin\n1\n');
  child.stdout.resume();
  return {
    pid: child.pid,
    async kill(signal: NodeJS.Signals) {
      const closed = once(child, 'close');
      child.kill(signal);
      if (signal === 'SIGKILL') await closed;
    },
  };
}

describe('fileStore()', () => {
  it('fileStore() creates directories with mode 0700 and the file with mode 0600', async () => {
    const above = newPath();
    const directory = join(above, 'b', 'c');
    const store = await fileStore(directory);
    await store.write(Uint8Array.of(1, 2));
    await store.close();
    for (const path of [above, join(above, 'b'), directory]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
    expect((await stat(join(directory, 'tpm2.state'))).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['tpm2.state']);
    expect([...(await readFile(join(directory, 'tpm2.state')))]).toEqual([1, 2]);
  });

  it('fileStore() makes the names of new directories durable, and only those', async () => {
    const above = newPath();
    const synced: string[] = [];
    const files = {
      ...nodeFileSystem,
      openDirectory: async (path: string) => {
        const directory = await nodeFileSystem.openDirectory(path);
        return {
          ...directory,
          sync: async () => {
            synced.push(path);
            await directory.sync();
          },
        };
      },
    };
    await (await openFileStore(join(above, 'b'), {}, files)).close();
    expect(synced).toEqual([above, root]);
    await (await openFileStore(join(above, 'b'), {}, files)).close();
    expect(synced).toHaveLength(2);
  });

  it('fileStore() finds the state again, and removes temporary files only', async () => {
    const directory = newPath();
    const first = await fileStore(directory);
    await first.write(Uint8Array.of(5));
    await first.close();
    const temporary = 'tpm2.state.0123456789abcdef.tmp';
    const others = ['tpm2.state.bak', 'tpm2.state.tmp', `x${temporary}`];
    for (const name of [temporary, ...others]) await writeFile(join(directory, name), 'x');
    const again = await fileStore(directory);
    expect(await again.read()).toEqual(Uint8Array.of(5));
    await again.close();
    expect((await readdir(directory)).sort()).toEqual(['tpm2.state', ...others].sort());
  });

  it('fileStore() keeps its directory when the process changes its own', async () => {
    const before = process.cwd();
    const directory = newPath();
    process.chdir(root);
    try {
      const store = await fileStore(directory.slice(root.length + 1));
      process.chdir('/');
      await store.write(Uint8Array.of(1));
      await store.close();
    } finally {
      process.chdir(before);
    }
    expect(await readdir(directory)).toEqual(['tpm2.state']);
  });
});

describe('fileStore() on a directory in use', () => {
  it('fileStore() refuses a second store of the same process, by any path', async () => {
    const directory = newPath();
    const link = newPath();
    const store = await fileStore(directory);
    await symlink(directory, link);
    for (const path of [directory, link]) {
      await expect(fileStore(path)).rejects.toMatchObject({
        code: 'ERR_STORE_IN_USE',
        message: `State directory ${path} is in use by process ${process.pid}; stop it, or use another directory`,
      });
    }
    await store.write(Uint8Array.of(1));
    await store.close();
    await (await fileStore(link)).close();
  });

  it('fileStore() refuses while another process lives, also stopped, and opens after its kill', async () => {
    const directory = newPath();
    const writer = await startWriter(directory);
    try {
      const refusal = {
        code: 'ERR_STORE_IN_USE',
        message: expect.stringContaining(`in use by process ${writer.pid};`),
      };
      await expect(fileStore(directory)).rejects.toMatchObject(refusal);
      await writer.kill('SIGSTOP');
      await expect(fileStore(directory)).rejects.toMatchObject(refusal);
    } finally {
      await writer.kill('SIGKILL');
    }
    expect((await readdir(directory)).some((name) => name.startsWith('tpm2.lock.'))).toBe(true);
    const store = await fileStore(directory);
    expect((await readdir(directory)).filter((name) => name.startsWith('tpm2.lock.'))).toEqual([
      expect.stringContaining(`tpm2.lock.${process.pid}-`),
    ]);
    await store.close();
  });

  it('fileStore() lets one of many that open at once have the directory, never two', async () => {
    const directory = newPath();
    await mkdir(directory);
    for (let round = 0; round < 10; round++) {
      // A lock file that a crash left, to be found by all of them.
      await writeFile(join(directory, `tpm2.lock.1-${String(round).padStart(16, '0')}`), '');
      const openings = Array.from({ length: 8 }, () => fileStore(directory));
      const opened = (await Promise.allSettled(openings)).filter(
        (result) => result.status === 'fulfilled',
      );
      expect(opened.length).toBeLessThanOrEqual(1);
      for (const { value } of opened) await value.close();
      await (await fileStore(directory)).close();
      expect(await readdir(directory)).toEqual([]);
    }
  });

  it('fileStore() opens when a lock that it saw is released before it looks closer', async () => {
    const directory = newPath();
    const files = {
      ...nodeFileSystem,
      list: async (path: string) => [
        ...(await nodeFileSystem.list(path)),
        'tpm2.lock.1-0123456789abcdef',
      ],
    };
    await (await openFileStore(directory, {}, files)).close();
  });

  it('fileStore() tries again when its own lock file was taken for dead', async () => {
    const directory = newPath();
    let listings = 0;
    const files = {
      ...nodeFileSystem,
      list: async (path: string) => (listings++ === 0 ? [] : nodeFileSystem.list(path)),
    };
    const store = await openFileStore(directory, {}, files);
    // Once in vain, once for the lock, once for temporary files.
    expect(listings).toBe(3);
    await store.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('fileStore() locks a directory whose path is longer than a socket path', async () => {
    const directory = join(newPath(), 'long'.repeat(40));
    const store = await fileStore(directory);
    await expect(fileStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_IN_USE' });
    await store.close();
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('fileStore() on a place that can not be used', () => {
  it('fileStore() refuses a missing directory when it must not create it', async () => {
    const directory = newPath();
    await expect(fileStore(directory, { create: false })).rejects.toMatchObject({
      code: 'ERR_STORE_MISSING',
      message: `Can't open state directory ${directory} (it does not exist); create it or correct the path`,
    });
    expect(await readdir(root)).not.toContain(directory.slice(root.length + 1));
  });

  it.each([true, false])('fileStore() refuses a file, with create %s', async (create) => {
    const path = newPath();
    await writeFile(path, '');
    await expect(fileStore(path, { create })).rejects.toMatchObject({
      code: 'ERR_STORE_KIND',
      message: `Can't open state directory ${path} (it is not a directory); give a directory`,
    });
    await expect(fileStore(join(path, 'below'), { create })).rejects.toMatchObject({
      code: 'ERR_STORE_KIND',
    });
  });

  it('makeDirectory() gives up where the file system creates nothing', async () => {
    if (process.platform === 'linux') {
      const opening = fileStore('/proc/tpmdev-state/below');
      await expect(opening).rejects.toMatchObject({ code: 'ERR_STORE_ACCESS' });
    }
    await expect(nodeFileSystem.makeDirectory('/', 0o700)).resolves.toBeUndefined();
  });

  it('fileStore() refuses a directory without permission', async () => {
    // Root may do everything, so the refusal is the file system's here.
    const refusal = Object.assign(new Error('denied'), { code: 'EACCES' });
    const files = { ...nodeFileSystem, list: () => Promise.reject(refusal) };
    const directory = newPath();
    await mkdir(directory);
    await expect(openFileStore(directory, {}, files)).rejects.toMatchObject({
      code: 'ERR_STORE_ACCESS',
      message: `Can't open state directory ${directory} (no permission); change its mode or owner`,
    });
    expect(await readdir(directory)).toEqual([]);
    await chmod(directory, 0o500);
    if (process.getuid?.() !== 0) {
      await expect(fileStore(directory)).rejects.toMatchObject({ code: 'ERR_STORE_ACCESS' });
    }
  });

  it.each(['', 'a\0b', 5 as unknown as string])('fileStore() refuses the path %j', async (path) => {
    await expect(fileStore(path)).rejects.toMatchObject({
      code: 'ERR_STORE_OPTION',
      message: `State directory ${JSON.stringify(path)} can't be used; give a path`,
    });
  });

  it('read() and write() refuse a directory in the place of the file', async () => {
    const directory = newPath();
    await mkdir(join(directory, 'tpm2.state'), { recursive: true });
    const store = await fileStore(directory);
    await expect(store.read()).rejects.toMatchObject({
      code: 'ERR_STORE_KIND',
      message: `Can't read ${directory}/tpm2.state (it is not a file); move it away`,
    });
    await expect(store.write(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'ERR_STORE_KIND',
      message: `Can't write ${directory}/tpm2.state (it is a directory); move it away`,
    });
    await store.close();
    expect(await readdir(directory)).toEqual(['tpm2.state']);
  });

  it('read() and write() report a directory that went away', async () => {
    const directory = newPath();
    const store = await fileStore(directory);
    await rm(directory, { recursive: true });
    const refusal = { code: 'ERR_STORE_MISSING' };
    await expect(store.read()).rejects.toMatchObject(refusal);
    await expect(store.write(Uint8Array.of(1))).rejects.toMatchObject(refusal);
    await store.close();
  });
});
