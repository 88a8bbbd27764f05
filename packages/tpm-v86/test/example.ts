import { openEmbedded } from 'tpm-backend-embedded';
import { V86 } from 'v86';
import { attachTpm } from '../src/index.js';

/** What the guest boots from, fetched before: v86's wasm file, SeaBIOS and its VGA BIOS. */
export interface Images {
  readonly wasmPath: string;
  readonly bios: ArrayBuffer;
  readonly vgaBios: ArrayBuffer;
}

/** Starts a machine that has a new TPM. @returns how to look at it and how to end it */
export async function startMachine({ wasmPath, bios, vgaBios }: Images) {
  const backend = await openEmbedded();
  const emulator = new V86({
    wasm_path: wasmPath,
    bios: { buffer: bios },
    vga_bios: { buffer: vgaBios },
    memory_size: 64 * 2 ** 20,
    acpi: true,
    autostart: true,
  });
  const tpm = attachTpm(emulator, {
    model: 'tpm-tis',
    backend,
    onError: (error) => console.error(error.message),
  });
  await tpm.ready;
  const stop = async () => {
    await emulator.destroy();
    await tpm.detach();
    await backend.close();
  };
  return { emulator, tpm, stop };
}
