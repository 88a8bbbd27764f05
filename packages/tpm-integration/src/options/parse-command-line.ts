import type {
  BackendDefinition,
  CharacterDevice,
  DeviceDefinition,
  MachineDescription,
  MonitorDefinition,
  SystemTarget,
} from '../description.js';
import { parseCharacterDeviceText, parseChardev, type Refuse } from './chardev-options.js';
import { helpAsked } from './help.js';
import { parseKeyValueList } from './key-value.js';
import { checkAccelerator, parseMachine, parseMemory } from './machine-options.js';
import { defaultPpi, type MachineType } from './machine-types.js';
import { OptionError } from './option-error.js';
import { OPTION_RULES } from './option-table.js';
import { type GivenOption, type OptionGrammar, refuseOf, scanOptions } from './scan-options.js';
import {
  type Availability,
  checkAvailability,
  checkBackendChardevs,
  deviceArgument,
  parseDevice,
  parseTpmdev,
} from './tpm-options.js';
import { parseBoolean } from './values.js';

/** What a command line asks for. */
export type CommandLine =
  /** Print a text on standard output and end with success. */
  | { readonly kind: 'print'; readonly text: string }
  /** Run a machine. */
  | { readonly kind: 'run'; readonly description: MachineDescription };

/** Id that a monitor's character device gets when the option names none. */
const MONITOR_ID = 'compat_monitor';

/** How `-qmp` and `-monitor` begin when they name a `-chardev`. */
const NAMED = 'chardev:';

/** Id of the qtest server's character device. */
const QTEST_ID = 'qtest';

/**
 * Reads a command line in QEMU's grammar. Nothing is opened, nothing is created.
 *
 * @param target instruction set of the machine
 * @param words the arguments, without the program's name
 * @param available what can be built
 * @throws OptionError with one line that names the option and the way out
 */
export function parseCommandLine(
  target: SystemTarget,
  words: readonly string[],
  available: Availability,
): CommandLine {
  const options = scanOptions(words, GRAMMAR);
  const help = helpAsked(target, options, available);
  if (help !== undefined) return { kind: 'print', text: help };
  return { kind: 'run', description: new DescriptionReader(target, options, available).read() };
}

/** The grammar of `tpm-system`. */
const GRAMMAR: OptionGrammar = {
  rules: OPTION_RULES,
  aliases: new Map([['M', 'machine']]),
  bareWord(word) {
    throw new OptionError(`${word}: this machine has no disks; a disk image is not supported`);
  },
};

/** Turns scanned options into a description, in the order in which QEMU looks at them. */
class DescriptionReader {
  readonly #target: SystemTarget;
  readonly #options: readonly GivenOption[];
  readonly #available: Availability;
  readonly #chardevs: Map<string, CharacterDevice> = new Map();
  /** Character devices that have an owner, by id. */
  readonly #owned: Set<string> = new Set();

  constructor(target: SystemTarget, options: readonly GivenOption[], available: Availability) {
    this.#target = target;
    this.#available = available;
    this.#options = options;
  }

  read(): MachineDescription {
    const { machine, properties } = this.#machine();
    const ramSize = parseMemory(this.#target, this.#arguments('m'), this.#refuseLast('m'));
    for (const option of this.#all('accel')) {
      const list = parseKeyValueList(option.argument!, 'accel');
      checkAccelerator(list.get('accel') ?? '', refuseOf(option));
    }
    for (const option of this.#all('chardev')) this.#chardev(option);
    const backend = this.#backend();
    const device = this.#device(machine, backend);
    const qtest = this.#qtest();
    const monitors = this.#monitors();
    this.#checkStandardStreams();
    this.#checkIncoming();
    const qtestLog = this.#last('qtest-log')?.argument;
    const pidFile = this.#last('pidfile')?.argument;
    return {
      target: this.#target,
      family: machine.family,
      machineName: machine.aliasOf ?? machine.name,
      machineOptions: properties,
      ramSize,
      chardevs: this.#chardevs,
      monitors,
      startPaused: this.#last('S') !== undefined,
      exitOnReset: this.#last('no-reboot') !== undefined,
      stayOnShutdown: this.#last('no-shutdown') !== undefined,
      ...this.#identity(),
      ...(device === undefined ? {} : { device }),
      ...(backend === undefined ? {} : { backend }),
      ...(qtest === undefined ? {} : { qtest }),
      ...(qtestLog === undefined ? {} : { qtestLog }),
      ...(pidFile === undefined ? {} : { pidFile }),
    };
  }

  #all(name: string): readonly GivenOption[] {
    return this.#options.filter((option) => option.name === name);
  }

  #last(name: string): GivenOption | undefined {
    return this.#all(name).at(-1);
  }

  #arguments(name: string): readonly string[] {
    return this.#all(name).map((option) => option.argument ?? '');
  }

  #refuseLast(name: string): Refuse {
    const option = this.#last(name);
    if (option !== undefined) return refuseOf(option);
    return (message) => {
      throw new OptionError(message);
    };
  }

  #machine(): { machine: MachineType; properties: ReadonlyMap<string, string> } {
    const given = this.#arguments('machine');
    const parsed = parseMachine(this.#target, given, this.#refuseLast('machine'));
    const accel = this.#last('accel');
    if (accel !== undefined && parsed.properties.has('accel')) {
      refuseOf(accel)('The -accel and "-machine accel=" options are incompatible; leave one out');
    }
    return parsed;
  }

  #chardev(option: GivenOption): void {
    const refuse = refuseOf(option);
    const { id, device } = parseChardev(option.argument!, refuse);
    this.#addChardev(id, device, refuse);
  }

  #addChardev(id: string, device: CharacterDevice, refuse: Refuse): void {
    if (this.#chardevs.has(id)) refuse(`Duplicate ID '${id}' for chardev`);
    this.#chardevs.set(id, device);
  }

  #claim(id: string, refuse: Refuse): string {
    if (this.#owned.has(id)) refuse(`Device '${id}' is in use`);
    this.#owned.add(id);
    return id;
  }

  #backend(): BackendDefinition | undefined {
    let backend: BackendDefinition | undefined;
    let owner: GivenOption | undefined;
    for (const option of this.#all('tpmdev')) {
      const refuse = refuseOf(option);
      const next = parseTpmdev(option.argument!, refuse);
      if (backend?.id === next.id) refuse(`Duplicate ID '${next.id}' for tpmdev`);
      if (backend !== undefined) refuse('Only one TPM is allowed.');
      backend = next;
      owner = option;
    }
    if (backend === undefined || owner === undefined) return undefined;
    const refuse = refuseOf(owner);
    checkBackendChardevs(backend, this.#chardevs, refuse);
    if (backend.type === 'emulator') {
      this.#claim(backend.chardev, refuse);
      if (backend.dataChardev !== undefined) this.#claim(backend.dataChardev, refuse);
    }
    return backend;
  }

  #device(
    machine: MachineType,
    backend: BackendDefinition | undefined,
  ): DeviceDefinition | undefined {
    const earlier: DeviceDefinition[] = [];
    for (const option of this.#all('device')) {
      const refuse = refuseOf(option);
      const context = {
        target: this.#target,
        defaultPpi: defaultPpi(machine),
        backend,
        earlier,
      };
      earlier.push(parseDevice(deviceArgument(option.argument!, refuse), context, refuse));
    }
    checkAvailability(this.#available, earlier[0], backend, (option, message) =>
      this.#refuseLast(option)(message),
    );
    return earlier[0];
  }

  #qtest(): string | undefined {
    const option = this.#last('qtest');
    if (option === undefined) return undefined;
    const refuse = refuseOf(option);
    this.#addChardev(QTEST_ID, parseCharacterDeviceText(option.argument!, refuse), refuse);
    return this.#claim(QTEST_ID, refuse);
  }

  #monitors(): MonitorDefinition[] {
    const monitors: MonitorDefinition[] = [];
    let count = 0;
    for (const option of this.#options) {
      const refuse = refuseOf(option);
      if (option.name === 'mon') monitors.push(this.#namedMonitor(option, refuse));
      const isQmp = option.name === 'qmp' || option.name === 'qmp-pretty';
      if (!isQmp && option.name !== 'monitor') continue;
      if (!isQmp && option.argument === 'none') continue;
      monitors.push({
        mode: isQmp ? 'control' : 'readline',
        chardev: this.#monitorChardev(option.argument!, count++, refuse),
        pretty: option.name === 'qmp-pretty',
      });
    }
    return monitors;
  }

  /** @returns the id of the device that `-qmp` or `-monitor` names or describes */
  #monitorChardev(text: string, index: number, refuse: Refuse): string {
    if (text.startsWith(NAMED)) {
      const id = text.slice(NAMED.length);
      if (!this.#chardevs.has(id)) refuse(`chardev "${id}" not found`);
      return this.#claim(id, refuse);
    }
    const id = `${MONITOR_ID}${index}`;
    this.#addChardev(id, parseCharacterDeviceText(text, refuse), refuse);
    return this.#claim(id, refuse);
  }

  #namedMonitor(option: GivenOption, refuse: Refuse): MonitorDefinition {
    const list = parseKeyValueList(option.argument!, 'chardev');
    for (const key of list.keys) {
      if (!['chardev', 'mode', 'pretty', 'id'].includes(key)) refuse(`Invalid parameter '${key}'`);
    }
    const chardev = list.get('chardev');
    if (chardev === undefined) return refuse("Parameter 'chardev' is missing");
    if (!this.#chardevs.has(chardev)) return refuse(`chardev "${chardev}" not found`);
    const mode = list.get('mode') ?? 'readline';
    if (mode !== 'control' && mode !== 'readline') {
      return refuse(`Parameter 'mode' does not accept value '${mode}'; use control or readline`);
    }
    const pretty = parseBoolean(list.get('pretty') ?? 'off');
    if (pretty === undefined) return refuse("Parameter 'pretty' expects 'on' or 'off'");
    if (pretty && mode === 'readline') {
      return refuse("'pretty' is not compatible with HMP monitors");
    }
    return { mode, chardev: this.#claim(chardev, refuse), pretty };
  }

  #checkStandardStreams(): void {
    const users = [...this.#chardevs].filter(([, device]) => device.kind === 'stdio');
    if (users.length > 1) {
      throw new OptionError(
        `cannot use stdio by multiple character devices: ${users.map(([id]) => id).join(', ')}`,
      );
    }
  }

  #checkIncoming(): void {
    const option = this.#last('incoming');
    if (option !== undefined) {
      refuseOf(option)('loading a state is not available in this version');
    }
  }

  #identity(): { guestName?: string; uuid?: string } {
    const name = this.#last('name');
    const uuid = this.#last('uuid');
    const list = parseKeyValueList(name?.argument ?? '', 'guest');
    for (const key of list.keys) {
      if (name !== undefined && !['guest', 'process', 'debug-threads'].includes(key)) {
        refuseOf(name)(`Invalid parameter '${key}'`);
      }
    }
    const guestName = list.get('guest');
    const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
    if (uuid !== undefined && !isUuid.test(uuid.argument!)) {
      refuseOf(uuid)('failed to parse UUID string: wrong format; expected 8-4-4-4-12 digits');
    }
    return {
      ...(guestName === undefined ? {} : { guestName }),
      ...(uuid === undefined ? {} : { uuid: uuid.argument!.toLowerCase() }),
    };
  }
}
