import {
  type Availability,
  type BackendDefinition,
  checkAvailability,
  checkBackendChardevs,
  type DeviceDefinition,
  deviceArgument,
  type GivenOption,
  parseDevice,
  parseKeyValueList,
  parseMemory,
  parseTpmdev,
  refuseOf,
  scanOptions,
} from 'tpm-integration/options';
import type {
  DriveSlot,
  FwCfgSource,
  GuestFlavour,
  ScriptDescription,
  V86Description,
} from './description.js';
import { type DriveDefinition, parseBoot, parseDrive, parseFwCfg } from './drive-options.js';
import { helpText, versionText } from './help.js';
import { V86_OPTION_RULES } from './option-table.js';
import { StreamOptions } from './stream-options.js';

/** What a command line asks for. */
export type V86CommandLine =
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'run'; readonly description: V86Description };

/** Guest memory in bytes when `-m` is absent. Twice QEMU's, so that an initramfs fits. */
export const DEFAULT_MEMORY: number = 256 * 2 ** 20;

/** v86 addresses guest memory in one piece below its devices; it rounds up to this unit. */
const MEMORY_UNIT = 2 ** 17;
const SMALLEST_MEMORY = 16 * 2 ** 20;
const LARGEST_MEMORY = 2 ** 31 - MEMORY_UNIT;

const FLAVOURS: readonly GuestFlavour[] = ['minimal', 'tools', 'cd'];

/** Longest time that a timer of JavaScript can wait, in seconds. */
const LONGEST_TIMEOUT = 2_147_483;

/** Interrupt lines that are free of v86's other devices, or that can be shared with them. */
const FREE_INTERRUPTS: readonly number[] = [3, 5, 7, 10, 11];

/**
 * Reads a command line in QEMU's grammar. Nothing is opened, nothing is created.
 *
 * @param words the arguments, without the program's name
 * @param available which back ends can be opened
 * @throws OptionError with one line that names the option and the way out
 */
export function parseV86Options(words: readonly string[], available: Availability): V86CommandLine {
  const options = scanOptions(words, {
    rules: V86_OPTION_RULES,
    aliases: new Map([
      ['M', 'machine'],
      ['h', 'help'],
    ]),
    bareWord: (word) => ({ name: 'hda', spelled: 'hda', argument: word }),
  });
  if (options.some(({ name }) => name === 'help')) return { kind: 'print', text: helpText() };
  if (options.some(({ name }) => name === 'version')) {
    return { kind: 'print', text: versionText() };
  }
  return { kind: 'run', description: new V86OptionReader(options, available).read() };
}

/** Turns scanned options into a description. */
class V86OptionReader {
  readonly #options: readonly GivenOption[];
  readonly #available: Availability;
  readonly #streams: StreamOptions;

  constructor(options: readonly GivenOption[], available: Availability) {
    this.#options = options;
    this.#available = available;
    this.#streams = new StreamOptions(options);
  }

  read(): V86Description {
    this.#machineType();
    const backend = this.#backend();
    const device = this.#device(backend);
    const { views, serialChardev, monitors } = this.#streams.read(this.#isScreenShown());
    const boot = this.#last('boot');
    return {
      machine: {
        target: 'x86_64',
        family: 'pc',
        machineName: 'pc',
        machineOptions: new Map(),
        ramSize: this.#memory(),
        chardevs: this.#streams.chardevs,
        monitors,
        startPaused: this.#has('S'),
        exitOnReset: this.#has('no-reboot'),
        stayOnShutdown: this.#has('no-shutdown'),
        ...this.#identity(),
        ...(device === undefined ? {} : { device }),
        ...(backend === undefined ? {} : { backend }),
      },
      images: {
        bios: this.#path('bios'),
        vgaBios: this.#path('vga-bios'),
        ...this.#kernel(),
      },
      firmwareFolder: this.#path('L'),
      drives: this.#drives(),
      boot:
        boot === undefined
          ? { order: undefined, menu: false, splashTime: undefined }
          : parseBoot(boot.argument!, refuseOf(boot)),
      fwCfg: this.#fwCfg(),
      serialFirmware: this.#has('nographic'),
      views,
      serialChardev,
      tables: this.#choice('tables', ['overlay', 'fw-cfg']) ?? 'overlay',
      eventLog: this.#eventLog(),
      confirmPpi: this.#has('confirm-ppi'),
      guest: this.#guest(),
      script: this.#script(),
      trace: this.#has('trace'),
      logFile: this.#path('D'),
    };
  }

  #all(name: string): readonly GivenOption[] {
    return this.#options.filter((option) => option.name === name);
  }

  #last(name: string): GivenOption | undefined {
    return this.#all(name).at(-1);
  }

  #has(name: string): boolean {
    return this.#last(name) !== undefined;
  }

  #path(name: string): string | undefined {
    const option = this.#last(name);
    if (option?.argument === '') refuseOf(option)('expects the name of a file');
    return option?.argument;
  }

  #choice<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const option = this.#last(name);
    if (option === undefined) return undefined;
    const value = values.find((candidate) => candidate === option.argument);
    return value ?? refuseOf(option)(`'${option.argument}' is unknown; use ${values.join(' or ')}`);
  }

  #eventLog(): 'mmio' | 'ram' | undefined {
    const place = this.#choice('event-log', ['mmio', 'ram']);
    if (place !== undefined && this.#choice('tables', ['overlay', 'fw-cfg']) === 'fw-cfg') {
      refuseOf(this.#last('event-log')!)('with --tables fw-cfg firmware chooses the place');
    }
    return place;
  }

  #machineType(): void {
    for (const option of this.#all('machine')) {
      const refuse = refuseOf(option);
      const list = parseKeyValueList(option.argument!, 'type');
      for (const [key, value] of list.entries()) {
        if (key === 'type' && value !== 'pc') {
          refuse(`unsupported machine type '${value}'; v86 is a 'pc'`);
        }
        if (key === 'acpi' && value !== 'on') refuse('firmware finds a TPM by ACPI; leave it on');
        if (key !== 'type' && key !== 'acpi') refuse(`Property 'pc-machine.${key}' not found`);
      }
    }
    for (const option of this.#all('accel')) {
      if (option.argument !== 'tcg')
        refuseOf(option)("v86 is the only accelerator; use 'tcg' or none");
    }
  }

  #memory(): number {
    const option = this.#last('m');
    if (option === undefined) return DEFAULT_MEMORY;
    const refuse = refuseOf(option);
    const size = parseMemory(
      'x86_64',
      this.#all('m').map(({ argument }) => argument ?? ''),
      refuse,
    );
    if (size < SMALLEST_MEMORY || size > LARGEST_MEMORY) {
      refuse('v86 takes from 16 MiB to 2047 MiB of memory');
    }
    return Math.ceil(size / MEMORY_UNIT) * MEMORY_UNIT;
  }

  #identity(): { guestName?: string; uuid?: string } {
    const name = this.#last('name')?.argument;
    const uuid = this.#last('uuid');
    const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
    if (uuid !== undefined && !isUuid.test(uuid.argument!)) {
      refuseOf(uuid)('failed to parse UUID string: wrong format; expected 8-4-4-4-12 digits');
    }
    return {
      ...(name === undefined ? {} : { guestName: name }),
      ...(uuid === undefined ? {} : { uuid: uuid.argument!.toLowerCase() }),
    };
  }

  #backend(): BackendDefinition | undefined {
    const [option, second] = this.#all('tpmdev');
    if (second !== undefined) refuseOf(second)('Only one TPM is allowed.');
    if (option === undefined) return undefined;
    const refuse = refuseOf(option);
    const backend = parseTpmdev(option.argument!, refuse);
    checkBackendChardevs(backend, this.#streams.chardevs, refuse);
    if (backend.type === 'emulator') {
      this.#streams.claim(backend.chardev, refuse);
      if (backend.dataChardev !== undefined) this.#streams.claim(backend.dataChardev, refuse);
    }
    return backend;
  }

  #device(backend: BackendDefinition | undefined): DeviceDefinition | undefined {
    const earlier: DeviceDefinition[] = [];
    for (const option of this.#all('device')) {
      const refuse = refuseOf(option);
      const context = { target: 'x86_64', defaultPpi: true, backend, earlier } as const;
      const device = parseDevice(deviceArgument(option.argument!, refuse), context, refuse);
      if (device.model === 'tpm-tis' && !FREE_INTERRUPTS.includes(device.irq)) {
        refuse(`IRQ ${device.irq} belongs to another device; use ${FREE_INTERRUPTS.join(', ')}`);
      }
      if (device.chunking === true) refuse('cap-chunk is not available in this version');
      earlier.push(device);
    }
    const [device] = earlier;
    checkAvailability(this.#available, device, backend, (option, message) =>
      refuseOf(this.#last(option)!)(message),
    );
    const tpmdev = this.#last('tpmdev');
    if (device === undefined && tpmdev !== undefined) {
      refuseOf(tpmdev)(`no device uses it; add -device tpm-tis,tpmdev=${backend?.id}`);
    }
    return device;
  }

  /** @returns whether the VGA screen is on the terminal */
  #isScreenShown(): boolean {
    const option = this.#last('display');
    const kind = this.#choice('display', ['none', 'curses']);
    if (kind === 'curses' && this.#has('nographic')) {
      refuseOf(option!)('-nographic takes the screen away; leave one of them out');
    }
    return kind === 'curses';
  }

  #kernel(): { kernel?: string; initrd?: string; append?: string } {
    const kernel = this.#path('kernel');
    const initrd = this.#path('initrd');
    const append = this.#last('append')?.argument;
    if (kernel === undefined && !this.#has('guest')) {
      for (const name of ['initrd', 'append']) {
        const option = this.#last(name);
        if (option !== undefined) refuseOf(option)('only allowed with -kernel option');
      }
    }
    return {
      ...(kernel === undefined ? {} : { kernel }),
      ...(initrd === undefined ? {} : { initrd }),
      ...(append === undefined ? {} : { append }),
    };
  }

  #drives(): ReadonlyMap<DriveSlot, string> {
    const drives = new Map<DriveSlot, string>();
    const slots: readonly string[] = ['cdrom', 'hda', 'hdb', 'fda', 'fdb'] satisfies DriveSlot[];
    for (const option of this.#options) {
      const isDrive = option.name === 'drive';
      if (!isDrive && !slots.includes(option.name)) continue;
      const refuse = refuseOf(option);
      const drive: DriveDefinition = isDrive
        ? parseDrive(option.argument!, (slot) => !drives.has(slot), refuse)
        : { slot: option.name as DriveSlot, path: option.argument! };
      if (drive.path === '') refuse('expects the name of a file');
      if (drives.has(drive.slot)) refuse(`drive '${drive.slot}' has an image already`);
      drives.set(drive.slot, drive.path);
    }
    return drives;
  }

  #fwCfg(): ReadonlyMap<string, FwCfgSource> {
    const files = new Map<string, FwCfgSource>();
    for (const option of this.#all('fw_cfg')) {
      const { name, source } = parseFwCfg(option.argument!, refuseOf(option));
      if (files.has(name)) refuseOf(option)(`duplicate fw_cfg file name: ${name}`);
      files.set(name, source);
    }
    return files;
  }

  #guest(): GuestFlavour | undefined {
    return this.#choice('guest', FLAVOURS);
  }

  #script(): ScriptDescription {
    const until = this.#last('until');
    const timeout = this.#last('timeout');
    return {
      until: until === undefined ? undefined : expressionOf(until),
      timeout: timeout === undefined ? undefined : timeoutOf(timeout),
    };
  }
}

function expressionOf(option: GivenOption): RegExp {
  if (option.argument === '') return refuseOf(option)('expects a regular expression');
  try {
    return new RegExp(option.argument!, 'mu');
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(': ').at(-1) : String(error);
    return refuseOf(option)(`no regular expression: ${reason}`);
  }
}

function timeoutOf(option: GivenOption): number {
  const seconds = /^\d+(\.\d+)?$/.test(option.argument!) ? Number(option.argument) : Number.NaN;
  if (!(seconds > 0 && seconds <= LONGEST_TIMEOUT)) {
    return refuseOf(option)(`expects seconds, more than 0 and at most ${LONGEST_TIMEOUT}`);
  }
  return Math.ceil(seconds * 1000);
}
