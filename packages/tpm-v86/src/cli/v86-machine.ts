import type { TpmBackend, TpmdevError } from 'tpm-integration/assembly';
import { attachTpm } from '../attach-tpm.js';
import type { TpmAttachment } from '../attachment.js';
import type { TextScreen } from '../console/text-view.js';
import { V86Error } from '../error.js';
import type { V86Description } from './description.js';
import type { Emulator, EmulatorCpu, EmulatorFactory } from './emulator.js';
import { firmwareFiles, v86BootOrder } from './firmware-files.js';
import type { LoadedImages } from './images.js';
import { KernelMemory } from './kernel-memory.js';

/** QEMU's words for what a machine does. */
export type MachineState = 'prelaunch' | 'running' | 'paused';

/** What a machine is made from. */
export interface MachineParts {
  readonly createEmulator: EmulatorFactory;
  readonly description: V86Description;
  readonly images: LoadedImages;
  /** The kernel's command line. */
  readonly append: string | undefined;
  /** Back end of the TPM, if the machine has one. */
  readonly backend: TpmBackend | undefined;
}

/** Receives what happens to a machine. */
export interface MachineListener {
  /** Bytes that the guest sent over its serial port. */
  serial(bytes: Uint8Array): void;
  /** The guest or somebody else has reset the machine. */
  reset(): void;
  /** The guest has switched the machine off; v86 leaves it standing still. */
  poweredOff(): void;
  stopped(): void;
  resumed(): void;
  /** The machine can't go on. */
  failed(error: TpmdevError): void;
  /** Something of the TPM failed; the machine goes on. */
  warned(error: TpmdevError): void;
}

/** How long v86 gets to stop, in milliseconds. After a crash it never says that it did. */
const STOP_TIME = 2000;

/**
 * PM1 control register of v86's PIIX4 (ACPI specification, section 4.8.3.2.1). There is no other
 * sleeping state than "off".
 */
const PM1_CONTROL = { port: 0xb004, sleepEnable: 1 << 13 } as const;

/** A PC in v86 with its TPM. */
export class V86Machine {
  /** The TPM; `undefined` when the machine has none. */
  readonly tpm: TpmAttachment | undefined;
  readonly #emulator: Emulator;
  readonly #listener: MachineListener;
  readonly #parts: MachineParts;
  readonly #holders: Set<'person' | 'output'> = new Set();
  readonly #serial: number[] = [];
  #state: MachineState;
  #graphics: TextScreen['graphics'];
  /** What is asked of v86 before it has made its machine has to wait. */
  #changes: Promise<void>;

  /** Makes the machine; it starts at once unless told otherwise by `-S`. */
  constructor(parts: MachineParts, listener: MachineListener) {
    const { description, backend } = parts;
    this.#parts = parts;
    this.#listener = listener;
    const isPaused = description.machine.startPaused;
    this.#state = isPaused ? 'prelaunch' : 'running';
    if (isPaused) this.#holders.add('person');
    const files = firmwareFiles(description, parts.images.fwCfg);
    this.#emulator = parts.createEmulator(this.#options(!isPaused));
    this.#changes = new Promise((resolve) => {
      this.#emulator.add_listener('emulator-loaded', () => resolve());
    });
    const { device } = description.machine;
    if (device !== undefined && backend !== undefined) {
      this.tpm = attachTpm(this.#emulator, {
        model: device.model as 'tpm-tis' | 'tpm-crb',
        backend,
        onError: (error) => listener.warned(error),
        tables: description.tables,
        eventLog: description.eventLog,
        ppi: device.ppi,
        irq: device.irq,
        confirm: () => description.confirmPpi,
        files,
      });
      this.tpm.ready.catch((error: TpmdevError) => listener.failed(error));
    }
    this.#listen(this.tpm === undefined ? files : undefined);
  }

  get state(): MachineState {
    return this.#state;
  }

  /** Sends bytes to the guest's serial port. */
  sendSerial(bytes: Uint8Array): void {
    this.#emulator.serial_send_bytes(0, bytes);
  }

  /** Sends scan codes of set 1 to the guest's keyboard. */
  sendKeys(codes: readonly number[]): void {
    if (codes.length > 0) void this.#emulator.keyboard_send_scancodes(codes);
  }

  /** @returns what the guest's screen shows; `undefined` as long as there is none */
  screen(): TextScreen | undefined {
    const rows = this.#emulator.screen_adapter?.get_text_screen();
    return rows === undefined ? undefined : { rows, graphics: this.#graphics };
  }

  /** Resets the machine and waits until its TPM runs again. */
  async reset(): Promise<void> {
    await this.#change(() => this.#emulator.restart());
    await this.tpm?.settled();
  }

  /** Lets the guest stand still. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    await this.#hold('person', true);
    this.#listener.stopped();
  }

  /** Lets the guest go on. */
  async cont(): Promise<void> {
    if (this.#state === 'running') return;
    this.#state = 'running';
    await this.#hold('person', false);
    this.#listener.resumed();
  }

  /** Lets the guest stand still as long as its output can't be taken, or go on. */
  holdForOutput(isHeld: boolean): void {
    void this.#hold('output', isHeld);
  }

  /** Stops the machine for good. The back end can be closed afterwards. */
  async destroy(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_TIME);
    });
    await Promise.race([this.#change(() => this.#emulator.destroy()), patience]);
    clearTimeout(timer);
    await this.tpm?.detach();
  }

  #options(autostart: boolean): Parameters<EmulatorFactory>[0] {
    const { description, images, append } = this.#parts;
    const bootOrder = v86BootOrder(description.boot.order);
    return {
      memory_size: description.machine.ramSize,
      bios: images.bios,
      vga_bios: images.vgaBios,
      autostart,
      bootmenu: description.boot.menu,
      ...(images.kernel === undefined ? {} : { bzimage: images.kernel, cmdline: append ?? '' }),
      ...(images.initrd === undefined ? {} : { initrd: images.initrd }),
      ...(bootOrder === undefined ? {} : { boot_order: bootOrder }),
      ...Object.fromEntries(images.drives),
    };
  }

  /** @param files what nobody else gives to firmware */
  #listen(files: ReadonlyMap<string, Uint8Array> | undefined): void {
    const emulator = this.#emulator;
    emulator.add_listener('serial0-output-byte', (byte) => this.#collect(byte as number));
    emulator.add_listener('screen-set-size', (size) => {
      const [width, height, depth] = size as [number, number, number];
      this.#graphics = depth === 0 ? undefined : { width, height };
    });
    emulator.add_listener('emulator-ready', () => {
      const cpu = emulator.v86?.cpu;
      if (typeof cpu?.reboot_internal !== 'function') {
        throw new V86Error(
          'ERR_V86_MEMBER',
          'Preparing the machine failed: this v86 has no v86.cpu.reboot_internal(); use 0.5.462',
        );
      }
      for (const [name, data] of files ?? []) cpu.option_roms.push({ name, data });
      this.#watchResets(cpu);
      this.#watchPower(cpu);
    });
  }

  #watchResets(cpu: EmulatorCpu): void {
    const { kernel, initrd } = this.#parts.images;
    const memory =
      kernel === undefined
        ? undefined
        : new KernelMemory(cpu, kernel.buffer.byteLength, initrd?.buffer.byteLength ?? 0);
    const reboot = cpu.reboot_internal;
    cpu.reboot_internal = () => {
      reboot.call(cpu);
      memory?.restore();
      this.#listener.reset();
    };
  }

  /** v86 keeps what is written to the power management control register, and does nothing. */
  #watchPower(cpu: EmulatorCpu): void {
    const port = cpu.io.ports[PM1_CONTROL.port];
    if (port === undefined) return;
    const write16 = port.write16;
    const listener = this.#listener;
    port.write16 = function (value) {
      write16.call(this, value);
      if ((value & PM1_CONTROL.sleepEnable) !== 0) listener.poweredOff();
    };
  }

  /** v86 tells of every single byte; what comes in one slice of its work goes out together. */
  #collect(byte: number): void {
    if (this.#serial.length === 0) {
      setImmediate(() => this.#listener.serial(Uint8Array.from(this.#serial.splice(0))));
    }
    this.#serial.push(byte);
  }

  #hold(holder: 'person' | 'output', isHeld: boolean): Promise<void> {
    const wasHeld = this.#holders.size > 0;
    if (isHeld) this.#holders.add(holder);
    else this.#holders.delete(holder);
    const mustStop = this.#holders.size > 0;
    if (mustStop === wasHeld) return this.#changes;
    return this.#change(() => (mustStop ? this.#emulator.stop() : this.#emulator.run()));
  }

  /** One after the other. */
  #change(action: () => void | Promise<void>): Promise<void> {
    this.#changes = this.#changes.then(action);
    return this.#changes;
  }
}
