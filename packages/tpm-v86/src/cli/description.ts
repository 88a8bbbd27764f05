import type { MachineDescription } from 'tpm-integration/options';

/** Guest images that this repository builds. */
export type GuestFlavour = 'minimal' | 'tools' | 'cd';

/** Places for a disk image. */
export type DriveSlot = 'cdrom' | 'hda' | 'hdb' | 'fda' | 'fdb';

/** Where the content of a fw_cfg file comes from. */
export type FwCfgSource = { readonly path: string } | { readonly text: string };

/** What `-boot` says. */
export interface BootDescription {
  /** QEMU's letters: `a` floppy, `c` hard disk, `d` CD-ROM; in order of preference. */
  readonly order: string | undefined;
  readonly menu: boolean;
  /** How long firmware waits for the menu's key, in milliseconds; firmware's default when absent. */
  readonly splashTime: number | undefined;
}

/** Files that a machine starts from; paths. */
export interface ImageFiles {
  readonly bios?: string | undefined;
  readonly vgaBios?: string | undefined;
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
  /** The kernel's command line, not a path. */
  readonly append?: string | undefined;
}

/** Something that can be on the terminal; one at a time. */
export type ViewName = 'screen' | 'serial' | 'monitor';

/** What scripts ask for. */
export interface ScriptDescription {
  /** Ends the run with success when the guest's output matches. */
  readonly until: RegExp | undefined;
  /** Ends the run with failure after this time, in milliseconds. */
  readonly timeout: number | undefined;
}

/** Everything that a command line of `tpm-v86` says, checked. */
export interface V86Description {
  /** The TPM, memory, monitors and character devices. */
  readonly machine: MachineDescription;
  readonly images: ImageFiles;
  /** `-L`: folder with firmware. */
  readonly firmwareFolder: string | undefined;
  readonly drives: ReadonlyMap<DriveSlot, string>;
  readonly boot: BootDescription;
  /** `-fw_cfg`: files by name. */
  readonly fwCfg: ReadonlyMap<string, FwCfgSource>;
  /** Whether firmware shows its text on the serial port. QEMU: `-nographic` does that. */
  readonly serialFirmware: boolean;
  /** What is on the terminal, first the one that is seen at the start. */
  readonly views: readonly ViewName[];
  /** Id of the character device at the serial port when that isn't the terminal. */
  readonly serialChardev: string | undefined;
  readonly tables: 'overlay' | 'fw-cfg';
  readonly eventLog: 'mmio' | 'ram' | undefined;
  /** Whether the person at the machine consents to what guests ask through PPI. */
  readonly confirmPpi: boolean;
  readonly guest: GuestFlavour | undefined;
  readonly script: ScriptDescription;
  readonly trace: boolean;
  /** `-D`: where the trace goes; standard error when absent. */
  readonly logFile: string | undefined;
}
