// A file system that loses power. It keeps apart what programs see and what is on the medium: the
// content of a file gets there by its own fsync, names by the fsync of their directory. What is not
// synchronised may or may not have got there when the power fails; the test tries every subset.

import { describe, expect, it } from 'vitest';
import { FileStore } from './file-store.js';
import type { FileSystem } from './file-system.js';
import { nodeFileSystem } from './file-system.js';

const DIRECTORY = '/state';

/** A change of a name that is not on the medium yet. */
type NameChange = (names: Map<string, ModelFile>) => void;

class ModelFile {
  content: Uint8Array = new Uint8Array(0);
  onMedium: Uint8Array = new Uint8Array(0);
}

class ModelFileSystem {
  readonly names = new Map<string, ModelFile>();
  readonly namesOnMedium = new Map<string, ModelFile>();
  readonly pending: NameChange[] = [];
  /** Runs before each step. */
  beforeStep: (step: string) => void = () => {};

  #change(change: NameChange): void {
    change(this.names);
    this.pending.push(change);
  }

  async #step(name: string, run: () => void): Promise<void> {
    this.beforeStep(name);
    run();
  }

  readonly directory = {
    descriptor: undefined,
    sync: () =>
      this.#step('sync directory', () => {
        for (const change of this.pending.splice(0)) change(this.namesOnMedium);
      }),
    close: async () => {},
  };

  readonly files: FileSystem = {
    ...nodeFileSystem,
    list: async () => [...this.names.keys()],
    isFile: async (path) => {
      if (this.names.has(path)) return true;
      throw Object.assign(new Error('missing'), { code: 'ENOENT' });
    },
    read: async (path) => this.names.get(path)?.content ?? new Uint8Array(0),
    create: async (path) => {
      const file = new ModelFile();
      await this.#step('create', () => this.#change((names) => names.set(path, file)));
      return {
        write: (bytes) =>
          this.#step('write', () => {
            file.content = bytes.slice();
          }),
        sync: () =>
          this.#step('sync file', () => {
            file.onMedium = file.content;
          }),
        close: () => this.#step('close', () => {}),
      };
    },
    rename: (from, to) =>
      this.#step('rename', () =>
        this.#change((names) => {
          const file = names.get(from);
          if (file === undefined) return;
          names.delete(from);
          names.set(to, file);
        }),
      ),
    remove: (path) =>
      this.#step('remove', () => {
        if (!this.names.has(path)) throw Object.assign(new Error('missing'), { code: 'ENOENT' });
        this.#change((names) => names.delete(path));
      }),
  };

  /** What the state file may hold after a power failure now, over all choices of the medium. */
  *afterPowerFailure(): Generator<Uint8Array | undefined> {
    for (let choice = 0; choice < 2 ** this.pending.length; choice++) {
      const names = new Map(this.namesOnMedium);
      this.pending.forEach((change, index) => {
        if ((choice >> index) & 1) change(names);
      });
      const file = names.get(`${DIRECTORY}/tpm2.state`);
      yield file?.onMedium;
    }
  }

  open(): FileStore {
    const lock = { release: async () => {} };
    return new FileStore(DIRECTORY, this.directory, lock, this.files);
  }
}

const OLD = Uint8Array.of(1, 2, 3);
const NEW = Uint8Array.of(4, 5, 6, 7);
const STEPS = ['create', 'write', 'sync file', 'close', 'rename', 'sync directory'];

describe('FileStore.write() when the power fails', () => {
  it('leaves the old state before any step, or the new one, and has the new one afterwards', async () => {
    const model = new ModelFileSystem();
    const store = model.open();
    await store.write(OLD);
    const steps: string[] = [];
    model.beforeStep = (step) => {
      steps.push(step);
      for (const found of model.afterPowerFailure()) expect([OLD, NEW]).toContainEqual(found);
    };
    await store.write(NEW);
    expect(steps).toEqual(STEPS);
    const found = [...model.afterPowerFailure()];
    expect(found).toEqual([NEW]);
  });

  it('leaves no state or a whole one when it is the first', async () => {
    const model = new ModelFileSystem();
    model.beforeStep = () => {
      for (const found of model.afterPowerFailure()) expect([undefined, NEW]).toContainEqual(found);
    };
    await model.open().write(NEW);
    expect([...model.afterPowerFailure()]).toEqual([NEW]);
  });
});

describe('FileStore.write() when a step fails', () => {
  it.each(STEPS)('reports a failing "%s" and leaves the old or the new state', async (failing) => {
    const model = new ModelFileSystem();
    const store = model.open();
    await store.write(OLD);
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    model.beforeStep = (step) => {
      if (step === failing) throw cause;
    };
    const isIn = failing === 'sync directory';
    await expect(store.write(NEW)).rejects.toMatchObject({
      name: 'StateStoreError',
      code: isIn ? 'ERR_STORE_NOT_DURABLE' : 'ERR_STORE_NO_SPACE',
      message: isIn
        ? `New state in ${DIRECTORY}/tpm2.state may not survive a power failure (fsync of the directory: ENOSPC); write again`
        : `Can't write ${DIRECTORY}/tpm2.state (no space left); free some space`,
      cause,
    });
    model.beforeStep = () => {};
    expect([...model.names.keys()]).toEqual([`${DIRECTORY}/tpm2.state`]);
    expect(await store.read()).toEqual(isIn ? NEW : OLD);
    for (const found of model.afterPowerFailure()) expect([OLD, NEW]).toContainEqual(found);
    await store.write(NEW);
    expect([...model.afterPowerFailure()]).toEqual([NEW]);
  });

  it('reports the first failure when the temporary file can not be removed either', async () => {
    const model = new ModelFileSystem();
    const store = model.open();
    model.beforeStep = (step) => {
      if (step === 'rename') throw Object.assign(new Error('first'), { code: 'EROFS' });
      if (step === 'remove') throw Object.assign(new Error('second'), { code: 'EIO' });
    };
    await expect(store.write(NEW)).rejects.toMatchObject({ code: 'ERR_STORE_ACCESS' });
  });
});
