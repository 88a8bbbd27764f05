// The members of v86 that this package uses. Only those of V86Emulator are documented by v86; its
// published build keeps the names of the others.

import { V86Error } from './error.js';

/** A `V86` object, as far as its documented interface is needed. */
export interface V86Emulator {
  add_listener(event: string, listener: (value: unknown) => void): void;
  stop(): Promise<void>;
  save_state(): Promise<ArrayBuffer>;
}

/** A file of v86's fw_cfg. */
export interface V86OptionRom {
  readonly name: string;
  readonly data: Uint8Array;
}

/** An I/O port of v86; its functions are called with the device as `this`. */
export interface V86Port {
  readonly device: unknown;
  readonly write16: (this: unknown, value: number) => void;
}

/** Reads a register. @returns the value; of 32 bits, signed or not */
export type V86Read = (address: number) => number;

/** Writes a register. Values of 32 bits are signed. */
export type V86Write = (address: number, value: number) => void;

/** v86's bus. */
export interface V86Io {
  readonly ports: V86Port[];
  mmap_register(
    base: number,
    size: number,
    read8: V86Read,
    write8: V86Write,
    read32: V86Read,
    write32: V86Write,
  ): void;
  register_read(
    port: number,
    device: object,
    read8: () => number,
    read16: () => number,
    read32: () => number,
  ): void;
  register_write(
    port: number,
    device: object,
    write8: (value: number) => void,
    write16: (value: number) => void,
    write32: (value: number) => void,
  ): void;
}

/** The fields of v86's saved state. */
export type V86State = unknown[];

/** v86's processor, which holds the machine together. */
export interface V86Cpu {
  readonly io: V86Io;
  readonly devices: { readonly acpi?: unknown };
  readonly memory_size: ArrayLike<number>;
  readonly option_roms: V86OptionRom[];
  /** What the selected fw_cfg item holds. */
  fw_value: ArrayLike<number>;
  device_raise_irq(line: number): void;
  device_lower_irq(line: number): void;
  read_blob(address: number, length: number): Uint8Array;
  write_blob(bytes: Uint8Array, address: number): void;
  /** Runs the guest for a while. @returns milliseconds until it wants to go on */
  main_loop(): number;
  reboot_internal(): void;
  get_state(): V86State;
  set_state(state: V86State): void;
}

const FUNCTIONS: readonly string[] = [
  'io.mmap_register',
  'io.register_read',
  'io.register_write',
  'device_raise_irq',
  'device_lower_irq',
  'read_blob',
  'write_blob',
  'main_loop',
  'reboot_internal',
  'get_state',
  'set_state',
];

const OBJECTS: readonly string[] = ['devices', 'memory_size', 'option_roms'];

/** Further members that the `'fw-cfg'` tables need. */
const FW_CFG_OBJECTS: readonly string[] = ['io.ports', 'fw_value'];

function memberOf(object: unknown, path: string): unknown {
  let member = object;
  for (const name of path.split('.')) {
    if (typeof member !== 'object' || member === null) return undefined;
    member = Reflect.get(member, name);
  }
  return member;
}

/** @returns whether the machine exists, so that its guest may run already */
export function isCreated(emulator: V86Emulator): boolean {
  return memberOf(emulator, 'v86.cpu.io') !== undefined;
}

/**
 * Checks that this v86 has what the TPM needs, which is no documented interface.
 *
 * @param emulator a `V86` object whose machine is created
 * @param withFwCfg whether fw_cfg is going to be replaced
 * @throws V86Error `ERR_V86_MEMBER` that names every missing member
 */
export function checkMembers(emulator: V86Emulator, withFwCfg: boolean): V86Cpu {
  const cpu = memberOf(emulator, 'v86.cpu');
  const isObject = (path: string): boolean => typeof memberOf(cpu, path) === 'object';
  const isFunction = (path: string): boolean => typeof memberOf(cpu, path) === 'function';
  const objects = withFwCfg ? [...OBJECTS, ...FW_CFG_OBJECTS] : OBJECTS;
  const missing = [
    ...FUNCTIONS.filter((path) => !isFunction(path)).map((path) => `${path}()`),
    ...objects.filter((path) => !isObject(path)),
  ];
  if (missing.length > 0) {
    const names = missing.map((path) => `v86.cpu.${path}`).join(', ');
    throw new V86Error(
      'ERR_V86_MEMBER',
      `Attaching the TPM failed: this v86 has no ${names}; use a version that this package is tested with, such as 0.5.462`,
    );
  }
  return cpu as V86Cpu;
}
