import {
  buildTableLoader,
  describeTpm,
  FW_CFG_FILE,
  FW_CFG_IO_BASE,
  FW_CFG_IO_SIZE,
  FwCfgDevice,
  type FwCfgSnapshot,
  LOG_AREA,
  tpmConfigFile,
} from 'tpm-integration/assembly';
import { completeTables, POWER_MANAGEMENT_BASE } from './complete-tables.js';
import { findEventLog } from './event-log-place.js';
import type { FirmwareSide } from './firmware-side.js';
import type { V86Memory } from './guest-memory.js';
import type { FaultReport } from './mmio-block.js';
import type { DescribedTpm } from './overlay-tables.js';
import type { V86Cpu } from './v86-members.js';

/**
 * Items without a name that v86 serves: memory size, number of processors, NUMA nodes, boot menu,
 * most processors.
 */
const NUMBERED_ITEMS: readonly number[] = [0x03, 0x05, 0x0d, 0x0e, 0x0f];

/**
 * SeaBIOS: given complete tables, it moves the power management registers here and uses them. v86
 * has them at a fixed place, so they get a second one.
 */
const MOVED_POWER_MANAGEMENT = { base: 0x600, size: 0x10 } as const;

/** QEMU: the script's length is a multiple of this. */
const LOADER_SIZE_MULTIPLE = 4096;

/** Room for files: those of v86, of the host, and the TPM's. */
const FILE_SLOTS = 64;

const UNUSED_PORT = 0xffff_ffff;

/** A fw_cfg device with DMA in the place of v86's, with what that served and complete ACPI tables. */
export class FwCfgPorts implements FirmwareSide {
  readonly name = 'fw-cfg';
  readonly #cpu: V86Cpu;
  readonly #tpm: DescribedTpm;
  readonly #memory: V86Memory;
  readonly #device: FwCfgDevice;

  /** @param onFault receives what a port access threw; the guest reads ones then */
  constructor(cpu: V86Cpu, tpm: DescribedTpm, memory: V86Memory, onFault: FaultReport) {
    this.#cpu = cpu;
    this.#tpm = tpm;
    this.#memory = memory;
    this.#device = new FwCfgDevice({ variant: 'io', memory, fileSlots: FILE_SLOTS });
    for (const key of NUMBERED_ITEMS) this.#device.addItem(key, this.#servedItem(key));
    this.#mapPorts(onFault);
    const { ports } = cpu.io;
    for (let offset = 0; offset < MOVED_POWER_MANAGEMENT.size; offset++) {
      ports[MOVED_POWER_MANAGEMENT.base + offset] = ports[POWER_MANAGEMENT_BASE + offset]!;
    }
  }

  publish(): void {
    for (const { name, data } of this.#cpu.option_roms) this.#device.addFile(name, data);
    const description = describeTpm({ machine: 'pc', tpm: this.#tpm });
    const { tables, rsdp, list } = completeTables(description);
    this.#device.addFile(FW_CFG_FILE.acpiTables, tables);
    this.#device.addFile(FW_CFG_FILE.acpiRsdp, rsdp);
    this.#device.addFile(
      FW_CFG_FILE.tableLoader,
      buildTableLoader({ tables: list, rsdpRevision: 0, sizeMultiple: LOADER_SIZE_MULTIPLE }),
    );
    this.#device.addFile(FW_CFG_FILE.tpmLog, new Uint8Array(LOG_AREA.size));
    if (description.hasConfigFile) {
      const version = this.#tpm.tpmVersion;
      this.#device.addFile(FW_CFG_FILE.tpmConfig, tpmConfigFile({ version }));
    }
  }

  /** Firmware loads an empty log at each boot. */
  reset(): void {
    this.#device.reset();
  }

  eventLog(): Uint8Array | undefined {
    return findEventLog(this.#memory);
  }

  snapshot(): unknown {
    return this.#device.snapshot();
  }

  restore(snapshot: unknown): void {
    this.#device.restore(snapshot as FwCfgSnapshot);
  }

  /** Asks v86's own device, in the way a guest does. */
  #servedItem(key: number): Uint8Array {
    const selector = this.#cpu.io.ports[FW_CFG_IO_BASE]!;
    selector.write16.call(selector.device, key);
    const item = Uint8Array.from(this.#cpu.fw_value);
    this.#cpu.fw_value = [];
    return item;
  }

  #mapPorts(onFault: FaultReport): void {
    const device = this.#device;
    const guard = (access: () => number): number => {
      try {
        return access();
      } catch (cause) {
        onFault(cause);
        return UNUSED_PORT;
      }
    };
    const { io } = this.#cpu;
    for (let port = FW_CFG_IO_BASE; port < FW_CFG_IO_BASE + FW_CFG_IO_SIZE; port++) {
      const read = (width: 1 | 2 | 4) => () => guard(() => device.readPort(port, width));
      const write = (width: 1 | 2 | 4) => (value: number) => {
        guard(() => {
          device.writePort(port, width, value);
          return 0;
        });
      };
      io.register_read(port, device, read(1), read(2), read(4));
      io.register_write(port, device, write(1), write(2), write(4));
    }
  }
}
