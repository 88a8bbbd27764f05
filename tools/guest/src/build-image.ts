import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import type { PackageFile } from './apt.js';
import {
  type Flavour,
  isolinuxConfiguration,
  minimalRoot,
  type RootFiles,
  wantedMembers,
} from './flavours.js';
import { GuestError } from './guest-error.js';
import { writeBootableCd } from './iso9660.js';
import { writeNewc } from './newc.js';
import { toolsRoot } from './tools-root.js';
import type { UnpackPackage } from './unpack.js';

/** Names of the files of an image, as they lie in the cache. */
export const IMAGE_FILE = {
  bios: 'bios.bin',
  vgaBios: 'vgabios.bin',
  kernel: 'vmlinuz',
  initrd: 'initrd.gz',
  cdrom: 'guest.iso',
} as const;

/** What an image is made from. */
export interface BuildOptions {
  readonly flavour: Flavour;
  readonly packages: readonly PackageFile[];
  readonly pathOf: (item: PackageFile) => string;
  readonly rootFiles: RootFiles;
  readonly commandLine: string;
  /** Folder in which a temporary folder may be made. */
  readonly workFolder: string;
  readonly unpack: UnpackPackage;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Unpacks the packages and makes the files of the image.
 *
 * @returns content by file name, see {@link IMAGE_FILE}
 */
export async function buildImage(options: BuildOptions): Promise<Record<string, Uint8Array>> {
  const folder = join(options.workFolder, `unpack-${randomUUID()}`);
  try {
    for (const item of options.packages) {
      const members = wantedMembers(item.name);
      if (members === undefined) continue;
      await options.unpack(options.pathOf(item), folder, members, options.signal);
    }
    return await assemble(folder, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function assemble(
  folder: string,
  { flavour, rootFiles, commandLine }: BuildOptions,
): Promise<Record<string, Uint8Array>> {
  const read = (path: string): Promise<Uint8Array> => readFile(join(folder, path));
  const kernel = await read(`boot/${await kernelName(folder)}`);
  const entries = minimalRoot(rootFiles, await read('bin/busybox'));
  if (flavour === 'tools') entries.push(...(await toolsRoot(folder)));
  const initrd = gzipSync(writeNewc(entries), { level: constants.Z_BEST_COMPRESSION });
  const firmware = {
    [IMAGE_FILE.bios]: await read('usr/share/seabios/bios-256k.bin'),
    [IMAGE_FILE.vgaBios]: await read('usr/share/seabios/vgabios-stdvga.bin'),
  };
  if (flavour !== 'cd') {
    return { ...firmware, [IMAGE_FILE.kernel]: kernel, [IMAGE_FILE.initrd]: initrd };
  }
  const files = [
    { name: 'isolinux.bin', data: await read('usr/lib/ISOLINUX/isolinux.bin') },
    { name: 'ldlinux.c32', data: await read('usr/lib/syslinux/modules/bios/ldlinux.c32') },
    { name: 'isolinux.cfg', data: Buffer.from(isolinuxConfiguration(commandLine)) },
    { name: 'vmlinuz', data: kernel },
    { name: 'initrd.gz', data: initrd },
  ];
  return { ...firmware, [IMAGE_FILE.cdrom]: writeBootableCd(files, 'isolinux.bin') };
}

async function kernelName(folder: string): Promise<string> {
  const names = await readdir(join(folder, 'boot'));
  const name = names.find((candidate) => candidate.startsWith('vmlinuz-'));
  if (name === undefined) {
    throw new GuestError(
      'ERR_GUEST_PACKAGE',
      'The kernel package holds no file boot/vmlinuz-*; delete the cache and start again',
    );
  }
  return name;
}
