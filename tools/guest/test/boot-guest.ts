// Boots an image in v86 without a TPM and talks to it over its serial console.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { V86 } from 'v86';
import type { GuestImage } from '../src/prepare-guest.js';

/** Guests that an emulator on a busy machine boots in half a minute get this long. */
const TIME_LIMIT = 300_000;

async function buffer(path: string): Promise<{ buffer: ArrayBuffer }> {
  const bytes = await readFile(path);
  return { buffer: Uint8Array.from(bytes).buffer };
}

/** A running guest. */
export interface RunningGuest {
  /** All that came over the serial console so far. */
  readonly output: () => string;
  /** Resolves with the match; rejects with the end of the output when it doesn't come. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly send: (text: string) => void;
  readonly end: () => Promise<void>;
}

/** @param parameters for Linux, after those of the image */
export async function bootGuest(image: GuestImage, parameters = ''): Promise<RunningGuest> {
  const { bios, vgaBios, kernel, initrd, cdrom, commandLine } = image;
  // The declarations of v86 lack some of the options that it has.
  const options: unknown = {
    wasm_path: fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
    memory_size: 256 * 1024 * 1024,
    vga_memory_size: 2 * 1024 * 1024,
    acpi: true,
    disable_speaker: true,
    net_device: { type: 'none' },
    autostart: true,
    bios: await buffer(bios),
    vga_bios: await buffer(vgaBios),
    ...(kernel !== undefined && { bzimage: await buffer(kernel) }),
    ...(initrd !== undefined && { initrd: await buffer(initrd) }),
    ...(cdrom !== undefined && { cdrom: await buffer(cdrom) }),
    cmdline: `${commandLine} ${parameters}`.trim(),
  };
  const emulator = new V86(options as ConstructorParameters<typeof V86>[0]);
  let output = '';
  const waiting = new Set<() => void>();
  emulator.add_listener('serial0-output-byte', (byte: number) => {
    output += String.fromCharCode(byte);
    for (const check of waiting) check();
  });
  return {
    output: () => output,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(check);
          reject(new Error(`No ${pattern} in the guest's output:\n${output.slice(-2000)}`));
        }, TIME_LIMIT);
        const check = (): void => {
          const match = pattern.exec(output);
          if (match === null) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve(match);
        };
        waiting.add(check);
        check();
      }),
    send: (text) => emulator.serial0_send(text),
    end: () => emulator.destroy(),
  };
}
