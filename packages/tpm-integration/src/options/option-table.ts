import { ignored, type OptionRules, refused, used } from './option-rules.js';

const NO_PROCESSOR = 'this machine has no CPU';
const NO_DISK = 'this machine has no disks';
const NO_DISPLAY = 'this machine has no display';
const NO_NETWORK = 'this machine has no network';
const NO_DEBUGGER = 'this machine has no CPU to debug';

/** Every option, by name. What is in no line is no option. */
export const OPTION_RULES: OptionRules = new Map([
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
