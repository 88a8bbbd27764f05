import type { DeviceModel, SystemTarget } from '../description.js';
import { COMPATIBILITY_LEVEL, PACKAGE } from '../version.js';
import { CHARACTER_DEVICE_KINDS } from './chardev-options.js';
import { mergeKeyValueLists } from './key-value.js';
import { ACCELERATORS } from './machine-options.js';
import { DEFAULT_MACHINE, machineTypes } from './machine-types.js';
import { OPTION_RULES } from './option-table.js';
import {
  type Availability,
  BACKEND_TYPES,
  DEVICE_PROPERTIES,
  TARGET_MODELS,
} from './tpm-options.js';

const DESCRIPTION = {
  pc: 'PC with i440FX memory map, no CPU',
  q35: 'PC with Q35 memory map, no CPU',
  virt: 'ARM virtual machine memory map, no CPU',
  pseries: 'PAPR logical partition, no CPU',
} as const;

const EMBEDDED_USAGE = `\
-tpmdev embedded,id=ID[,state=DIR]                      a TPM in this process (not in QEMU)
`;

/**
 * @param target instruction set of the machine
 * @param options the options in order
 * @param available what can be built; lists name nothing else
 * @returns the text that the command line asks for, or `undefined` when it asks for none
 */
export function helpAsked(
  target: SystemTarget,
  options: readonly { readonly name: string; readonly argument: string | undefined }[],
  available: Availability,
): string | undefined {
  for (const { name, argument = '' } of options) {
    if (name === 'h' || name === 'help') return usage(target, available);
    if (name === 'version') return versionText(target);
    const topic = mergeKeyValueLists([argument]);
    if (!topic.wantsHelp) continue;
    if (name === 'machine') return machineHelp(target);
    if (name === 'device') return deviceHelp(target, argument, available);
    if (name === 'tpmdev') return backendHelp(available);
    if (name === 'chardev') return list('Available chardev backend types:', CHARACTER_DEVICE_KINDS);
    if (name === 'accel') return list('Accelerators supported:', ACCELERATORS, '');
  }
  return undefined;
}

function list(title: string, items: readonly string[], indent = '  '): string {
  return `${[title, ...items.map((item) => `${indent}${item}`)].join('\n')}\n`;
}

function versionText(target: SystemTarget): string {
  return `tpm-system-${target}, ${PACKAGE}, compatible with QEMU ${COMPATIBILITY_LEVEL.join('.')}\n`;
}

function machineHelp(target: SystemTarget): string {
  const lines = machineTypes(target).map(({ name, family, aliasOf }) => {
    const alias = aliasOf === undefined ? '' : ` (alias of ${aliasOf})`;
    const isDefault = name === DEFAULT_MACHINE[target] ? ' (default)' : '';
    return `${name.padEnd(20)} ${DESCRIPTION[family]}${alias}${isDefault}`;
  });
  return list('Supported machines are:', lines, '');
}

function deviceHelp(target: SystemTarget, argument: string, available: Availability): string {
  const model = argument.split(',')[0] ?? '';
  const models = TARGET_MODELS[target];
  if (!models.includes(model as DeviceModel)) {
    const usable = models.filter((name) => available.devices.has(name));
    return list('TPM devices:', usable.map(nameOf));
  }
  const lines = DEVICE_PROPERTIES[model as DeviceModel].map(
    ({ name, type, text }) => `${`${name}=<${type}>`.padEnd(22)} - ${text}`,
  );
  return list(`${model} options:`, lines);
}

function nameOf(model: string): string {
  return `name "${model}"`;
}

function backendHelp(available: Availability): string {
  const usable = BACKEND_TYPES.filter(({ name }) => available.backends.has(name));
  const lines = usable.map(({ name, text }) => `${name.padStart(12)}   ${text}`);
  return list('Supported TPM types (choose only one):', lines, '');
}

function usage(target: SystemTarget, available: Availability): string {
  const embedded = available.backends.has('embedded') ? EMBEDDED_USAGE : '';
  const names = (use: string) =>
    [...OPTION_RULES]
      .filter(([, rule]) => rule.use === use)
      .map(([name]) => `-${name}`)
      .join(' ');
  return `${versionText(target)}usage: tpm-system-${target} [options]

A machine without a CPU that carries a TPM. It is driven over the qtest protocol.

-machine [type=]NAME[,acpi=on|off]                      the machine; help lists them
         [,x-oem-id=ID][,x-oem-table-id=ID]             who its ACPI tables are from
-chardev socket,id=ID,path=PATH[,server=on[,wait=off]]  a connection; also host=,port= or fd=
-tpmdev emulator,id=ID,chardev=ID[,data-chardev=ID]     a TPM served by swtpm
${embedded}-device MODEL,tpmdev=ID[,irq=N][,ppi=on|off]            the TPM device; help lists them
-qtest DEVICE, -qtest-log FILE                          server of the qtest protocol and its log
-qmp DEVICE, -monitor DEVICE                            monitor for programs, for people
-mon [chardev=]ID[,mode=control|readline][,pretty=on]   monitor on a character device
-m SIZE                                                 guest memory in MiB, or with k, M, G, T
-S                                                      start stopped
-no-reboot                                              end at a reset
-name NAME, -uuid UUID, -pidfile FILE                   identity
-debug                                                  show a stack trace when something fails

DEVICE is null, stdio, file:PATH, unix:PATH[,server=on][,wait=off] or tcp:HOST:PORT[,...].

Accepted without effect: ${names('ignored')}

Not supported: ${names('refused')}
`;
}
