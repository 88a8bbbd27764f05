import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runTableLoader } from '../src/table-linker.js';
import { FW_CFG_FILE } from '../src/tpm-files.js';
import { GuestRam } from './guest-ram.js';
import { Qemu, swtpmOptions } from './qemu.js';
import { toHex } from './recordings.js';

const F_SEGMENT = 0xf_0000;

/** Somewhere that neither firmware nor tables use. */
const SCRATCH = 0x400_0000;

/** Reads an item of the stopped machine by DMA. */
async function readItem(qemu: Qemu, key: number, length: number): Promise<Uint8Array> {
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32BE((key << 16) | 0x0a);
  descriptor.writeUInt32BE(length, 4);
  descriptor.writeUInt32BE(SCRATCH + 16, 12);
  await qemu.write(SCRATCH, descriptor);
  const start = Buffer.alloc(4);
  start.writeUInt32BE(SCRATCH);
  await qemu.ask(`outl ${0x518} ${start.readUInt32LE()}`);
  return length === 0 ? new Uint8Array(0) : await qemu.read(SCRATCH + 16, length);
}

async function readFiles(qemu: Qemu): Promise<Map<string, Uint8Array>> {
  const directory = Buffer.from(await readItem(qemu, 0x19, 4 + 64 * 32));
  const files = new Map<string, Uint8Array>();
  for (let index = 0; index < directory.readUInt32BE(); index++) {
    const entry = directory.subarray(4 + 64 * index, 68 + 64 * index);
    const name = entry.subarray(8).toString().split('\0')[0]!;
    if (!/^etc\/(acpi|table-loader|tpm)/.test(name)) continue;
    files.set(name, await readItem(qemu, entry.readUInt16BE(4), entry.readUInt32BE()));
  }
  return files;
}

/** Waits until firmware has linked an RSDP into the F segment. @returns its address */
async function linkedRsdp(qemu: Qemu): Promise<number> {
  for (let tries = 0; tries < 300; tries++) {
    await delay(100);
    const segment = Buffer.from(await qemu.read(F_SEGMENT, 0x1_0000));
    for (let at = segment.indexOf('RSD PTR '); at >= 0; at = segment.indexOf('RSD PTR ', at + 1)) {
      const sum = segment.subarray(at, at + 20).reduce((total, byte) => (total + byte) & 0xff, 0);
      if (at % 16 === 0 && sum === 0 && segment.readUInt32LE(at + 16) !== 0) return F_SEGMENT + at;
    }
  }
  throw new Error('SeaBIOS links no RSDP within 30 seconds');
}

describe('runTableLoader beside SeaBIOS', () => {
  it.each([
    ['q35', '2.0', 'TPM2', 0x44],
    ['pc', '1.2', 'TCPA', 0x2a],
  ] as const)(
    'runTableLoader() links every byte of the tables of %s with TPM %s as SeaBIOS does',
    async (machine, tpmVersion, signature, logAddress) => {
      const tpm = await swtpmOptions(tpmVersion);
      const options = ['-accel', 'tcg', '-machine', machine, '-m', '128'];
      const qemu = await Qemu.start('qemu-system-x86_64', [...options, ...tpm]);
      const rsdp = await linkedRsdp(qemu);
      await delay(500);
      await qemu.tell('stop', '"return"');
      const files = await readFiles(qemu);
      const tables = Buffer.from(files.get(FW_CFG_FILE.acpiTables)!);

      // Where SeaBIOS put the files follows from what it linked.
      const rsdpBytes = Buffer.from(await qemu.read(rsdp, 20));
      const rootOffset = Buffer.from(files.get(FW_CFG_FILE.acpiRsdp)!).readUInt32LE(16);
      const base = rsdpBytes.readUInt32LE(16) - rootOffset;
      const real = Buffer.from(await qemu.read(base, tables.length));
      // The last one: AML of the DSDT before it has an object named TPM2.
      const table = tables.lastIndexOf(signature);
      const log = Number(real.readBigUInt64LE(table + logAddress));
      const places = new Map([
        [FW_CFG_FILE.acpiRsdp as string, rsdp],
        [FW_CFG_FILE.acpiTables, base],
        [FW_CFG_FILE.tpmLog, log],
      ]);

      const ram = new GuestRam(0, 128 * 0x10_0000);
      runTableLoader(files.get(FW_CFG_FILE.tableLoader)!, files, {
        memory: ram,
        allocate: ({ file, alignment }) => {
          const place = places.get(file)!;
          expect(place % alignment, file).toBe(0);
          return place;
        },
      });
      expect(toHex(ram.peek(rsdp, 20))).toBe(toHex(rsdpBytes));
      expect(toHex(ram.peek(base, tables.length))).toBe(toHex(real));
    },
  );
});
