import { V86_OPTION_RULES } from './option-table.js';
import { VERSION } from './version.js';

/** @returns the text of `-version` */
export function versionText(): string {
  return `tpm-v86 ${VERSION}\n`;
}

/** @returns the text of `-help` */
export function helpText(): string {
  const names = (use: string) =>
    [...V86_OPTION_RULES]
      .filter(([, rule]) => rule.use === use)
      .map(([name]) => `-${name}`)
      .join(' ');
  return `${versionText()}usage: tpm-v86 [options] [disk image]

A PC in v86 with a TPM, on the terminal. Options are QEMU's unless they begin with two dashes.

TPM
-device tpm-tis|tpm-crb,tpmdev=ID[,irq=N][,ppi=on|off]  the device
-tpmdev embedded,id=ID[,state=DIR]                      a TPM in this process (not in QEMU)
-tpmdev emulator,id=ID,chardev=ID                       a TPM served by swtpm
-chardev socket,id=ID,path=PATH                         where swtpm is; also host=,port=
--tables overlay|fw-cfg     tables beside firmware's own (default), or all of them by fw_cfg
--event-log mmio|ram        where the event log is with overlay tables (default mmio)
--confirm-ppi               consent to what the guest asks by physical presence interface
--trace                     show the traffic with the TPM, decoded, on standard error
-D FILE                     write the trace to a file

Machine
-bios FILE, --vga-bios FILE, -L DIR   firmware (SeaBIOS) and where it is looked for
-m SIZE                               memory in MiB, or with k, M, G (default 256)
-kernel FILE, -initrd FILE, -append TEXT   a 32-bit Linux
-cdrom FILE, -hda FILE, -hdb FILE, -fda FILE, -fdb FILE
-drive file=FILE[,media=cdrom][,if=floppy][,index=N]
                                      images; what a guest writes is gone at the end
-boot [order=]acd[,menu=on][,splash-time=MS]
-fw_cfg [name=]NAME,file=FILE|string=TEXT  a file for firmware
--guest minimal|tools|cd              an image that the tpmdev repository builds
-S, -no-reboot, -name NAME, -uuid UUID

Terminal
-nographic                  serial port and monitor; firmware uses the serial port too (default,
                            apart from the last)
-display curses|none        the VGA screen as text, or nothing
-serial stdio|mon:stdio|none|DEVICE, -monitor stdio|none|DEVICE, -qmp DEVICE
                            DEVICE is null, file:PATH, unix:PATH[,server=on][,wait=off],
                            tcp:HOST:PORT[,...] or chardev:ID
Ctrl-A X leaves, Ctrl-A C changes between screen, serial port and monitor, Ctrl-A H is help.

Scripts
--until REGEXP              end with 0 when the guest's serial port or screen shows it
--timeout SECONDS           end with 1 after that time
--debug                     show a stack trace when something fails

Accepted without effect: ${names('ignored')}

Not supported: ${names('refused')}
`;
}
