import type { MachineFamily, SystemTarget } from '../description.js';
import type { Refuse } from './chardev-options.js';
import { mergeKeyValueLists } from './key-value.js';
import { DEFAULT_MACHINE, findMachineType, type MachineType } from './machine-types.js';
import { parseBoolean, parseMemorySize } from './values.js';

/** Accelerators that QEMU knows. None makes a difference without a processor. */
export const ACCELERATORS: readonly string[] = [
  'qtest',
  'tcg',
  'kvm',
  'xen',
  'hax',
  'hvf',
  'nvmm',
  'whpx',
];

/** Guest memory when `-m` is absent, in bytes. */
export const DEFAULT_RAM_SIZE: Readonly<Record<SystemTarget, number>> = {
  x86_64: 128 * 2 ** 20,
  aarch64: 128 * 2 ** 20,
  ppc64: 512 * 2 ** 20,
};

/** QEMU: memory is rounded up to a multiple of this many bytes. */
const RAM_GRANULE = 8192;

/** Longest values of the identification fields of an ACPI table (ACPI 6.4, section 5.2.6). */
const OEM_LENGTHS: Readonly<Record<string, number>> = { 'x-oem-id': 6, 'x-oem-table-id': 8 };

/** Characters of the identification fields of an ACPI table. QEMU: takes any bytes. */
const OEM_CHARACTERS = /^[\x20-\x7e]*$/;

const COMMON_PROPERTIES: readonly string[] = [
  'accel',
  'dump-guest-core',
  'graphics',
  'kernel-irqchip',
  'mem-merge',
  'suppress-vmdesc',
  'usb',
];

/** Properties of a machine that has ACPI tables. */
const ACPI_PROPERTIES: readonly string[] = ['acpi', ...Object.keys(OEM_LENGTHS)];

/** Properties of each family besides the common ones. */
const FAMILY_PROPERTIES: Readonly<Record<MachineFamily, readonly string[]>> = {
  pc: [...ACPI_PROPERTIES, 'hpet', 'i8042', 'smm', 'vmport'],
  q35: [...ACPI_PROPERTIES, 'hpet', 'i8042', 'sata', 'smbus', 'smm', 'vmport'],
  virt: [
    ...ACPI_PROPERTIES,
    ...['gic-version', 'highmem', 'its', 'mte', 'ras', 'secure', 'virtualization'],
  ],
  pseries: [],
};

/** Properties that are `on` or `off` and nothing else. */
const BOOLEAN_PROPERTIES: readonly string[] = [
  'dump-guest-core',
  'graphics',
  'highmem',
  'hpet',
  'i8042',
  'its',
  'mem-merge',
  'mte',
  'ras',
  'sata',
  'secure',
  'smbus',
  'suppress-vmdesc',
  'usb',
  'virtualization',
];

/** Properties that are one of {@link AUTO_VALUES}. */
const AUTO_PROPERTIES: readonly string[] = ['acpi', 'smm', 'vmport'];

/** Values of a property that is not a plain boolean. QEMU: `yes`, `true` and so on are refused. */
const AUTO_VALUES: readonly string[] = ['on', 'off', 'auto'];

/**
 * Checks the arguments of all `-machine` options; a later value wins.
 *
 * @param target the machine's instruction set
 * @param givenArguments the arguments in order; empty when there is no such option
 * @param refuse raises the error
 * @returns the machine and its properties, `type` left out
 */
export function parseMachine(
  target: SystemTarget,
  givenArguments: readonly string[],
  refuse: Refuse,
): { readonly machine: MachineType; readonly properties: ReadonlyMap<string, string> } {
  const list = mergeKeyValueLists(givenArguments, 'type');
  const name = list.get('type') ?? DEFAULT_MACHINE[target];
  const hint = 'use -machine help to list supported machines';
  if (name === undefined) {
    return refuse(`No machine specified, and there is no default; ${hint}`);
  }
  const machine = findMachineType(target, name);
  if (machine === undefined) return refuse(`unsupported machine type '${name}'; ${hint}`);
  const properties = new Map(list.entries().filter(([key]) => key !== 'type'));
  for (const [key, value] of properties) checkProperty(machine, key, value, refuse);
  return { machine, properties };
}

function checkProperty(machine: MachineType, key: string, value: string, refuse: Refuse): void {
  if (!COMMON_PROPERTIES.includes(key) && !FAMILY_PROPERTIES[machine.family].includes(key)) {
    refuse(`Property '${machine.aliasOf ?? machine.name}-machine.${key}' not found`);
  }
  const longest = OEM_LENGTHS[key];
  if (longest !== undefined) checkOem(machine, key, value, longest, refuse);
  if (BOOLEAN_PROPERTIES.includes(key) && parseBoolean(value) === undefined) {
    refuse(`Parameter '${key}' expects 'on' or 'off'`);
  }
  if (AUTO_PROPERTIES.includes(key) && !AUTO_VALUES.includes(value)) {
    refuse(`Parameter '${key}' does not accept value '${value}'`);
  }
  if (key === 'accel') for (const name of value.split(':')) checkAccelerator(name, refuse);
}

function checkOem(
  machine: MachineType,
  key: string,
  value: string,
  longest: number,
  refuse: Refuse,
): void {
  if (new TextEncoder().encode(value).length > longest) {
    // QEMU: machine `virt` calls the properties by other names here.
    const name = machine.family === 'virt' ? key.replace(/^x-/, '') : key;
    refuse(`User specified ${name} value is bigger than ${longest} bytes in size`);
  }
  if (!OEM_CHARACTERS.test(value)) {
    refuse(`Parameter '${key}' expects printable ASCII characters, not '${value}'`);
  }
}

/** Checks the name of an accelerator. */
export function checkAccelerator(name: string, refuse: Refuse): void {
  if (!ACCELERATORS.includes(name)) {
    refuse(`invalid accelerator ${name}; known are: ${ACCELERATORS.join(', ')}`);
  }
}

/**
 * Checks the arguments of all `-m` options; a later value wins.
 *
 * @param target the machine's instruction set
 * @param givenArguments the arguments in order; empty when there is no such option
 * @param refuse raises the error
 * @returns guest memory in bytes
 */
export function parseMemory(
  target: SystemTarget,
  givenArguments: readonly string[],
  refuse: Refuse,
): number {
  const list = mergeKeyValueLists(givenArguments, 'size');
  for (const key of list.keys) {
    if (key === 'slots' || key === 'maxmem') {
      refuse(`Parameter '${key}' is not supported: this machine has no hot-pluggable memory`);
    }
    if (key !== 'size') refuse(`Invalid parameter '${key}'`);
  }
  const text = list.get('size');
  if (text === undefined || text === '') return DEFAULT_RAM_SIZE[target];
  const size = parseMemorySize(text);
  if (size === undefined) {
    return refuse(
      "Parameter 'size' expects a non-negative number below 2^53 bytes, " +
        'optionally followed by k, M, G, T or P; a bare number counts mebibytes',
    );
  }
  return size === 0 ? DEFAULT_RAM_SIZE[target] : Math.ceil(size / RAM_GRANULE) * RAM_GRANULE;
}
