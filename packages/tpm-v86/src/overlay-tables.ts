import {
  describedTable,
  describeTpm,
  LOG_AREA,
  SnapshotError,
  type TpmVersion,
  tpmSsdt,
} from 'tpm-integration/assembly';
import { ByteRegion } from './byte-region.js';
import { V86Error } from './error.js';
import type { FirmwareSide } from './firmware-side.js';
import { memorySize, type V86Memory } from './guest-memory.js';
import type { MmioBlock } from './mmio-block.js';
import type { V86Cpu } from './v86-members.js';

/** The TPM that the tables describe. */
export interface DescribedTpm {
  readonly model: 'tpm-tis' | 'tpm-crb';
  readonly tpmVersion: TpmVersion;
  readonly ppi: boolean;
}

/** SeaBIOS: adds every fw_cfg file with this beginning to its own tables. */
const OVERLAY = { tpmTable: 'acpi/tpm-table', ssdt: 'acpi/tpm-ssdt' } as const;

/** SeaBIOS: the memory map, in the place of the size from CMOS. */
const E820 = { file: 'etc/e820', entrySize: 20, usable: 1, reserved: 2 } as const;

function e820(entries: readonly { address: number; length: number; type: number }[]): Uint8Array {
  const bytes = new Uint8Array(entries.length * E820.entrySize);
  const view = new DataView(bytes.buffer);
  for (const [index, { address, length, type }] of entries.entries()) {
    const at = index * E820.entrySize;
    view.setBigUint64(at, BigInt(address), true);
    view.setBigUint64(at + 8, BigInt(length), true);
    view.setUint32(at + 16, type, true);
  }
  return bytes;
}

/** Adds the TPM's tables to v86's fw_cfg; firmware appends them to those that it makes itself. */
abstract class OverlayTables implements FirmwareSide {
  abstract readonly name: string;
  readonly #cpu: V86Cpu;
  readonly #tpm: DescribedTpm;
  readonly #logAddress: number;

  constructor(cpu: V86Cpu, tpm: DescribedTpm, logAddress: number) {
    this.#cpu = cpu;
    this.#tpm = tpm;
    this.#logAddress = logAddress;
  }

  publish(): void {
    const description = describeTpm({ machine: 'pc', tpm: this.#tpm });
    const table = describedTable(description, { logAddress: this.#logAddress });
    this.addFile(OVERLAY.tpmTable, table!);
    this.addFile(OVERLAY.ssdt, tpmSsdt({ device: this.#tpm }));
  }

  protected addFile(name: string, data: Uint8Array): void {
    this.#cpu.option_roms.push({ name, data });
  }

  abstract reset(): void;
  abstract eventLog(): Uint8Array;
  abstract snapshot(): unknown;
  abstract restore(snapshot: unknown): void;
}

/** Overlay tables with the event log in the TPM's register block. */
export class OverlayWithBlockLog extends OverlayTables {
  readonly name = 'overlay, log in the block';
  readonly #log: ByteRegion = new ByteRegion(LOG_AREA.size);

  /** @param offset place of the log in the block in bytes */
  constructor(
    cpu: V86Cpu,
    tpm: DescribedTpm,
    block: MmioBlock,
    { base, offset }: { readonly base: number; readonly offset: number },
  ) {
    super(cpu, tpm, base + offset);
    block.place(offset, this.#log);
  }

  reset(): void {
    this.#log.bytes.fill(0);
  }

  eventLog(): Uint8Array {
    return this.#log.bytes.slice();
  }

  snapshot(): unknown {
    return this.eventLog();
  }

  restore(snapshot: unknown): void {
    const length = snapshot instanceof Uint8Array ? snapshot.length : undefined;
    if (length !== LOG_AREA.size) {
      throw new SnapshotError(
        `Event log: configured ${LOG_AREA.size} bytes, saved ${String(length)}`,
      );
    }
    this.#log.bytes.set(snapshot as Uint8Array);
  }
}

/** Overlay tables with the event log at the top of guest memory, which a memory map reserves. */
export class OverlayWithMemoryLog extends OverlayTables {
  readonly name = 'overlay, log in memory';
  readonly #memory: V86Memory;
  readonly #address: number;

  /** @throws V86Error `ERR_V86_OPTION` when there is too little memory */
  constructor(cpu: V86Cpu, tpm: DescribedTpm, memory: V86Memory) {
    const size = memorySize(cpu);
    const address = size - LOG_AREA.size;
    if (!(address > 0x10_0000)) {
      throw new V86Error(
        'ERR_V86_OPTION',
        `An event log in guest memory doesn't fit into ${size} bytes; give the machine more, or use eventLog: 'mmio'`,
      );
    }
    super(cpu, tpm, address);
    this.#memory = memory;
    this.#address = address;
  }

  override publish(): void {
    super.publish();
    this.addFile(
      E820.file,
      e820([
        { address: 0, length: this.#address, type: E820.usable },
        { address: this.#address, length: LOG_AREA.size, type: E820.reserved },
      ]),
    );
  }

  reset(): void {
    this.#memory.clear(this.#address, LOG_AREA.size);
  }

  eventLog(): Uint8Array {
    return this.#memory.read(this.#address, LOG_AREA.size)!;
  }

  /** It is in guest memory. */
  snapshot(): null {
    return null;
  }

  restore(): void {}
}
