import type { GuestMemory } from 'tpm-integration/assembly';
import type { V86Cpu } from './v86-members.js';

/** Below 1 MiB memory ends here: video memory and read-only memory follow. */
const LOW_MEMORY_END = 0xa_0000;
const HIGH_MEMORY_START = 0x10_0000;

/** Most bytes that are cleared in one go. */
const CLEAR_CHUNK = 0x10_0000;

/** @returns the guest's memory in bytes */
export function memorySize(cpu: V86Cpu): number {
  return (cpu.memory_size[0] ?? 0) >>> 0;
}

/** The machine's memory for devices that access it on their own. */
export class V86Memory implements GuestMemory {
  readonly #cpu: V86Cpu;

  constructor(cpu: V86Cpu) {
    this.#cpu = cpu;
  }

  read(address: number, length: number): Uint8Array | undefined {
    if (!this.#contains(address, length)) return undefined;
    return this.#cpu.read_blob(address, length).slice();
  }

  write(address: number, bytes: Uint8Array): boolean {
    if (!this.#contains(address, bytes.length)) return false;
    this.#cpu.write_blob(bytes, address);
    return true;
  }

  /** The ranges that are memory and nothing else. */
  get ranges(): readonly { readonly address: number; readonly length: number }[] {
    return [
      { address: 0, length: LOW_MEMORY_END },
      {
        address: HIGH_MEMORY_START,
        length: Math.max(0, memorySize(this.#cpu) - HIGH_MEMORY_START),
      },
    ];
  }

  /** Fills a range that is memory with zeros. */
  clear(address: number, length: number): void {
    const zeros = new Uint8Array(Math.min(length, CLEAR_CHUNK));
    for (let done = 0; done < length; done += CLEAR_CHUNK) {
      this.write(address + done, zeros.subarray(0, Math.min(length - done, CLEAR_CHUNK)));
    }
  }

  #contains(address: number, length: number): boolean {
    return address >= 0 && length >= 0 && address + length <= memorySize(this.#cpu);
  }
}
