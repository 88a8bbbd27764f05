import type { Emulator, EmulatorCpu, EmulatorOptions } from '../../src/cli/emulator.js';

/** A machine without a processor: the test says what its guest does. */
export class ScriptedEmulator implements Emulator {
  readonly options: EmulatorOptions;
  readonly memory: Uint8Array;
  /** What the guest received. */
  readonly received: number[] = [];
  readonly keys: number[] = [];
  readonly calls: string[] = [];
  rows: string[] = [];
  readonly cpu: EmulatorCpu;
  readonly #listeners: Map<string, ((value: unknown) => void)[]> = new Map();

  constructor(options: EmulatorOptions) {
    this.options = options;
    this.memory = new Uint8Array(options.memory_size);
    const ports: EmulatorCpu['io']['ports'] = [];
    ports[0xb004] = { write16: () => this.calls.push('pm1') };
    this.cpu = {
      option_roms: [],
      io: { ports },
      reboot_internal: () => this.calls.push('reboot'),
      read_blob: (address, length) => this.memory.subarray(address, address + length),
      write_blob: (bytes, address) => this.memory.set(bytes, address),
    };
  }

  get v86(): { readonly cpu: EmulatorCpu } {
    return { cpu: this.cpu };
  }

  get screen_adapter(): { get_text_screen(): string[] } {
    return { get_text_screen: () => this.rows };
  }

  add_listener(event: string, listener: (value: unknown) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  emit(event: string, value?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }

  /** Lets the guest write to its serial port. */
  print(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.emit('serial0-output-byte', byte);
  }

  serial_send_bytes(_port: number, bytes: Uint8Array): void {
    this.received.push(...bytes);
  }

  async keyboard_send_scancodes(codes: readonly number[]): Promise<void> {
    this.keys.push(...codes);
  }

  async run(): Promise<void> {
    this.calls.push('run');
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }

  restart(): void {
    this.calls.push('restart');
    this.cpu.reboot_internal();
  }

  async destroy(): Promise<void> {
    this.calls.push('destroy');
  }

  async save_state(): Promise<ArrayBuffer> {
    return new ArrayBuffer(0);
  }
}
