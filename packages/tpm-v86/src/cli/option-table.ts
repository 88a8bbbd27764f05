import { ignored, type OptionRule, type OptionRules, refused, used } from 'tpm-integration/options';

function own(names: string, argument: boolean): [string, OptionRule][] {
  return names.split(' ').map((name) => [name, { use: 'used', argument, own: true }]);
}

const NO_NETWORK = 'this machine has no network';
const NO_SOUND = 'this machine has no sound';
const NO_WINDOW = 'this machine shows itself on the terminal; use -display curses or -nographic';
const OTHER_CPU = "v86's processor can't be chosen";

/** Every option of `tpm-v86`, by name. What is in no line is no option. */
export const V86_OPTION_RULES: OptionRules = new Map([
  ...used('machine M device tpmdev chardev m name uuid accel', true),
  ...used('bios L boot kernel initrd append cdrom hda hdb fda fdb drive fw_cfg', true),
  ...used('display serial mon monitor qmp qmp-pretty D', true),
  ...used('nographic S no-reboot no-shutdown h help version', false),

  ...own('guest tables event-log vga-bios until timeout', true),
  ...own('trace confirm-ppi debug', false),

  ...ignored('rtc k', true),
  ...ignored('nodefaults no-user-config no-hpet no-fd-bootchk snapshot', false),
  ...ignored('smp', true, ['1', 'cpus=1'], 'this machine has one processor'),
  ...ignored('vga', true, ['std'], 'this machine has a standard VGA card; use -vga std'),
  ...ignored('net nic', true, ['none'], `${NO_NETWORK}; use none`),
  ...ignored('audio', true, ['none'], `${NO_SOUND}; use -audio none`),
  ...ignored('parallel', true, ['none', 'null'], "v86's parallel port leads nowhere; use none"),

  ...refused('cpu icount numa', true, OTHER_CPU),
  ...refused('enable-kvm', false, OTHER_CPU),
  ...refused('hdc hdd blockdev sd mtdblock pflash fsdev virtfs', true, 'use -hda, -hdb or -cdrom'),
  ...refused('dtb option-rom smbios acpitable', true, 'not available in this version'),
  ...refused('netdev', true, NO_NETWORK),
  ...refused('audiodev', true, NO_SOUND),
  ...refused('vnc spice', true, NO_WINDOW),
  ...refused('full-screen curses', false, NO_WINDOW),
  ...refused('gdb', true, 'v86 has no debugger for guests'),
  ...refused('s', false, 'v86 has no debugger for guests'),
  ...refused('usb', false, 'this machine has no USB'),
  ...refused('usbdevice', true, 'this machine has no USB'),
  ...refused('daemonize', false, 'start the program in the background instead'),
  ...refused('qtest qtest-log', true, 'use tpm-system-x86_64, the machine without a processor'),
  ...refused('global set', true, 'give the property to -device'),
  ...refused('object readconfig loadvm incoming pidfile', true, 'not available in this version'),
  ...refused('d msg', true, 'use --trace for the traffic with the TPM'),
]);
