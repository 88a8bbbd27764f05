import type { V86Description } from './description.js';

/** Files that SeaBIOS reads its settings from, as documented by it ("Runtime config"). */
const FILE = {
  bootMenu: 'etc/show-boot-menu',
  bootMenuWait: 'etc/boot-menu-wait',
  serialConsole: 'etc/sercon-port',
} as const;

/** I/O port of the first serial port. */
const FIRST_SERIAL_PORT = 0x3f8;

function littleEndian(value: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (value >>> (8 * index)) & 0xff);
}

/**
 * @param description the command line
 * @param given files that were given by name; they win
 * @returns the files for firmware
 */
export function firmwareFiles(
  description: V86Description,
  given: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> {
  const { boot, serialFirmware } = description;
  const files = new Map<string, Uint8Array>();
  files.set(FILE.bootMenu, littleEndian(boot.menu ? 1 : 0, 2));
  if (boot.splashTime !== undefined) files.set(FILE.bootMenuWait, littleEndian(boot.splashTime, 2));
  if (serialFirmware) files.set(FILE.serialConsole, littleEndian(FIRST_SERIAL_PORT, 2));
  for (const [name, data] of given) files.set(name, data);
  return files;
}

/** Number of each drive in the firmware's list (CMOS registers 0x3D and 0x38). */
const DRIVE_NUMBER: Readonly<Record<string, number>> = { a: 1, c: 2, d: 3 };
const BITS_PER_DRIVE = 4;

/**
 * @param order QEMU's letters, first the preferred one
 * @returns v86's number for it, first the preferred one in the lowest bits
 */
export function v86BootOrder(order: string | undefined): number | undefined {
  if (order === undefined) return undefined;
  return [...order].reduce(
    (number, letter, index) => number | (DRIVE_NUMBER[letter]! << (BITS_PER_DRIVE * index)),
    0,
  );
}
