// Finished images in the cache. One is a folder whose name is the digest of what it was made from;
// a small record says which one a flavour uses. Both come into being by renaming, whole or not at
// all.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackageFile } from './apt.js';
import { type Flavour, RECIPE } from './flavours.js';
import { sha256OfFile } from './unpack.js';

/** What an image was made from and what it consists of. */
export interface ImageRecord {
  readonly format: 'tpmdev-guest-image-1';
  /** Digest of the recipe and the packages; name of the folder. */
  readonly key: string;
  readonly recipe: string;
  readonly commandLine: string;
  readonly packages: readonly PackageFile[];
  /** Name of each file in the folder, with its SHA-256. */
  readonly files: Readonly<Record<string, string>>;
}

/** Digest of everything that decides what the image becomes, apart from the packages. */
export function recipeDigest(flavour: Flavour, texts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256').update(`${RECIPE} ${flavour}`);
  for (const text of texts) hash.update(createHash('sha256').update(text).digest());
  return hash.digest('hex');
}

/** Key of an image: the same recipe and packages, in any order, give the same one. */
export function imageKey(recipe: string, packages: readonly PackageFile[]): string {
  const lines = packages.map(({ name, version, sha256 }) => `${name} ${version} ${sha256}`);
  const hash = createHash('sha256').update(`${recipe}\n${lines.sort().join('\n')}`);
  return hash.digest('hex').slice(0, 32);
}

/** The images of one cache folder. */
export class ImageStore {
  readonly #folder: string;

  /** @param folder of the cache; images lie below it */
  constructor(folder: string) {
    this.#folder = join(folder, 'images');
  }

  /** Folder of the image with this key. */
  imageFolder(key: string): string {
    return join(this.#folder, key);
  }

  /** @returns the record of the flavour, or undefined when there is no usable one */
  async readRecord(flavour: Flavour): Promise<ImageRecord | undefined> {
    let record: unknown;
    try {
      record = JSON.parse(await readFile(this.#recordPath(flavour), 'utf8'));
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT';
      // A record that isn't JSON is as good as none: the image is made again.
      if (isAbsent || error instanceof SyntaxError) return undefined;
      throw error;
    }
    return isImageRecord(record) ? record : undefined;
  }

  /** @returns whether every file of the image is there with the content that was written */
  async isWhole(record: ImageRecord): Promise<boolean> {
    for (const [name, sha256] of Object.entries(record.files)) {
      if ((await sha256OfFile(join(this.imageFolder(record.key), name))) !== sha256) return false;
    }
    return true;
  }

  /** Writes an image and makes it the one that the flavour uses. */
  async write(
    flavour: Flavour,
    description: Pick<ImageRecord, 'recipe' | 'commandLine' | 'packages'>,
    contents: Readonly<Record<string, Uint8Array>>,
  ): Promise<ImageRecord> {
    const key = imageKey(description.recipe, description.packages);
    const files: Record<string, string> = {};
    const temporary = join(this.#folder, `new-${randomUUID()}`);
    await mkdir(temporary, { recursive: true });
    try {
      for (const [name, data] of Object.entries(contents)) {
        await writeFile(join(temporary, name), data, { flush: true });
        files[name] = createHash('sha256').update(data).digest('hex');
      }
      const record: ImageRecord = { format: 'tpmdev-guest-image-1', key, ...description, files };
      await rm(this.imageFolder(key), { recursive: true, force: true });
      await rename(temporary, this.imageFolder(key));
      await this.#writeRecord(flavour, record);
      return record;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  async #writeRecord(flavour: Flavour, record: ImageRecord): Promise<void> {
    const temporary = join(this.#folder, `new-${randomUUID()}.json`);
    await writeFile(temporary, `${JSON.stringify(record, undefined, 2)}\n`, { flush: true });
    await rename(temporary, this.#recordPath(flavour));
  }

  #recordPath(flavour: Flavour): string {
    return join(this.#folder, `${flavour}.json`);
  }
}

function isImageRecord(value: unknown): value is ImageRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<ImageRecord>;
  const { files } = record;
  return (
    record.format === 'tpmdev-guest-image-1' &&
    /^[0-9a-f]{32}$/.test(String(record.key)) &&
    typeof record.recipe === 'string' &&
    typeof record.commandLine === 'string' &&
    Array.isArray(record.packages) &&
    typeof files === 'object' &&
    files !== null &&
    Object.keys(files).length > 0 &&
    Object.keys(files).every((name) => /^[\w-]+(?:\.\w+)*$/.test(name))
  );
}
