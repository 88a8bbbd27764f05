import { expect, test } from 'vitest';
import { writeBootableCd } from './iso9660.js';

const SECTOR = 2048;
const boot = { name: 'isolinux.bin', data: new Uint8Array(3001).fill(0x11) };
const kernel = { name: 'vmlinuz', data: new Uint8Array(5000).fill(0x22) };

/** The records of the root folder, read by the offsets of ECMA-119 9.1. */
function rootFolder(image: Buffer): Map<string, { sector: number; length: number }> {
  const start = image.readUInt32LE(16 * SECTOR + 156 + 2) * SECTOR;
  const records = new Map<string, { sector: number; length: number }>();
  for (let at = start; image.readUInt8(at) !== 0; at += image.readUInt8(at)) {
    const name = image.toString('latin1', at + 33, at + 33 + image.readUInt8(at + 32));
    const both = [image.readUInt32BE(at + 6), image.readUInt32BE(at + 14)];
    const [sector, length] = [image.readUInt32LE(at + 2), image.readUInt32LE(at + 10)];
    expect(both).toEqual([sector, length]);
    records.set(name, { sector, length });
  }
  return records;
}

function image(): Buffer {
  return Buffer.from(writeBootableCd([kernel, boot], 'isolinux.bin'));
}

test('writeBootableCd() names every file in the root folder, in order, with its content', () => {
  const cd = image();
  const records = rootFolder(cd);
  expect([...records.keys()]).toEqual(['\0', '\x01', 'ISOLINUX.BIN;1', 'VMLINUZ.;1']);
  const { sector = 0, length = 0 } = records.get('VMLINUZ.;1') ?? {};
  expect(cd.subarray(sector * SECTOR, sector * SECTOR + length)).toEqual(Buffer.from(kernel.data));
  expect(cd.readUInt32LE(16 * SECTOR + 80) * SECTOR).toBe(cd.length);
});

test('writeBootableCd() writes a boot catalog whose words add up to zero and that names the boot file', () => {
  const cd = image();
  expect(cd.toString('latin1', 17 * SECTOR, 17 * SECTOR + 30)).toBe(
    '\0CD001\x01EL TORITO SPECIFICATION',
  );
  const catalog = cd.readUInt32LE(17 * SECTOR + 71) * SECTOR;
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += cd.readUInt16LE(catalog + at);
  expect(sum & 0xffff).toBe(0);
  expect(cd.readUInt8(catalog + 32)).toBe(0x88);
  expect(cd.readUInt32LE(catalog + 40)).toBe(rootFolder(cd).get('ISOLINUX.BIN;1')?.sector);
});

test('writeBootableCd() tells the boot file where it lies, how long it is and what it adds up to', () => {
  const cd = image();
  const sector = rootFolder(cd).get('ISOLINUX.BIN;1')?.sector ?? 0;
  const words = [8, 12, 16, 20].map((offset) => cd.readUInt32LE(sector * SECTOR + offset));
  const whole = Math.floor((3001 - 64) / 4);
  expect(words).toEqual([16, sector, 3001, (whole * 0x1111_1111 + 0x11) >>> 0]);
  expect(cd.readUInt8(sector * SECTOR + 7)).toBe(0x11);
  expect(cd.readUInt8(sector * SECTOR + 64)).toBe(0x11);
});

test('writeBootableCd() gives equal bytes for equal files', () => {
  expect(image()).toEqual(image());
});

test.each([
  ['a name that is not 8.3', [{ name: 'initramfs.image', data: new Uint8Array(1) }], /NAME\.EXT/],
  ['a boot file that is missing', [kernel], /not among the files/],
  ['a boot file without room', [{ name: 'isolinux.bin', data: new Uint8Array(8) }], /too short/],
  [
    'more files than the folder holds',
    Array.from({ length: 60 }, (_, index) => ({ name: `f${index}`, data: new Uint8Array(1) })),
    /do not fit|not among/,
  ],
])('writeBootableCd() refuses %s', (_what, files, message) => {
  expect(() => writeBootableCd(files, 'isolinux.bin')).toThrow(message);
});
