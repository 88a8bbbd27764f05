import { access, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OptionError } from 'tpm-integration/options';
import { V86Error } from '../error.js';
import type { DriveSlot, FwCfgSource, ImageFiles, V86Description } from './description.js';
import type { ImageBuffer } from './emulator.js';
import type { PreparedGuest } from './environment.js';

/** Everything that a machine starts from, read. */
export interface LoadedImages {
  readonly bios: ImageBuffer;
  readonly vgaBios: ImageBuffer;
  readonly kernel: ImageBuffer | undefined;
  readonly initrd: ImageBuffer | undefined;
  readonly drives: ReadonlyMap<DriveSlot, ImageBuffer>;
  /** Files for firmware by name, without those that other options stand for. */
  readonly fwCfg: ReadonlyMap<string, Uint8Array>;
}

/** Where distributions and QEMU keep SeaBIOS. */
export const FIRMWARE_FOLDERS: readonly string[] = [
  '/usr/share/seabios',
  '/usr/share/qemu',
  '/usr/local/share/qemu',
  '/opt/homebrew/share/qemu',
];

/** SeaBIOS with TPM support, and its firmware for the VGA card. */
const BIOS_NAME = 'bios-256k.bin';
const VGA_BIOS_NAME = 'vgabios-stdvga.bin';

/** Size of firmware: v86 places it below 1 MiB and below 4 GiB. */
const LARGEST_BIOS = 2 ** 18;
const BIOS_UNIT = 2 ** 16;
const LARGEST_VGA_BIOS = 2 ** 16;

/** What fits in a buffer of JavaScript, on every supported version. */
const LARGEST_FILE = 2 ** 31 - 1;

/** Linux/x86 boot protocol, "The Real-Mode Kernel Header". */
const KERNEL_HEADER = {
  magicOffset: 0x202,
  magic: 'HdrS',
  flagsOffset: 0x236,
  is64Bit: 1,
} as const;

/** v86 places the initramfs at 64 MiB. */
const INITRD_ADDRESS = 0x400_0000;

/**
 * Reads all images of a machine and checks that they can be used.
 *
 * @param description the command line
 * @param files the command line's images over those of a prepared guest
 * @throws OptionError or V86Error that names the option, the file and the way out
 */
export async function loadImages(
  description: V86Description,
  files: ImageFiles,
): Promise<LoadedImages> {
  const biosPath = files.bios ?? (await findFirmware(description.firmwareFolder));
  const bios = await readImage('-bios', biosPath);
  checkBios(biosPath, bios);
  const vgaPath = files.vgaBios ?? (await findVgaFirmware(description.firmwareFolder, biosPath));
  const vgaBios = await readImage('--vga-bios', vgaPath);
  checkVgaBios(vgaPath, vgaBios);
  const kernel = await readOptional('-kernel', files.kernel);
  if (kernel !== undefined) checkKernel(files.kernel!, kernel);
  const initrd = await readOptional('-initrd', files.initrd);
  if (initrd !== undefined) checkInitrd(description, initrd);
  const drives = new Map<DriveSlot, ImageBuffer>();
  for (const [slot, path] of description.drives) {
    drives.set(slot, await readImage(`-${slot}`, path));
  }
  const fwCfg = new Map<string, Uint8Array>();
  for (const [name, source] of description.fwCfg) fwCfg.set(name, await readSource(name, source));
  return { bios, vgaBios, kernel, initrd, drives, fwCfg };
}

async function readSource(name: string, source: FwCfgSource): Promise<Uint8Array> {
  if ('text' in source) return new TextEncoder().encode(source.text);
  return new Uint8Array((await readImage(`-fw_cfg name=${name},file=`, source.path)).buffer);
}

async function readOptional(
  option: string,
  path: string | undefined,
): Promise<ImageBuffer | undefined> {
  return path === undefined ? undefined : await readImage(option, path);
}

async function readImage(option: string, path: string): Promise<ImageBuffer> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_FILE) throw new Error(`${size} bytes are too many; 2 GiB is the most`);
    const bytes = await readFile(path);
    if (bytes.length === 0) throw new Error('the file is empty');
    const buffer = new ArrayBuffer(bytes.length);
    new Uint8Array(buffer).set(bytes);
    return { buffer };
  } catch (cause) {
    throw new V86Error('ERR_V86_OPTION', `${option} ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** @returns why a file can't be read, without the path that Node puts in */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'this is a folder, not a file';
  if (code === 'EACCES') return 'reading it is not permitted';
  return cause.message;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function findFirmware(folder: string | undefined): Promise<string> {
  const folders = folder === undefined ? FIRMWARE_FOLDERS : [folder];
  for (const candidate of folders) {
    const path = join(candidate, BIOS_NAME);
    if (await isThere(path)) return path;
  }
  throw new OptionError(
    `no firmware: there is no ${BIOS_NAME} in ${folders.join(', ')}; give -bios FILE, ` +
      'or on Debian and Ubuntu: sudo apt-get install seabios',
  );
}

async function findVgaFirmware(folder: string | undefined, biosPath: string): Promise<string> {
  const folders = [
    ...(folder === undefined ? [] : [folder]),
    dirname(biosPath),
    ...FIRMWARE_FOLDERS,
  ];
  for (const candidate of folders) {
    const path = join(candidate, VGA_BIOS_NAME);
    if (await isThere(path)) return path;
  }
  throw new OptionError(
    `no firmware for the VGA card: there is no ${VGA_BIOS_NAME} in ${folders.join(', ')}; ` +
      'give --vga-bios FILE',
  );
}

function checkBios(path: string, { buffer }: ImageBuffer): void {
  if (buffer.byteLength % BIOS_UNIT === 0 && buffer.byteLength <= LARGEST_BIOS) return;
  throw new OptionError(
    `-bios ${path}: ${buffer.byteLength} bytes are no firmware for v86, which takes 64, 128, 192 ` +
      `or 256 KiB; use ${BIOS_NAME} of SeaBIOS`,
  );
}

function checkVgaBios(path: string, { buffer }: ImageBuffer): void {
  const [first, second] = new Uint8Array(buffer);
  // Every expansion ROM begins like this (PCI Firmware Specification, section 5.1).
  if (first === 0x55 && second === 0xaa && buffer.byteLength <= LARGEST_VGA_BIOS) return;
  throw new OptionError(`--vga-bios ${path}: this is no VGA firmware; use ${VGA_BIOS_NAME}`);
}

function checkKernel(path: string, { buffer }: ImageBuffer): void {
  const bytes = new Uint8Array(buffer);
  const { magicOffset, magic, flagsOffset, is64Bit } = KERNEL_HEADER;
  const found = String.fromCharCode(...bytes.subarray(magicOffset, magicOffset + magic.length));
  if (found !== magic) {
    throw new OptionError(`-kernel ${path}: this is no Linux kernel image (bzImage)`);
  }
  if (((bytes[flagsOffset] ?? 0) & is64Bit) !== 0) {
    throw new OptionError(
      `-kernel ${path}: this kernel needs a 64-bit processor and v86 has 32 bits; use one for i386`,
    );
  }
}

function checkInitrd({ machine }: V86Description, { buffer }: ImageBuffer): void {
  const needed = INITRD_ADDRESS + buffer.byteLength;
  if (machine.ramSize >= needed) return;
  const least = Math.ceil(needed / 2 ** 20);
  throw new OptionError(
    `-m: an initramfs of ${buffer.byteLength} bytes needs at least ${least} MiB of memory; ` +
      `${machine.ramSize / 2 ** 20} MiB are given`,
  );
}

/**
 * @param prepared a guest whose images the command line's go over; its kernel's command line comes
 *   before that of `-append`
 */
export function mergeImages(
  { images, drives }: V86Description,
  prepared: PreparedGuest | undefined,
): { readonly files: ImageFiles; readonly drives: V86Description['drives'] } {
  if (prepared === undefined) return { files: images, drives };
  const own = Object.fromEntries(Object.entries(images).filter(([, path]) => path !== undefined));
  const append = [prepared.append, images.append].filter((text) => text !== undefined).join(' ');
  const cdrom = prepared.cdrom;
  return {
    files: { ...prepared, ...own, append },
    drives: cdrom === undefined ? drives : new Map([['cdrom', cdrom], ...drives]),
  };
}
