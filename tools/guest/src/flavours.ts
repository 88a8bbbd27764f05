import type { ArchiveEntry } from './newc.js';

/** Which guest: a shell, a shell with tpm2-tools, or a CD that boots the first of them. */
export type Flavour = 'minimal' | 'tools' | 'cd';

/** All flavours, the smallest first. */
export const FLAVOURS: readonly Flavour[] = ['minimal', 'tools', 'cd'];

/**
 * What Linux is told: console on the serial port, and nothing that only costs time in an emulator
 * (self-tests of cryptography, scan of the ISA bus, audit, AppArmor).
 */
export const COMMAND_LINE = 'console=ttyS0 quiet cryptomgr.notests noisapnp audit=0 apparmor=0';

/** Raised whenever the same packages would give another image. */
export const RECIPE = 1;

const KERNEL = 'linux-image-686-pae';
const MINIMAL_PACKAGES = ['seabios', KERNEL, 'busybox-static'];

/** Names of the packages that each flavour asks for; apt adds what they depend on. */
export const PACKAGES: Readonly<Record<Flavour, readonly string[]>> = {
  minimal: MINIMAL_PACKAGES,
  // Loaded by name at run time, which is why no program lists it among its libraries.
  tools: [...MINIMAL_PACKAGES, 'tpm2-tools', 'libtss2-tcti-device0'],
  cd: [...MINIMAL_PACKAGES, 'isolinux', 'syslinux-common'],
};

/** Members to unpack of a package, tar(1) wildcards; undefined for nothing, empty for all. */
export function wantedMembers(name: string): readonly string[] | undefined {
  if (name === 'seabios') {
    return ['./usr/share/seabios/bios-256k.bin', './usr/share/seabios/vgabios-stdvga.bin'];
  }
  if (name === KERNEL || name === 'gcc-12-base') return undefined;
  if (name.startsWith('linux-image-')) return ['./boot/vmlinuz-*'];
  if (name === 'busybox-static') return ['./bin/busybox'];
  if (name === 'isolinux') return ['./usr/lib/ISOLINUX/isolinux.bin'];
  if (name === 'syslinux-common') return ['./usr/lib/syslinux/modules/bios/ldlinux.c32'];
  // tpm2-tools and the libraries, which lie in several folders: all of it, it isn't much.
  return [];
}

/** Configuration of ISOLINUX: the one kernel at once, its own messages on the serial port too. */
export function isolinuxConfiguration(commandLine: string): string {
  return `SERIAL 0 115200
DEFAULT guest
PROMPT 0
LABEL guest
  KERNEL vmlinuz
  INITRD initrd.gz
  APPEND ${commandLine}
`;
}

/** The files of this package that go into every initramfs. */
export interface RootFiles {
  readonly init: Uint8Array;
  readonly proof: Uint8Array;
  readonly profile: Uint8Array;
}

/** Folders that have to exist before something is mounted or put there. */
const FOLDERS = ['bin', 'dev', 'etc', 'etc/tpmdev', 'proc', 'root', 'sys', 'tmp', 'usr', 'usr/bin'];

/** Entries of the initramfs of all flavours. */
export function minimalRoot(files: RootFiles, busybox: Uint8Array): ArchiveEntry[] {
  return [
    ...FOLDERS.map((path): ArchiveEntry => ({ type: 'directory', path })),
    // Linux opens it for the first process, before anything is mounted.
    { type: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { type: 'file', path: 'bin/busybox', mode: 0o755, data: busybox },
    { type: 'link', path: 'bin/sh', target: 'busybox' },
    { type: 'file', path: 'init', mode: 0o755, data: files.init },
    { type: 'file', path: 'bin/tpm-proof', mode: 0o755, data: files.proof },
    { type: 'file', path: 'etc/profile', data: files.profile },
  ];
}
