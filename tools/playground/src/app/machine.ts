// One v86 machine with a TPM. A kernel that is loaded directly can't be booted twice by v86, so
// that a restart, also one that the guest asks for, makes another machine.

import type { EmbeddedBackend } from 'tpm-backend-embedded';
import type { TpmdevError, TpmFrontEnd, TraceHook } from 'tpm-core';
import type { PpiRequest, PpiSnapshot } from 'tpm-fwcfg-ppi/ppi';
import { attachTpm, type TpmAttachment } from 'tpm-v86';
import { V86 } from 'v86';
import wasmUrl from 'v86/build/v86.wasm?url';
import type { GuestImages } from './guest-images.js';

/** 128 MiB: v86 puts the initial RAM disk at 64 MiB. */
const MEMORY_SIZE = 0x800_0000;

/** Devices that a guest can find. */
export type TpmModel = 'tpm-tis' | 'tpm-crb';

/** What a {@link Machine} is made of. */
export interface MachineOptions {
  readonly images: GuestImages;
  readonly model: TpmModel;
  readonly backend: EmbeddedBackend;
  /** PPI memory of the machine before, if the guest rebooted: it outlives a reset. */
  readonly ppi: PpiSnapshot | undefined;
  /** Asks the person at the page to allow what the guest requested. */
  readonly confirm: (request: PpiRequest) => Promise<boolean>;
  /** Receives what the guest prints on its serial console. */
  readonly onSerial: (byte: number) => void;
  /** The guest wants to reboot. */
  readonly onReboot: () => void;
  /** The machine can't start: its TPM couldn't be attached. */
  readonly onFailed: (error: unknown) => void;
  /** Something went wrong that the guest doesn't see as such. */
  readonly onError: (error: TpmdevError) => void;
  readonly trace: TraceHook;
}

/** The undocumented member of v86 that a reboot goes through. */
interface Rebootable {
  readonly v86: { readonly cpu: { reboot_internal: () => void } };
}

/** How long v86 may take to stop. A machine that crashed never says that it stopped. */
const STOP_MILLISECONDS = 1000;

/** Resolves with the promise, or after a time without it. */
function within(milliseconds: number, promise: Promise<void>): Promise<void> {
  const time = new Promise<void>((resolve) => window.setTimeout(resolve, milliseconds));
  return Promise.race([promise, time]);
}

/** A running machine. */
export class Machine {
  readonly #emulator: V86;
  readonly #attachment: TpmAttachment;
  #isGone = false;
  #isPaused = false;

  constructor(options: MachineOptions) {
    const { images, model, backend } = options;
    // Each machine gets copies: v86 writes into what it is given.
    const image = (bytes: Uint8Array<ArrayBuffer>) => ({ buffer: bytes.slice().buffer });
    this.#emulator = new V86({
      wasm_path: wasmUrl,
      memory_size: MEMORY_SIZE,
      acpi: true,
      autostart: true,
      bios: image(images.bios),
      vga_bios: image(images.vgaBios),
      bzimage: image(images.kernel),
      initrd: image(images.initrd),
      cmdline: images.commandLine,
      net_device: { type: 'none' } as never,
      disable_speaker: true,
      disable_keyboard: true,
      disable_mouse: true,
    });
    this.#attachment = attachTpm(this.#emulator as never, {
      model,
      backend,
      trace: options.trace,
      confirm: options.confirm,
      onError: options.onError,
    });
    if (options.ppi !== undefined) this.#attachment.ppi?.restore(options.ppi);
    this.#attachment.ready.catch((error: unknown) => {
      if (!this.#isGone) options.onFailed(error);
    });
    this.#emulator.add_listener('emulator-ready', () => {
      const { cpu } = (this.#emulator as unknown as Rebootable).v86;
      const reboot = cpu.reboot_internal.bind(cpu);
      // The TPM's part of a reboot still happens; firmware begins, but doesn't get far.
      cpu.reboot_internal = () => {
        reboot();
        void this.#emulator.stop();
        if (!this.#isGone) options.onReboot();
      };
    });
    this.#emulator.add_listener('serial0-output-byte', (byte: number) => {
      if (!this.#isGone) options.onSerial(byte);
    });
  }

  get frontEnd(): TpmFrontEnd {
    return this.#attachment.frontEnd;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @returns a copy of the event log's memory; `undefined` when it has no place yet */
  eventLog(): Uint8Array | undefined {
    return this.#attachment.eventLog();
  }

  /** @returns the memory of the physical presence interface */
  ppi(): PpiSnapshot | undefined {
    return this.#attachment.ppi?.snapshot();
  }

  /** @param bytes what a person typed */
  type(bytes: Uint8Array): void {
    if (!this.#isGone) this.#emulator.serial_send_bytes(0, bytes);
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#emulator.stop();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.#emulator.run();
  }

  /** Switches the machine off. The back end can be used again when the promise resolves. */
  async destroy(): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    await within(STOP_MILLISECONDS, this.#emulator.stop());
    await this.#attachment.detach();
    await within(STOP_MILLISECONDS, this.#emulator.destroy());
  }
}
