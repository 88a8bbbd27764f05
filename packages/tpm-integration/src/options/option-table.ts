/**
 * What becomes of an option:
 *
 * - `used`: it says something about the machine
 * - `ignored`: it makes no difference to a machine without a processor
 * - `refused`: it asks for something that this machine doesn't have
 */
export type OptionUse = 'used' | 'ignored' | 'refused';

/** One option of QEMU's command line. */
export interface OptionRule {
  readonly use: OptionUse;
  /** Whether an argument follows. */
  readonly argument: boolean;
  /** The only arguments that can be ignored; any other one is refused. Absent: every one. */
  readonly only?: readonly string[];
  /** Why it is refused. */
  readonly reason?: string;
}

const NO_PROCESSOR = 'this machine has no CPU';
const NO_DISK = 'this machine has no disks';
const NO_DISPLAY = 'this machine has no display';
const NO_NETWORK = 'this machine has no network';
const NO_DEBUGGER = 'this machine has no CPU to debug';

function used(names: string, argument: boolean): [string, OptionRule][] {
  return names.split(' ').map((name) => [name, { use: 'used', argument }]);
}

function ignored(
  names: string,
  argument: boolean,
  only?: readonly string[],
  reason?: string,
): [string, OptionRule][] {
  const rule: OptionRule = {
    use: 'ignored',
    argument,
    ...(only === undefined ? {} : { only }),
    ...(reason === undefined ? {} : { reason }),
  };
  return names.split(' ').map((name) => [name, rule]);
}

function refused(names: string, argument: boolean, reason: string): [string, OptionRule][] {
  return names.split(' ').map((name) => [name, { use: 'refused', argument, reason }]);
}

/** Every option, by name. What is in no line is no option. */
export const OPTION_RULES: ReadonlyMap<string, OptionRule> = new Map([
  ...used('machine M device tpmdev chardev accel m name uuid pidfile', true),
  ...used('qtest qtest-log mon monitor qmp qmp-pretty incoming', true),
  ...used('S h help version no-reboot no-shutdown debug', false),

  ...ignored('cpu smp rtc boot k audiodev', true),
  ...ignored('nodefaults no-user-config nographic enable-kvm no-hpet no-fd-bootchk', false),
  ...ignored('usb snapshot', false),
  ...ignored('display', true, ['none'], `${NO_DISPLAY}; use -display none`),
  ...ignored('vga', true, ['none'], `${NO_DISPLAY}; use -vga none`),
  ...ignored('net nic', true, ['none'], `${NO_NETWORK}; use none`),
  ...ignored('audio', true, ['none'], 'this machine has no sound; use -audio none'),
  ...ignored('serial parallel', true, ['none', 'null'], 'this machine has no such port; use none'),

  ...refused('kernel initrd append dtb bios pflash option-rom', true, NO_PROCESSOR),
  ...refused('icount plugin fw_cfg smbios acpitable numa', true, NO_PROCESSOR),
  ...refused('singlestep preconfig', false, NO_PROCESSOR),
  ...refused('drive blockdev cdrom hda hdb hdc hdd fda fdb sd mtdblock', true, NO_DISK),
  ...refused('fsdev virtfs iscsi', true, NO_DISK),
  ...refused('netdev', true, NO_NETWORK),
  ...refused('vnc spice', true, NO_DISPLAY),
  ...refused('full-screen', false, NO_DISPLAY),
  ...refused('gdb', true, NO_DEBUGGER),
  ...refused('s', false, NO_DEBUGGER),
  ...refused('usbdevice', true, 'this machine has no USB'),
  ...refused('daemonize', false, 'start the program in the background instead'),
  ...refused('runas chroot sandbox', true, 'restrict the process from outside instead'),
  ...refused('global set', true, 'give the property to -device'),
  ...refused('object readconfig loadvm mem-path', true, 'not available in this version'),
  ...refused('trace D d msg', true, 'not available in this version'),
  ...refused('no-acpi', false, 'use -machine acpi=off'),
]);
