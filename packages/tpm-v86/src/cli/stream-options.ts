import {
  type CharacterDevice,
  type GivenOption,
  type MonitorDefinition,
  parseCharacterDeviceText,
  parseChardev,
  parseKeyValueList,
  type Refuse,
  refuseOf,
} from 'tpm-integration/options';
import type { ViewName } from './description.js';

/** What the options say about serial port, monitors and terminal. */
export interface Streams {
  /** What is on the terminal, first the one that is seen at the start. */
  readonly views: readonly ViewName[];
  /** Id of the character device at the serial port when that isn't the terminal. */
  readonly serialChardev: string | undefined;
  /** Monitors that aren't on the terminal. */
  readonly monitors: readonly MonitorDefinition[];
}

/** Reads `-chardev`, `-serial`, `-monitor`, `-mon` and `-qmp`, and who has the terminal. */
export class StreamOptions {
  /** Character devices by id. */
  readonly chardevs: Map<string, CharacterDevice> = new Map();
  readonly #options: readonly GivenOption[];
  readonly #owned: Set<string> = new Set();
  readonly #monitors: MonitorDefinition[] = [];
  /** Options that want the terminal for the serial port and for the monitor. */
  #serialView: GivenOption | undefined;
  #monitorView: GivenOption | undefined;
  #serialChardev: string | undefined;
  /** Whether the serial port and the monitor share the terminal. */
  #isShared = false;

  /** @throws OptionError for a `-chardev` that can't be used */
  constructor(options: readonly GivenOption[]) {
    this.#options = options;
    for (const option of this.#all('chardev')) {
      const refuse = refuseOf(option);
      const { id, device } = parseChardev(option.argument!, refuse);
      if (device.kind === 'stdio') {
        refuse('the terminal is for -serial and -monitor; use -serial mon:stdio');
      }
      this.#addChardev(id, device, refuse);
    }
  }

  /**
   * @param hasScreen whether the guest's screen is on the terminal
   * @throws OptionError when an option can't be used
   */
  read(hasScreen: boolean): Streams {
    this.#serial();
    for (const option of this.#options) this.#monitor(option);
    return {
      views: this.#views(hasScreen),
      serialChardev: this.#serialChardev,
      monitors: this.#monitors,
    };
  }

  #all(name: string): readonly GivenOption[] {
    return this.#options.filter((option) => option.name === name);
  }

  #has(name: string): boolean {
    return this.#options.some((option) => option.name === name);
  }

  #addChardev(id: string, device: CharacterDevice, refuse: Refuse): string {
    if (this.chardevs.has(id)) refuse(`Duplicate ID '${id}' for chardev`);
    this.chardevs.set(id, device);
    return id;
  }

  /**
   * Gives a character device to one user.
   *
   * @returns its id
   * @throws OptionError by `refuse` when it has a user already
   */
  claim(id: string, refuse: Refuse): string {
    if (this.#owned.has(id)) refuse(`Device '${id}' is in use`);
    this.#owned.add(id);
    return id;
  }

  #serial(): void {
    const [option, second] = this.#all('serial');
    if (second !== undefined) refuseOf(second)('this machine has one serial port');
    if (option === undefined) {
      // QEMU: with -nographic the serial port and the monitor share the terminal. Here that is
      // also what happens when nothing is said about a display.
      if (this.#has('display')) return;
      this.#isShared = !this.#has('monitor');
      this.#serialView = { name: 'serial', spelled: 'nographic', argument: undefined };
      return;
    }
    const refuse = refuseOf(option);
    const text = option.argument!;
    if (text === 'none') return;
    this.#isShared = text === 'mon:stdio';
    if (text === 'stdio' || text === 'mon:stdio') {
      this.#serialView = option;
    } else if (text.startsWith('chardev:')) {
      const id = text.slice('chardev:'.length);
      if (!this.chardevs.has(id)) refuse(`chardev "${id}" not found`);
      this.#serialChardev = this.claim(id, refuse);
    } else {
      const device = parseCharacterDeviceText(text, refuse);
      this.#serialChardev = this.claim(this.#addChardev('serial0', device, refuse), refuse);
    }
  }

  #monitor(option: GivenOption): void {
    const isQmp = option.name === 'qmp' || option.name === 'qmp-pretty';
    if (!isQmp && option.name !== 'monitor' && option.name !== 'mon') return;
    const refuse = refuseOf(option);
    const text = option.argument!;
    if (option.name === 'mon') {
      this.#monitors.push(this.#namedMonitor(text, refuse));
      return;
    }
    if (text === 'none') return;
    if (text === 'stdio') {
      if (isQmp)
        refuse(
          'a monitor for programs needs a stream of its own; use unix:PATH,server=on,wait=off',
        );
      if (this.#monitorView !== undefined) refuse('the terminal is taken by another monitor');
      this.#monitorView = option;
      return;
    }
    const id = `compat_monitor${this.#monitors.length}`;
    this.#addChardev(id, parseCharacterDeviceText(text, refuse), refuse);
    this.#monitors.push({
      mode: isQmp ? 'control' : 'readline',
      chardev: this.claim(id, refuse),
      pretty: option.name === 'qmp-pretty',
    });
  }

  #namedMonitor(text: string, refuse: Refuse): MonitorDefinition {
    const list = parseKeyValueList(text, 'chardev');
    const mode = list.get('mode') ?? 'readline';
    if (mode !== 'readline' && mode !== 'control') {
      return refuse(`Parameter 'mode' does not accept value '${mode}'; use control or readline`);
    }
    const chardev = list.get('chardev') ?? refuse("Parameter 'chardev' is missing");
    if (!this.chardevs.has(chardev)) refuse(`chardev "${chardev}" not found`);
    return { mode, chardev: this.claim(chardev, refuse), pretty: false };
  }

  #views(hasScreen: boolean): readonly ViewName[] {
    const monitor = this.#monitorView;
    if (monitor !== undefined && this.#serialView?.name === 'serial' && !this.#isShared) {
      if (this.#serialView.spelled === 'serial') {
        refuseOf(monitor)('cannot use stdio by multiple character devices; use -serial mon:stdio');
      }
      // -nographic -monitor stdio: the monitor has the terminal, as asked for.
      this.#serialView = undefined;
    }
    const hasMonitor =
      monitor !== undefined || this.#isShared || (hasScreen && !this.#has('monitor'));
    const views: ViewName[] = [];
    if (hasScreen) views.push('screen');
    if (this.#serialView !== undefined) views.push('serial');
    if (hasMonitor) views.push('monitor');
    return views;
  }
}
