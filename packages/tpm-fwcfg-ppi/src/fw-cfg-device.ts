import {
  type AccessWidth,
  type GuestMemory,
  type MmioRegion,
  readUnaligned,
  type TraceHook,
  writeUnaligned,
} from 'tpm-core';
import { FirmwareInterfaceError } from './error.js';
import { runDmaDescriptor } from './fw-cfg-dma.js';
import { type FileGenerator, type FileGroup, type FwCfgFile, FwCfgItems } from './fw-cfg-items.js';
import {
  FW_CFG_DEFAULT_FILE_SLOTS,
  FW_CFG_DMA_SIGNATURE,
  FW_CFG_FEATURE,
  FW_CFG_IO,
  FW_CFG_IO_BASE,
  FW_CFG_IO_SIZE,
  FW_CFG_KEY,
  FW_CFG_MMIO,
  FW_CFG_MMIO_SIZE,
} from './fw-cfg-registers.js';
import { FwCfgSelection } from './fw-cfg-selection.js';
import {
  applyFwCfgFiles,
  captureFwCfgState,
  checkFwCfgSnapshot,
  FW_CFG_SNAPSHOT_FORMAT,
  type FwCfgConfiguration,
  type FwCfgSnapshot,
  type FwCfgVariant,
} from './fw-cfg-snapshot.js';

/** What a {@link FwCfgDevice} is made of. */
export interface FwCfgDeviceOptions {
  readonly variant: FwCfgVariant;
  /** Guest memory for the DMA interface. Without it the device has none, as `dma_enabled=off`. */
  readonly memory?: GuestMemory;
  /** Most files, default 32. QEMU: `x-file-slots`. */
  readonly fileSlots?: number;
  /** Names in the order of their keys, see `LEGACY_FILE_ORDER`. Default: sorted by name. */
  readonly fileOrder?: readonly string[];
  /** Receives register accesses; offsets count from 0x510 or from the MMIO base. */
  readonly trace?: TraceHook;
  /** Receives `ERR_FWCFG_FILE` when contents can't be generated anew; the old ones stay. */
  readonly onError?: (error: FirmwareInterfaceError) => void;
}

/** How a file is added. */
export interface FwCfgFileOptions {
  /** Whether the guest may write to it, by DMA. Default `false`. */
  readonly writable?: boolean;
}

/** Registers of the MMIO variant, for a bus that has 8-byte accesses or unaligned ones too. */
export interface FwCfgMmioRegion extends MmioRegion {
  /**
   * One read of any length. An 8-byte read of the data register is one access of the device, not
   * two of 4 bytes: the second half would read as zero.
   *
   * @param offset byte offset in the region
   * @param target receives the bytes in memory order
   */
  readWide(offset: number, target: Uint8Array): void;
  /** One write of any length; 8 bytes at 0x10 are a whole DMA address. */
  writeWide(offset: number, source: Uint8Array): void;
}

/** What an x86 port without a device reads as. */
const UNUSED_PORT = 0xffff_ffff;

function truncate(value: number, width: AccessWidth): number {
  return (width === 4 ? value : value & (2 ** (8 * width) - 1)) >>> 0;
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

function swap32(value: number): number {
  return ((swap16(value) << 16) | swap16(value >>> 16)) >>> 0;
}

function generated(generate: FileGenerator): Readonly<Record<string, Uint8Array>> {
  try {
    return generate();
  } catch (cause) {
    throw new FirmwareInterfaceError(
      'ERR_FWCFG_FILE',
      `Generating fw_cfg files failed: ${String(cause)}`,
      { cause },
    );
  }
}

/**
 * QEMU's fw_cfg device: a store of byte strings for firmware. A guest selects an item by its key
 * and reads on from its start.
 *
 * @example
 * const fwCfg = new FwCfgDevice({ variant: 'io', memory });
 * fwCfg.addFile('etc/tpm/config', tpmConfigFile({ version: '2.0' }));
 * fwCfg.reset();
 * fwCfg.writePort(0x510, 2, 0x0020);
 * fwCfg.readPort(0x511, 1); // 0x00, the first byte of etc/tpm/config
 */
export class FwCfgDevice {
  /** The registers of the MMIO variant, 0x18 bytes. The `io` variant's guests don't see them. */
  readonly mmio: FwCfgMmioRegion;
  readonly #variant: FwCfgVariant;
  readonly #memory: GuestMemory | undefined;
  readonly #trace: TraceHook | undefined;
  readonly #onError: ((error: FirmwareInterfaceError) => void) | undefined;
  readonly #items: FwCfgItems;
  readonly #selection = new FwCfgSelection();
  readonly #groups: FileGroup[] = [];
  readonly #selectByDma = (key: number): void => this.#select(key);
  #dmaAddressHigh = 0;

  /** @throws FirmwareInterfaceError `ERR_FWCFG_FILE` when the number of slots is out of range */
  constructor(options: FwCfgDeviceOptions) {
    const { variant, memory, fileSlots = FW_CFG_DEFAULT_FILE_SLOTS, fileOrder } = options;
    this.#variant = variant;
    this.#memory = memory;
    this.#trace = options.trace;
    this.#onError = options.onError;
    this.#items = new FwCfgItems(fileSlots, fileOrder);
    const features = FW_CFG_FEATURE.traditional | (memory === undefined ? 0 : FW_CFG_FEATURE.dma);
    this.addItem(FW_CFG_KEY.signature, Uint8Array.of(0x51, 0x45, 0x4d, 0x55));
    this.addItem(FW_CFG_KEY.features, Uint8Array.of(features, 0, 0, 0));
    this.mmio = {
      size: FW_CFG_MMIO_SIZE,
      read: (offset, width) => this.#readMmio(offset, width),
      write: (offset, width, value) => this.#writeMmio(offset, width, value),
      readWide: (offset, target) => this.#readWide(offset, target),
      writeWide: (offset, source) => writeUnaligned(this.mmio, offset, source),
    };
    this.#select(FW_CFG_KEY.signature);
  }

  /** The directory, in its order. */
  get files(): readonly FwCfgFile[] {
    return this.#items.files.map(({ name, bytes, writable }, index) => ({
      name: name!,
      key: FW_CFG_KEY.firstFile + index,
      size: bytes.length,
      writable,
    }));
  }

  /** What a snapshot has to agree with. */
  get configuration(): FwCfgConfiguration {
    return {
      variant: this.#variant,
      dma: this.#memory !== undefined,
      files: this.#items.files.map(({ name, bytes }) => ({ name: name!, size: bytes.length })),
    };
  }

  /**
   * Adds a file. All keys may change, so add files before the guest runs.
   *
   * @param name 1 to 55 printable ASCII characters, unique
   * @param contents the bytes, kept and not copied, so that a guest's writes are seen there; or a
   * function that makes them, see {@link addGeneratedFiles}
   * @throws FirmwareInterfaceError `ERR_FWCFG_FILE`; nothing was added then
   */
  addFile(
    name: string,
    contents: Uint8Array | (() => Uint8Array),
    { writable = false }: FwCfgFileOptions = {},
  ): void {
    if (contents instanceof Uint8Array) {
      this.#items.addFiles([{ name, bytes: contents, writable, group: undefined }]);
    } else this.addGeneratedFiles(() => ({ [name]: contents() }), { writable });
    this.#refresh();
  }

  /**
   * Adds files that are generated together: now, and once more when a guest selects one of them
   * for the first time after a reset, since firmware changes what tables describe. The sizes must
   * not change then.
   *
   * @param generate makes all files, by name; must not call back into the device
   * @throws FirmwareInterfaceError `ERR_FWCFG_FILE`; nothing was added then
   */
  addGeneratedFiles(generate: FileGenerator, { writable = false }: FwCfgFileOptions = {}): void {
    const group: FileGroup = { generate, isStale: true };
    const files = Object.entries(generated(generate));
    this.#items.addFiles(
      files.map(([name, bytes]) => ({ name, bytes: bytes.slice(), writable, group })),
    );
    this.#groups.push(group);
    this.#refresh();
  }

  /**
   * Adds an item that has a key and no name, such as 0x0005 (number of CPUs).
   *
   * @param key 16 bits without bit 14, free and not a file's
   * @param contents the bytes; kept, not copied
   * @throws FirmwareInterfaceError `ERR_FWCFG_FILE` when the key can't be used
   */
  addItem(key: number, contents: Uint8Array): void {
    this.#items.addFixed(key, contents);
    this.#refresh();
  }

  /** @returns the present contents of a file, not a copy; `undefined` when there is no such file */
  contents(name: string): Uint8Array | undefined {
    return this.#items.find(name)?.bytes;
  }

  /**
   * Reads ports of the `io` variant. Ports around the device's own read as ones, as unused ports
   * do. Pieces that are not naturally aligned are separate accesses, as on the bus.
   *
   * @param port port number; the device has 0x510, 0x511 and 0x514 to 0x51b
   * @param width number of bytes
   * @returns the value, little endian, unsigned
   */
  readPort(port: number, width: AccessWidth): number {
    if ((port & (width - 1)) === 0) return this.#readPort(port, width);
    let value = 0;
    for (let done = 0; done < width; ) {
      const piece = (port + done) & 1 ? 1 : width - done >= 2 ? 2 : 1;
      value |= this.#readPort(port + done, piece) << (8 * done);
      done += piece;
    }
    return value >>> 0;
  }

  /**
   * Writes ports of the `io` variant; the counterpart of {@link readPort}.
   *
   * @param value the value, little endian; bits above `width` are ignored
   */
  writePort(port: number, width: AccessWidth, value: number): void {
    if ((port & (width - 1)) === 0) {
      this.#writePort(port, width, value);
      return;
    }
    for (let done = 0; done < width; ) {
      const piece = (port + done) & 1 ? 1 : width - done >= 2 ? 2 : 1;
      this.#writePort(port + done, piece, value >>> (8 * done));
      done += piece;
    }
  }

  /**
   * Machine reset: selects the signature, and marks generated files as stale. A high half of a DMA
   * address that was written stays, as in QEMU.
   */
  reset(): void {
    for (const group of this.#groups) group.isStale = true;
    this.#select(FW_CFG_KEY.signature);
  }

  /** Captures the device. */
  snapshot(): FwCfgSnapshot {
    return {
      format: FW_CFG_SNAPSHOT_FORMAT,
      configuration: this.configuration,
      ...captureFwCfgState(this.#items, this.#selection, this.#dmaAddressHigh),
    };
  }

  /**
   * Applies a snapshot whole.
   *
   * @throws SnapshotError when it doesn't fit; the device is unchanged then
   */
  restore(snapshot: FwCfgSnapshot): void {
    checkFwCfgSnapshot(snapshot, this.configuration, this.#items);
    applyFwCfgFiles(this.#items, snapshot.files);
    this.#selection.key = snapshot.key;
    this.#selection.offset = snapshot.offset;
    this.#dmaAddressHigh = snapshot.dmaAddressHigh;
    this.#refresh();
  }

  /** The selected key may have got an item, or another one. */
  #refresh(): void {
    this.#selection.item = this.#items.lookUp(this.#selection.key);
  }

  #select(key: number): void {
    const selection = this.#selection;
    const item = this.#items.lookUp(key);
    if (item?.group?.isStale === true) this.#regenerate(item.group);
    selection.key = key;
    selection.offset = 0;
    selection.item = item;
  }

  /** All files of the group or none. */
  #regenerate(group: FileGroup): void {
    group.isStale = false;
    try {
      const contents = generated(group.generate);
      const files = this.#items.files.filter((file) => file.group === group);
      for (const { name, bytes } of files) {
        const size = contents[name!]?.length;
        if (size === bytes.length) continue;
        throw new FirmwareInterfaceError(
          'ERR_FWCFG_FILE',
          `fw_cfg file "${name}" was generated anew with ${size} bytes; the size must stay ${bytes.length}, pad the file`,
        );
      }
      for (const { name, bytes } of files) bytes.set(contents[name!]!);
    } catch (error) {
      this.#onError?.(error as FirmwareInterfaceError);
    }
  }

  #readPort(port: number, width: AccessWidth): number {
    const offset = port - FW_CFG_IO_BASE;
    let value = UNUSED_PORT;
    if (offset === FW_CFG_IO.selector && width !== 1) value = 0;
    else if (offset === FW_CFG_IO.selector || offset === FW_CFG_IO.data) {
      value = this.#selection.readByte();
    } else if (offset >= FW_CFG_IO.dma && offset < FW_CFG_IO_SIZE && this.#memory !== undefined) {
      value = this.#readDma(offset - FW_CFG_IO.dma, width);
    }
    value = truncate(value, width);
    this.#trace?.({ type: 'register-read', offset, width, value });
    return value;
  }

  #writePort(port: number, width: AccessWidth, value: number): void {
    const offset = port - FW_CFG_IO_BASE;
    const masked = truncate(value, width);
    this.#trace?.({ type: 'register-write', offset, width, value: masked });
    if (offset === FW_CFG_IO.selector && width === 2) this.#select(masked);
    else this.#writeDma(offset - FW_CFG_IO.dma, width, masked);
  }

  #readMmio(offset: number, width: AccessWidth): number {
    let value = 0;
    if (offset === FW_CFG_MMIO.data) {
      for (let lane = 0; lane < width; lane++) value |= this.#selection.readByte() << (8 * lane);
    } else if (offset >= FW_CFG_MMIO.dma && this.#memory !== undefined) {
      value = this.#readDma(offset - FW_CFG_MMIO.dma, width);
    }
    value >>>= 0;
    this.#trace?.({ type: 'register-read', offset, width, value });
    return value;
  }

  #writeMmio(offset: number, width: AccessWidth, value: number): void {
    const masked = truncate(value, width);
    this.#trace?.({ type: 'register-write', offset, width, value: masked });
    if (offset === FW_CFG_MMIO.selector && width === 2) this.#select(swap16(masked));
    else this.#writeDma(offset - FW_CFG_MMIO.dma, width, masked);
  }

  #readWide(offset: number, target: Uint8Array): void {
    const isData = offset === FW_CFG_MMIO.data && target.length === 8;
    if (!isData) {
      readUnaligned(this.mmio, offset, target);
      return;
    }
    for (let at = 0; at < target.length; at += 4) {
      const value = this.#readMmio(FW_CFG_MMIO.data, 4);
      for (let lane = 0; lane < 4; lane++) target[at + lane] = value >>> (8 * lane);
    }
  }

  #readDma(offset: number, width: AccessWidth): number {
    let value = 0;
    for (let lane = 0; lane < width; lane++) {
      value |= (FW_CFG_DMA_SIGNATURE[offset + lane] ?? 0) << (8 * lane);
    }
    return value >>> 0;
  }

  /** The address register, big-endian. QEMU: only its two 4-byte halves can be written. */
  #writeDma(offset: number, width: AccessWidth, value: number): void {
    const memory = this.#memory;
    if (memory === undefined || width !== 4) return;
    if (offset === 0) this.#dmaAddressHigh = swap32(value);
    if (offset !== 4) return;
    const address = this.#dmaAddressHigh * 2 ** 32 + swap32(value);
    this.#dmaAddressHigh = 0;
    runDmaDescriptor(memory, address, this.#selection, this.#selectByDma);
  }
}
