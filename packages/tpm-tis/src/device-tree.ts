import { TIS_REGION_SIZE } from './registers.js';

/** A node of a device tree as plain data. */
export interface DeviceTreeNode {
  /** Name with unit address. */
  readonly name: string;
  /** Values: cells (unsigned 32-bit numbers) or strings, in the order of the property. */
  readonly properties: Readonly<Record<string, readonly number[] | readonly string[]>>;
  readonly children: readonly DeviceTreeNode[];
}

/** Where the device sits on a platform bus. */
export interface TisDeviceTreeOptions {
  /** Guest-physical address of the bus; default 0x0C000000 (QEMU: Arm `virt`). */
  readonly busAddress?: number;
  /** Length of the bus in bytes; default 0x02000000. */
  readonly busSize?: number;
  /** Offset of the registers on the bus in bytes; default 0. */
  readonly offset?: number;
  /** Phandle of the interrupt controller. */
  readonly interruptParent: number;
}

/**
 * The platform bus and on it the system-bus device, as QEMU describes them on Arm `virt`. There is
 * no `interrupts` property: the guest polls.
 *
 * @returns the bus node; it belongs below a root with two address and two size cells
 * @example
 * tisDeviceTree({ interruptParent: 0x8002 }).children[0]?.name; // 'tpm_tis@0'
 */
export function tisDeviceTree(options: TisDeviceTreeOptions): DeviceTreeNode {
  const { busAddress = 0x0c00_0000, busSize = 0x0200_0000, offset = 0 } = options;
  return {
    name: `platform-bus@${busAddress.toString(16)}`,
    properties: {
      compatible: ['qemu,platform', 'simple-bus'],
      '#address-cells': [1],
      '#size-cells': [1],
      ranges: [0, Math.floor(busAddress / 2 ** 32), busAddress >>> 0, busSize],
      'interrupt-parent': [options.interruptParent],
    },
    children: [
      {
        name: `tpm_tis@${offset.toString(16)}`,
        properties: { compatible: ['tcg,tpm-tis-mmio'], reg: [offset, TIS_REGION_SIZE] },
        children: [],
      },
    ],
  };
}
