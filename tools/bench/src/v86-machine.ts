// One machine in v86, in a process of its own: `node v86-machine.ts boot|access JSON`.
// Prints what it measured as JSON.

import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { GuestImage } from '@tpmdev/guest';
import { GUEST_READY, PROOF_BEGIN } from '@tpmdev/guest/proof';
import { openEmbedded } from 'tpm-backend-embedded';
import { attachTpm } from 'tpm-v86';
import { V86 } from 'v86';
import { ACCESS_PROGRAM, accessProgram, type GuestAccess } from './access-program.ts';

/** What TPM a machine has. */
export type TpmModel = 'tpm-tis' | 'tpm-crb' | 'none';

/** A boot of Linux to be timed. */
export interface BootOrder {
  readonly image: GuestImage;
  readonly model: TpmModel;
}

/** Seconds from `new V86()` on. */
export interface BootTimes {
  /** To the first program of the guest's user space. */
  readonly userSpace: number;
  /** To the shell, after all that the guest shows of its TPM. */
  readonly shell: number;
}

/** An access of the guest to be timed. */
export interface AccessOrder {
  readonly model: 'tpm-tis' | 'tpm-crb';
  readonly access: GuestAccess;
}

const load = (path: string) => ({ buffer: Uint8Array.from(readFileSync(path)).buffer });

async function createMachine(model: TpmModel, options: object): Promise<V86> {
  // The declarations of v86 lack some of the options that it has.
  const all: unknown = {
    wasm_path: fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
    acpi: true,
    net_device: { type: 'none' },
    disable_speaker: true,
    autostart: true,
    ...options,
  };
  const backend = model === 'none' ? undefined : await openEmbedded();
  const emulator = new V86(all as ConstructorParameters<typeof V86>[0]);
  if (backend !== undefined && model !== 'none') {
    const onError = (error: Error) => {
      throw error;
    };
    attachTpm(emulator, { model, backend, onError });
  }
  return emulator;
}

async function timeBoot({ image, model }: BootOrder): Promise<BootTimes> {
  const options = {
    bios: load(image.bios),
    vga_bios: load(image.vgaBios),
    memory_size: 256 * 2 ** 20,
    bzimage: load(image.kernel!),
    initrd: load(image.initrd!),
    cmdline: image.commandLine,
  };
  const start = performance.now();
  const emulator = await createMachine(model, options);
  const seconds = () => (performance.now() - start) / 1000;
  return await new Promise((resolve) => {
    let line = '';
    let userSpace = Number.NaN;
    emulator.add_listener('serial0-output-byte', (byte: number) => {
      line = byte === 0x0a ? '' : line + String.fromCharCode(byte);
      if (line === PROOF_BEGIN) userSpace = seconds();
      if (line === GUEST_READY) resolve({ userSpace, shell: seconds() });
    });
  });
}

/** Laps of the loop that are not counted: v86 translates it meanwhile. */
const WARM_UP = 5;
const LAPS = 21;

/** @returns nanoseconds for one pass of the guest's loop, the median of its laps */
async function timeAccess({ model, access }: AccessOrder): Promise<number> {
  const emulator = await createMachine(model, {
    bios: { buffer: accessProgram(access, model).buffer },
    memory_size: 16 * 2 ** 20,
  });
  const laps: number[] = [];
  return await new Promise((resolve) => {
    let last = Number.NaN;
    const lap = () => {
      const now = performance.now();
      laps.push(((now - last) * 1e6) / ACCESS_PROGRAM.count);
      last = now;
      if (laps.length < WARM_UP + LAPS) return;
      const sorted = laps.slice(WARM_UP).sort((one, other) => one - other);
      resolve(sorted[LAPS >> 1]!);
    };
    emulator.add_listener('emulator-ready', () => {
      const { cpu } = (emulator as unknown as { v86: { cpu: MachineCpu } }).v86;
      cpu.io.register_write(ACCESS_PROGRAM.port, cpu, lap);
    });
  });
}

/** What is used of v86's processor. */
interface MachineCpu {
  readonly io: {
    register_write(port: number, device: object, write8: (value: number) => void): void;
  };
}

const [what, order = ''] = process.argv.slice(2);
const parsed: unknown = JSON.parse(order);
const result =
  what === 'boot' ? await timeBoot(parsed as BootOrder) : await timeAccess(parsed as AccessOrder);
console.log(JSON.stringify(result));
// v86 has no end of its own.
process.exit(0);
