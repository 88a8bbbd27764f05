import { type AccessWidth, type MmioRegion, SnapshotError, type TraceHook } from 'tpm-core';
import { PPI_FUNCTION, PPI_FUNCTION_COUNT, PPI_MOVV, PPI_OFFSET, PPI_SIZE } from './ppi-layout.js';

/** Layout of {@link PpiSnapshot}. */
export const PPI_SNAPSHOT_FORMAT = 'tpm-ppi/1';

/** Saved state of a {@link PpiMemory}. */
export interface PpiSnapshot {
  readonly format: typeof PPI_SNAPSHOT_FORMAT;
  /** The whole memory, 1024 bytes. */
  readonly bytes: Uint8Array;
}

/** How a {@link PpiMemory} is made. */
export interface PpiMemoryOptions {
  /** Receives each access of the guest through `read()` and `write()`. */
  readonly trace?: TraceHook | undefined;
}

/** The 32-bit fields of PPI memory. */
type WordField = 'ppip' | 'pprp' | 'pprq' | 'pprm' | 'lppr' | 'fret';

/** The 8-bit fields of PPI memory. */
type ByteField = 'ppin' | 'nextStep' | 'movv';

/**
 * The memory of the physical presence interface: 1024 bytes through which an operating system (by
 * ACPI `_DSM`) leaves a request for firmware to find after the next reset.
 *
 * Plain memory: an access has no side effect, any alignment works, and a system reset keeps the
 * contents. A new object is memory at power-on: zeros.
 *
 * @example
 * const memory = new PpiMemory();
 * memory.setWord('pprq', 5); // what the operating system's _DSM does
 * memory.read(0x109, 1); // 5
 */
export class PpiMemory implements MmioRegion {
  readonly size: number = PPI_SIZE;
  /**
   * The memory itself. A host may map it into its guest's address space as RAM in the place of
   * `read()` and `write()`. The same array for the life of the object.
   */
  readonly bytes: Uint8Array = new Uint8Array(PPI_SIZE);
  readonly #trace: TraceHook | undefined;

  constructor(options: PpiMemoryOptions = {}) {
    this.#trace = options.trace;
  }

  /** Any offset; bytes beyond the end read as zero. */
  read(offset: number, width: AccessWidth): number {
    const value = this.#load(offset, width);
    this.#trace?.({ type: 'register-read', offset, width, value });
    return value;
  }

  /** Any offset; bytes beyond the end are dropped. */
  write(offset: number, width: AccessWidth, value: number): void {
    this.#trace?.({ type: 'register-write', offset, width, value: value >>> 0 });
    this.#store(offset, width, value);
  }

  /** Power goes on: zeros. A reset of the machine is no reason to call this. */
  powerOn(): void {
    this.bytes.fill(0);
  }

  /** @returns a 32-bit field, unsigned */
  word(field: WordField): number {
    return this.#load(PPI_OFFSET[field], 4);
  }

  /** @param value the field's new value; bits above 32 are ignored */
  setWord(field: WordField, value: number): void {
    this.#store(PPI_OFFSET[field], 4, value);
  }

  /** @returns an 8-bit field */
  byte(field: ByteField): number {
    return this.#load(PPI_OFFSET[field], 1);
  }

  /** @param value the field's new value; bits above 8 are ignored */
  setByte(field: ByteField, value: number): void {
    this.#store(PPI_OFFSET[field], 1, value);
  }

  /**
   * @param operation operation number, unsigned; from 256 on none is implemented
   * @returns what the memory says that firmware offers, 0 to 7; see `PPI_FUNCTION`
   */
  functionStatus(operation: number): number {
    if (!(operation < PPI_FUNCTION_COUNT)) return PPI_FUNCTION.notImplemented;
    return (this.bytes[PPI_OFFSET.func + operation] ?? 0) & PPI_FUNCTION.mask;
  }

  /** Whether guest memory has to be cleared at the next reset: bit 0 of `movv`, no other one. */
  get memoryClearRequested(): boolean {
    return (this.byte('movv') & PPI_MOVV.clearMemory) !== 0;
  }

  /** @returns a copy of the memory */
  snapshot(): PpiSnapshot {
    return { format: PPI_SNAPSHOT_FORMAT, bytes: this.bytes.slice() };
  }

  /** @throws SnapshotError when the snapshot doesn't fit; nothing is changed then */
  restore(snapshot: PpiSnapshot): void {
    if (snapshot?.format !== PPI_SNAPSHOT_FORMAT) {
      throw new SnapshotError(
        `Snapshot format: configured ${PPI_SNAPSHOT_FORMAT}, saved ${String(snapshot?.format)}`,
      );
    }
    const length = snapshot.bytes instanceof Uint8Array ? snapshot.bytes.length : undefined;
    if (length !== PPI_SIZE) {
      throw new SnapshotError(`PPI memory: configured ${PPI_SIZE} bytes, saved ${String(length)}`);
    }
    this.bytes.set(snapshot.bytes);
  }

  #load(offset: number, width: number): number {
    let value = 0;
    for (let lane = 0; lane < width; lane++) {
      value |= (this.bytes[offset + lane] ?? 0) << (8 * lane);
    }
    return value >>> 0;
  }

  #store(offset: number, width: number, value: number): void {
    for (let lane = 0; lane < width; lane++) {
      this.bytes[offset + lane] = value >>> (8 * lane);
    }
  }
}
