import type { EmulatorCpu } from './emulator.js';

/** A part of memory. */
export interface MemoryRange {
  readonly address: number;
  readonly length: number;
}

/** Conventional memory: v86 places the kernel's real-mode part and its command line there. */
const LOW: MemoryRange = { address: 0, length: 0xa_0000 };

/** Where v86 places the rest of a kernel, and an initramfs. */
const KERNEL_ADDRESS = 0x10_0000;
const INITRD_ADDRESS = 0x400_0000;

/**
 * What v86 placed in guest memory for the options `-kernel` and `-initrd`. It does so when the
 * machine is made and not again at a reset, after which the kernel would run into what is left of
 * itself. QEMU hands the kernel out again at each reset; so does this.
 */
export class KernelMemory {
  readonly #cpu: EmulatorCpu;
  readonly #parts: readonly { readonly address: number; readonly bytes: Uint8Array }[];

  /**
   * Takes copies of what is there.
   *
   * @param cpu a machine that hasn't run yet
   * @param kernelSize size of the kernel's file in bytes
   * @param initrdSize size of the initramfs in bytes
   */
  constructor(cpu: EmulatorCpu, kernelSize: number, initrdSize: number) {
    this.#cpu = cpu;
    const ranges: readonly MemoryRange[] = [
      LOW,
      { address: KERNEL_ADDRESS, length: kernelSize },
      { address: INITRD_ADDRESS, length: initrdSize },
    ];
    // There may be no memory where an initramfs that isn't there would be.
    const used = ranges.filter(({ length }) => length > 0);
    this.#parts = used.map(({ address, length }) => ({
      address,
      bytes: cpu.read_blob(address, length).slice(),
    }));
  }

  /** Writes it again. */
  restore(): void {
    for (const { address, bytes } of this.#parts) this.#cpu.write_blob(bytes, address);
  }
}
