import type { TpmVersion } from 'tpm-core';
import {
  FW_CFG_IO,
  FW_CFG_IO_BASE,
  FW_CFG_IO_SIZE,
  FW_CFG_VIRT_BASE_ADDRESS,
  FwCfgDevice,
  LEGACY_FILE_ORDER,
} from 'tpm-fwcfg-ppi';
import type { MachineDescription } from '../description.js';
import type { AddressSpace } from '../machine/address-space.js';
import type { PortSpace } from '../machine/port-space.js';
import { firmwareFiles, firmwareForm } from './firmware-files.js';

/** The address map of a machine, as far as fw_cfg is in it. */
export interface FirmwareBus {
  readonly memory: AddressSpace;
  readonly ports: PortSpace;
}

/**
 * What a machine hands to firmware: the fw_cfg device at its place, with the files that concern the
 * TPM. Machine `pseries` has no such thing.
 */
export class FirmwareInterface {
  readonly device: FwCfgDevice;
  readonly #description: MachineDescription;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  #published = false;

  /**
   * @param description the machine
   * @param tpmVersion family of its TPM; `undefined` when it has none
   * @throws TpmdevError when the files can't be made as the description says
   */
  constructor(
    description: MachineDescription,
    tpmVersion: TpmVersion | undefined,
    { memory, ports }: FirmwareBus,
  ) {
    const { hasDma, isLegacyOrder } = firmwareForm(description);
    const isMmio = description.family === 'virt';
    this.#description = description;
    this.#files = firmwareFiles(description, tpmVersion);
    this.device = new FwCfgDevice({
      variant: isMmio ? 'mmio' : 'io',
      ...(hasDma ? { memory } : {}),
      ...(isLegacyOrder ? { fileOrder: LEGACY_FILE_ORDER } : {}),
    });
    if (isMmio) {
      memory.mapWideRegisters(FW_CFG_VIRT_BASE_ADDRESS, this.device.mmio);
    } else {
      ports.map(FW_CFG_IO_BASE, {
        size: hasDma ? FW_CFG_IO_SIZE : FW_CFG_IO.dma,
        read: (offset, width) => this.device.readPort(FW_CFG_IO_BASE + offset, width),
        write: (offset, width, value) =>
          this.device.writePort(FW_CFG_IO_BASE + offset, width, value),
      });
    }
  }

  /** Machine reset: the signature is selected. */
  reset(): void {
    this.device.reset();
  }

  /**
   * Puts the files into the device, once, when the first reset has shown whether there is a TPM to
   * tell about.
   *
   * @param isTpmStarted whether the TPM could be started; without one, its version is unspecified
   */
  publish(isTpmStarted: boolean): void {
    if (this.#published) return;
    this.#published = true;
    const files = isTpmStarted ? this.#files : firmwareFiles(this.#description, undefined);
    for (const [name, contents] of files) this.device.addFile(name, contents);
  }
}
