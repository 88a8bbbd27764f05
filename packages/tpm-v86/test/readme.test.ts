import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startMachine } from './example.js';
import { firmware } from './support/guest.js';

it('README.md has an example in which SeaBIOS finds the TPM', async () => {
  const { emulator, tpm, stop } = await startMachine({
    wasmPath: fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
    bios: firmware('bios-256k.bin').buffer,
    vgaBios: firmware('vgabios-stdvga.bin').buffer,
  });
  try {
    const line = /No bootable device/;
    expect(await emulator.wait_until_vga_screen_contains(line, { timeout_msec: 60_000 })).toBe(
      true,
    );
    expect(tpm.eventLog()!.subarray(32, 47)).toEqual(new TextEncoder().encode('Spec ID Event03'));
  } finally {
    await stop();
  }
});
