/** A byte stream to or from the outside (QEMU: a character device). */
export type CharacterDevice =
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly server: boolean;
      readonly wait: boolean;
    }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly server: boolean;
      readonly wait: boolean;
    }
  | { readonly kind: 'fd'; readonly fd: number; readonly server: boolean; readonly wait: boolean }
  | { readonly kind: 'stdio' }
  | { readonly kind: 'file'; readonly path: string; readonly append: boolean }
  | { readonly kind: 'null' };

/** A back end as `-tpmdev` describes it. */
export type BackendDefinition =
  | {
      readonly type: 'emulator';
      readonly id: string;
      /** Id of the character device that leads to swtpm's control channel. */
      readonly chardev: string;
      /**
       * Id of a character device that leads to swtpm's data channel. Beyond QEMU: without it a
       * data descriptor is passed over the control channel.
       */
      readonly dataChardev?: string;
    }
  | {
      readonly type: 'passthrough';
      readonly id: string;
      readonly path: string;
      readonly cancelPath?: string;
    }
  /** Beyond QEMU: a TPM in this process. */
  | {
      readonly type: 'embedded';
      readonly id: string;
      /** Directory that keeps the TPM's state; without it the TPM is a fresh one in memory. */
      readonly state?: string;
    };

/** Model names of TPM devices. */
export type DeviceModel = 'tpm-tis' | 'tpm-tis-device' | 'tpm-crb' | 'tpm-spapr';

/** A TPM device as `-device` describes it. */
export interface DeviceDefinition {
  readonly model: DeviceModel;
  readonly id?: string;
  /** Id of the back end. */
  readonly tpmdev: string;
  /** Interrupt number; meaning depends on the machine. Unused by `tpm-crb` and `tpm-spapr`. */
  readonly irq: number;
  /** Whether the physical presence interface's memory is mapped. */
  readonly ppi: boolean;
  /**
   * `tpm-crb` only: whether messages beyond the data buffer are passed in pieces (CapCRBChunk);
   * absent counts as off.
   */
  readonly chunking?: boolean;
  /** `tpm-spapr` only: unit address on the virtual I/O bus. */
  readonly reg?: number;
}

/** Instruction set of the machine that the command line describes; part of the command's name. */
export type SystemTarget = 'x86_64' | 'aarch64' | 'ppc64';

/** Machine families that the headless machine knows. */
export type MachineFamily = 'pc' | 'q35' | 'virt' | 'pseries';

/** A monitor connection. */
export interface MonitorDefinition {
  /** `control` speaks QMP, `readline` the human monitor. */
  readonly mode: 'control' | 'readline';
  /** Id of the character device in {@link MachineDescription.chardevs}. */
  readonly chardev: string;
  readonly pretty: boolean;
}

/** Everything that a command line says about a machine, checked. */
export interface MachineDescription {
  readonly target: SystemTarget;
  readonly family: MachineFamily;
  /** The machine's name as given, for example `pc-q35-7.2`. */
  readonly machineName: string;
  /** Machine options as given after the name, for example `x-oem-id`. */
  readonly machineOptions: ReadonlyMap<string, string>;
  /** Guest memory in bytes. */
  readonly ramSize: number;
  /** `-name`: the guest's name for monitors. */
  readonly guestName?: string;
  /** `-uuid`: the guest's identity for monitors, in lower case. */
  readonly uuid?: string;
  readonly device?: DeviceDefinition;
  readonly backend?: BackendDefinition;
  /** Character devices by id. */
  readonly chardevs: ReadonlyMap<string, CharacterDevice>;
  /** Id of the qtest server's character device in {@link MachineDescription.chardevs}. */
  readonly qtest?: string;
  /** Where the qtest log goes: a path, `'none'`, or `undefined` for standard error. */
  readonly qtestLog?: string;
  /** `-pidfile`: file that receives the process number. */
  readonly pidFile?: string;
  readonly monitors: readonly MonitorDefinition[];
  /** `-S`: the machine is created stopped. */
  readonly startPaused: boolean;
  /** `-no-reboot`: a reset ends the process instead. */
  readonly exitOnReset?: boolean;
  /** `-no-shutdown`: such an end is announced only. */
  readonly stayOnShutdown?: boolean;
  /** `-incoming`: where the state comes from; `defer` waits for the monitor. */
  readonly incoming?: string;
}
