import type {
  V86Emulator,
  V86OptionRom,
  V86Read,
  V86State,
  V86Write,
} from '../../src/v86-members.js';

/** Registers as v86 has them mapped. */
interface Mapping {
  readonly base: number;
  readonly size: number;
  readonly read8: V86Read;
  readonly write8: V86Write;
  readonly read32: V86Read;
  readonly write32: V86Write;
}

type PortAccess = (value: number) => number | undefined;

/** A machine without a processor that has the members of v86 that a TPM needs, and logs. */
export class ScriptedCpu {
  readonly log: string[] = [];
  readonly memory: Uint8Array;
  readonly memory_size: number[];
  readonly devices: { acpi?: object } = { acpi: {} };
  readonly option_roms: V86OptionRom[] = [{ name: 'genroms/kernel.bin', data: Uint8Array.of(7) }];
  fw_value: ArrayLike<number> = [];
  mapping: Mapping | undefined;
  readonly portReads: Map<number, (() => number)[]> = new Map();
  readonly portWrites: Map<number, ((value: number) => void)[]> = new Map();
  readonly io: object;

  constructor(memory: number) {
    this.memory = new Uint8Array(memory);
    this.memory_size = [memory];
    const select: PortAccess = (key) => {
      this.fw_value = key === 3 ? [0, 0, memory >>> 16, 0, 0, 0, 0, 0] : [key, 0];
      return undefined;
    };
    this.io = {
      ports: Array.from({ length: 0x1_0000 }, (_, number) => ({
        number,
        device: this,
        write16: select,
      })),
      mmap_register: (
        base: number,
        size: number,
        ...access: [V86Read, V86Write, V86Read, V86Write]
      ) => {
        const [read8, write8, read32, write32] = access;
        this.mapping = { base, size, read8, write8, read32, write32 };
      },
      register_read: (port: number, _device: object, ...reads: (() => number)[]) =>
        this.portReads.set(port, reads),
      register_write: (port: number, _device: object, ...writes: ((value: number) => void)[]) =>
        this.portWrites.set(port, writes),
    };
  }

  device_raise_irq(line: number): void {
    this.log.push(`raise ${line}`);
  }

  device_lower_irq(line: number): void {
    this.log.push(`lower ${line}`);
  }

  read_blob(address: number, length: number): Uint8Array {
    return this.memory.subarray(address, address + length);
  }

  write_blob(bytes: Uint8Array, address: number): void {
    this.memory.set(bytes, address);
  }

  main_loop = (): number => {
    this.log.push('run');
    return 0;
  };

  reboot_internal(): void {
    this.log.push('reboot');
  }

  get_state(): V86State {
    return ['machine'];
  }

  set_state(state: V86State): void {
    this.log.push(`set_state ${String(state[0])}`);
  }
}

/** A `V86` object whose machine is created when the test says so. */
export class ScriptedV86 implements V86Emulator {
  v86: { cpu: ScriptedCpu } | undefined;
  stops = 0;
  readonly #listeners: Map<string, ((value: unknown) => void)[]> = new Map();

  add_listener(event: string, listener: (value: unknown) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  async stop(): Promise<void> {
    this.stops++;
  }

  /** Through a buffer, as v86 does. */
  async save_state(): Promise<ArrayBuffer> {
    const state = this.v86!.cpu.get_state();
    this.saved = structuredClone(state);
    return new ArrayBuffer(state.length);
  }

  /** The state that was saved last. */
  saved: V86State | undefined;

  send(event: string): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(undefined);
  }

  /** Creates the machine, and starts it, in one go. */
  create(cpu: ScriptedCpu = new ScriptedCpu(4 * 2 ** 20)): ScriptedCpu {
    this.v86 = { cpu };
    this.send('emulator-ready');
    this.send('emulator-started');
    return cpu;
  }
}
