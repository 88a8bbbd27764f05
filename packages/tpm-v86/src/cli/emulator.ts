// v86 as the command line needs it: a structural part of its `V86` class.

import { createRequire } from 'node:module';
import { V86Error } from '../error.js';
import type { V86Emulator } from '../v86-members.js';

/** An image in memory. */
export interface ImageBuffer {
  readonly buffer: ArrayBuffer;
}

/** Options of `new V86()` that are used here. */
export interface EmulatorOptions {
  readonly memory_size: number;
  readonly bios: ImageBuffer;
  readonly vga_bios: ImageBuffer;
  readonly bzimage?: ImageBuffer;
  readonly initrd?: ImageBuffer;
  readonly cmdline?: string;
  readonly cdrom?: ImageBuffer;
  readonly hda?: ImageBuffer;
  readonly hdb?: ImageBuffer;
  readonly fda?: ImageBuffer;
  readonly fdb?: ImageBuffer;
  readonly boot_order?: number;
  readonly bootmenu: boolean;
  readonly autostart: boolean;
}

/** What v86's screens can tell. */
export interface ScreenAdapter {
  get_text_screen(): string[];
}

/** An I/O port of v86. */
export interface EmulatorPort {
  write16: (this: unknown, value: number) => void;
}

/** Parts of v86's processor that are no documented interface. */
export interface EmulatorCpu {
  reboot_internal(): void;
  read_blob(address: number, length: number): Uint8Array;
  write_blob(bytes: Uint8Array, address: number): void;
  readonly option_roms: { name: string; data: Uint8Array }[];
  readonly io: { readonly ports: EmulatorPort[] };
}

/** A `V86` object. */
export interface Emulator extends V86Emulator {
  run(): Promise<void>;
  restart(): void;
  destroy(): Promise<void>;
  serial_send_bytes(port: number, bytes: Uint8Array): void;
  keyboard_send_scancodes(codes: readonly number[]): Promise<void>;
  readonly screen_adapter?: ScreenAdapter;
  readonly v86?: { readonly cpu?: EmulatorCpu };
}

/** Makes a machine. */
export type EmulatorFactory = (options: EmulatorOptions) => Emulator;

/** What every machine has: ACPI, since firmware finds the TPM by it; no network, no sound. */
const FIXED = {
  acpi: true,
  net_device: { type: 'none' },
  disable_speaker: true,
  screen: { ansi: true },
  log_level: 0,
} as const;

/**
 * Loads v86.
 *
 * @throws V86Error `ERR_V86_OPTION` when it isn't installed
 */
export async function loadV86(): Promise<EmulatorFactory> {
  const require = createRequire(import.meta.url);
  try {
    const wasm = require.resolve('v86/build/v86.wasm');
    const { V86 } = (await import('v86')) as unknown as {
      readonly V86: new (options: object) => Emulator;
    };
    return (options) => new V86({ ...FIXED, wasm_path: wasm, ...options });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new V86Error(
      'ERR_V86_OPTION',
      `Loading v86 failed: ${reason}; install it with: npm install v86`,
      { cause },
    );
  }
}
