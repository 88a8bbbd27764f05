import type { MachineFamily, SystemTarget } from '../description.js';

/** A machine name that `-machine` accepts. */
export interface MachineType {
  readonly name: string;
  readonly family: MachineFamily;
  /** Version as `[major, minor]`. */
  readonly version: readonly [number, number];
  /** The versioned name that this name stands for. */
  readonly aliasOf?: string;
}

/** Newest machine version known: that of the compatibility level, QEMU 7.2. */
export const NEWEST_VERSION = '7.2';

const RECENT =
  '7.2 7.1 7.0 6.2 6.1 6.0 5.2 5.1 5.0 4.2 4.1 4.0 3.1 3.0 2.12 2.11 2.10 2.9 2.8 2.7 2.6';

/** Versions of each family, newest first, in the words that follow the family's prefix. */
const VERSIONS: Readonly<Record<MachineFamily, readonly string[]>> = {
  pc: words(`${RECENT} 2.5 2.4 2.3 2.2 2.1 2.0 1.7 1.6 1.5 1.4`),
  q35: words(`${RECENT} 4.0.1 2.5 2.4`),
  virt: words(`${RECENT}`),
  pseries: words(`${RECENT} 2.12-sxxm 2.5 2.4 2.3 2.2 2.1`),
};

/** What precedes the version in a machine's full name. */
const PREFIX: Readonly<Record<MachineFamily, string>> = {
  pc: 'pc-i440fx',
  q35: 'pc-q35',
  virt: 'virt',
  pseries: 'pseries',
};

const FAMILIES: Readonly<Record<SystemTarget, readonly MachineFamily[]>> = {
  x86_64: ['pc', 'q35'],
  aarch64: ['virt'],
  ppc64: ['pseries'],
};

/** Machine of a target when the command line names none. QEMU: `virt` has to be named. */
export const DEFAULT_MACHINE: Readonly<Record<SystemTarget, string | undefined>> = {
  x86_64: 'pc',
  aarch64: undefined,
  ppc64: 'pseries',
};

function words(text: string): readonly string[] {
  return text.split(' ');
}

function versionOf(word: string): readonly [number, number] {
  const [major, minor] = word.split(/[.-]/);
  return [Number(major), Number(minor)];
}

/** @returns every machine name of a target, the unversioned names first in their family */
export function machineTypes(target: SystemTarget): readonly MachineType[] {
  return FAMILIES[target].flatMap((family) => {
    const newest = `${PREFIX[family]}-${NEWEST_VERSION}`;
    const versioned = VERSIONS[family].map((word) => ({
      name: `${PREFIX[family]}-${word}`,
      family,
      version: versionOf(word),
    }));
    return [
      { name: family, family, version: versionOf(NEWEST_VERSION), aliasOf: newest },
      ...versioned,
    ];
  });
}

/** @returns the machine of that name, or `undefined` when the target has none */
export function findMachineType(target: SystemTarget, name: string): MachineType | undefined {
  return machineTypes(target).find((machine) => machine.name === name);
}

/**
 * Whether a device maps the physical presence interface when `ppi` is not given.
 *
 * QEMU: off for machine versions up to 3.1, which predate the interface.
 */
export function defaultPpi(machine: MachineType): boolean {
  return machine.version[0] >= 4;
}
