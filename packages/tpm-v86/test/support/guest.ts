import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  compareEventLog,
  type EventLogComparison,
  HASH_ALGORITHM,
  type PcrBanks,
  readEventLog,
  readPcrs,
  type TpmBackend,
  type TpmdevError,
} from 'tpm-integration/assembly';
import { V86 } from 'v86';
import { type AttachTpmOptions, attachTpm, type TpmAttachment } from '../../src/index.js';
import type { V86Cpu } from '../../src/v86-members.js';
import { HASHES, openTpm, type TpmKind } from './tpm.js';

/** SeaBIOS: the port of its log, and what it reads as when somebody listens. */
const DEBUG_PORT = { number: 0x402, present: 0xe9 } as const;

const FIRMWARE_FOLDER = '/usr/share/seabios';

/** Limit for something to appear on the screen, in milliseconds. */
const PATIENCE = 60_000;

/** Limit for the boot menu's prompt, for a person's reaction, in milliseconds. */
const PROMPT = 60_000;

/** @returns a file of SeaBIOS as v86 takes it */
export function firmware(name: string): { buffer: ArrayBuffer } {
  try {
    return { buffer: new Uint8Array(readFileSync(join(FIRMWARE_FOLDER, name))).buffer };
  } catch (cause) {
    throw new Error(`SeaBIOS is missing; install it: apt-get install seabios`, { cause });
  }
}

/** How a guest is started, besides the options of its TPM. */
export interface GuestOptions extends Partial<AttachTpmOptions> {
  readonly tpm?: TpmKind;
  /** Whether the boot menu's prompt waits for a person. */
  readonly menu?: boolean;
  /** The state that the machine begins with. */
  readonly initialState?: ArrayBuffer;
  /** Memory in MiB. */
  readonly memory?: number;
}

/** A machine with SeaBIOS, without a disk. */
export class Guest {
  readonly emulator: V86;
  readonly attachment: TpmAttachment;
  readonly backend: TpmBackend;
  /** What was reported. */
  readonly errors: TpmdevError[] = [];
  /** Command codes that arrived at the device. */
  readonly commands: number[] = [];
  #firmwareLog = '';
  readonly #closeTpm: () => Promise<void>;

  private constructor(
    options: GuestOptions,
    { backend, close }: Awaited<ReturnType<typeof openTpm>>,
  ) {
    const { tpm: _, menu = false, initialState, memory = 64, files, ...attach } = options;
    this.backend = backend;
    this.#closeTpm = close;
    this.emulator = new V86({
      wasm_path: fileURLToPath(import.meta.resolve('v86/build/v86.wasm')),
      bios: firmware('bios-256k.bin'),
      vga_bios: firmware('vgabios-stdvga.bin'),
      acpi: true,
      memory_size: memory * 2 ** 20,
      net_device: { type: 'none' } as never,
      disable_speaker: true,
      autostart: true,
      ...(initialState === undefined ? {} : { initial_state: { buffer: initialState } }),
    });
    this.emulator.add_listener('emulator-ready', () => this.#listen());
    const wait = new Uint8Array(4);
    new DataView(wait.buffer).setUint32(0, PROMPT, true);
    this.attachment = attachTpm(this.emulator, {
      model: 'tpm-tis',
      backend,
      onError: (error) => this.errors.push(error),
      trace: (event) => {
        if (event.type !== 'command') return;
        this.commands.push(new DataView(event.bytes.buffer, event.bytes.byteOffset).getUint32(6));
      },
      files: new Map([
        ['etc/show-boot-menu', Uint8Array.of(menu ? 1 : 0)],
        ['etc/boot-menu-wait', wait],
        ...(files ?? []),
      ]),
      ...attach,
    });
  }

  /** Starts a machine with a new TPM, and waits for the TPM. */
  static async start(options: GuestOptions = {}): Promise<Guest> {
    const guest = new Guest(options, await openTpm(options.tpm ?? 'embedded'));
    try {
      await guest.attachment.ready;
    } catch (error) {
      await guest.close();
      throw error;
    }
    return guest;
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await this.emulator.destroy();
    await this.attachment.detach();
    await this.#closeTpm();
  }

  /** Lines of the text screen that aren't empty. */
  get screen(): string[] {
    const { screen_adapter } = this.emulator as unknown as {
      screen_adapter: { get_text_screen(): string[] };
    };
    const lines = screen_adapter.get_text_screen().map((line) => line.trimEnd());
    return lines.filter((line) => line !== '');
  }

  /** Waits for a line on the text screen. */
  async see(line: RegExp): Promise<void> {
    const options = { timeout_msec: PATIENCE };
    if (await this.emulator.wait_until_vga_screen_contains(line, options)) return;
    throw new Error(`${line} didn't appear on the screen:\n${this.screen.join('\n')}`);
  }

  /** Waits until firmware has looked for something to boot, this number of times since the start. */
  async booted(times = 1): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (this.#firmwareLog.split('No bootable device').length <= times) {
      if (performance.now() > deadline) {
        throw new Error(`Firmware didn't come to an end ${times} times:\n${this.#firmwareLog}`);
      }
      await sleep(20);
    }
  }

  /** Presses and releases keys of the PS/2 keyboard by their scan codes. */
  press(...scanCodes: number[]): void {
    this.emulator.keyboard_send_scancodes(scanCodes.flatMap((code) => [code, code | 0x80]));
  }

  /** PCRs of the TPM, which is idle. */
  async pcrs(algorithms: readonly number[] = [...HASHES.keys()]): Promise<PcrBanks> {
    const { backend } = this;
    const execute = async (command: Uint8Array): Promise<Uint8Array> => {
      const request = { command, locality: 0, responseCapacity: 4096 } as const;
      return (await backend.execute(request)).response;
    };
    return await readPcrs(execute, backend.tpmVersion, algorithms);
  }

  /** @returns a PCR of the bank SHA-256 (of a TPM 1.2: SHA-1) as hexadecimal text */
  async pcr(index: number): Promise<string> {
    const bank = this.backend.tpmVersion === '2.0' ? 'SHA-256' : 'SHA-1';
    const algorithm = HASH_ALGORITHM[bank];
    const value = (await this.pcrs([algorithm])).get(algorithm)?.get(index) ?? new Uint8Array();
    return Buffer.from(value).toString('hex').toUpperCase();
  }

  #listen(): void {
    const { cpu } = (this.emulator as unknown as { v86: { cpu: V86Cpu } }).v86;
    const read = () => DEBUG_PORT.present;
    const write = (byte: number) => {
      this.#firmwareLog += String.fromCharCode(byte);
    };
    cpu.io.register_read(DEBUG_PORT.number, this, read, read, read);
    cpu.io.register_write(DEBUG_PORT.number, this, write, write, write);
  }

  /** The event log against the TPM. */
  async compareLog(): Promise<EventLogComparison & { events: number }> {
    const log = readEventLog(this.attachment.eventLog() ?? new Uint8Array());
    const comparison = await compareEventLog(log, await this.pcrs(), HASHES);
    return { ...comparison, events: log.events.length };
  }
}
