import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadImages } from './images.js';
import { parseV86Options } from './parse-options.js';

const folder = mkdtempSync(join(tmpdir(), 'tpm-v86-images-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function kernel(loadFlags: number): Uint8Array {
  const bytes = new Uint8Array(0x400);
  bytes.set(new TextEncoder().encode('HdrS'), 0x202);
  bytes[0x236] = loadFlags;
  return bytes;
}

const bios = file('bios-256k.bin', new Uint8Array(0x40000));
file('vgabios-stdvga.bin', Uint8Array.of(0x55, 0xaa, 1));
const kernel32 = file('kernel32', kernel(0));
const kernel64 = file('kernel64', kernel(1));
const small = file('small', Uint8Array.of(1, 2, 3));
const empty = file('empty', new Uint8Array(0));

async function load(...words: string[]) {
  const commandLine = parseV86Options(words, { devices: new Set(), backends: new Set() });
  if (commandLine.kind !== 'run') throw new Error('no machine');
  return await loadImages(commandLine.description, commandLine.description.images);
}

describe('loadImages()', () => {
  it('loadImages() finds firmware in the folder of -L, or the VGA firmware beside -bios', async () => {
    for (const words of [
      ['-L', folder],
      ['-bios', bios],
    ]) {
      const images = await load(...words);
      expect(images.bios.buffer.byteLength).toBe(0x40000);
      expect(images.vgaBios.buffer.byteLength).toBe(3);
    }
  });

  it('loadImages() reads kernel, initramfs, drives and files for firmware', async () => {
    const images = await load(
      ...['-L', folder, '-kernel', kernel32, '-initrd', small, '-cdrom', small],
      ...['-fw_cfg', `name=opt/a,file=${small}`, '-fw_cfg', 'name=opt/b,string=é'],
    );
    expect(images.kernel?.buffer.byteLength).toBe(0x400);
    expect(new Uint8Array(images.initrd!.buffer)).toEqual(Uint8Array.of(1, 2, 3));
    expect([...images.drives.keys()]).toEqual(['cdrom']);
    expect(images.fwCfg.get('opt/a')).toEqual(Uint8Array.of(1, 2, 3));
    expect(images.fwCfg.get('opt/b')).toEqual(Uint8Array.of(0xc3, 0xa9));
  });

  it.each([
    [['-L', '/nowhere'], /^no firmware: there is no bios-256k\.bin in \/nowhere; give -bios FILE/],
    [['-bios', small], /3 bytes are no firmware for v86/],
    [['-L', folder, '--vga-bios', small], /this is no VGA firmware/],
    [['-L', folder, '-kernel', small], /this is no Linux kernel image/],
    [['-L', folder, '-kernel', kernel64], /needs a 64-bit processor and v86 has 32 bits/],
    [['-L', folder, '-kernel', kernel32, '-initrd', empty], /^-initrd .*: the file is empty$/],
    [
      ['-L', folder, '-m', '64', '-kernel', kernel32, '-initrd', small],
      /^-m: an initramfs of 3 bytes needs at least 65 MiB of memory; 64 MiB are given$/,
    ],
    [['-L', folder, '-hda', join(folder, 'none')], /^-hda .*none: no such file$/],
  ])('loadImages() of %j says what is wrong', async (words, message) => {
    await expect(load(...words)).rejects.toThrow(message);
  });
});
