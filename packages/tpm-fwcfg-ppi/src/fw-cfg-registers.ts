/**
 * The fw_cfg register interface of QEMU ("QEMU Firmware Configuration (fw_cfg) Device"): where the
 * registers are, what their bits mean and which keys have a fixed meaning.
 */

/** First I/O port of the x86 variant. ACPI: `_HID` QEMU0002, one I/O resource of this base. */
export const FW_CFG_IO_BASE = 0x510;

/** Number of I/O ports of the x86 variant. */
export const FW_CFG_IO_SIZE = 0x0c;

/** Registers of the x86 variant, as offsets from {@link FW_CFG_IO_BASE}. */
export const FW_CFG_IO = {
  /** Selector: 16-bit write. QEMU: a byte read here reads data as well. */
  selector: 0x0,
  /** Data: byte read. */
  data: 0x1,
  /** DMA address, 8 bytes big-endian. */
  dma: 0x4,
} as const;

/** Base address of the MMIO variant on QEMU's Arm `virt` machine. */
export const FW_CFG_VIRT_BASE_ADDRESS = 0x0902_0000;

/** Length of the MMIO variant in bytes. */
export const FW_CFG_MMIO_SIZE = 0x18;

/** Registers of the MMIO variant, as offsets from its base. */
export const FW_CFG_MMIO = {
  /** Data: reads of 1, 2, 4 or 8 bytes here, in the order of the item's bytes. */
  data: 0x00,
  /** Selector: 16-bit write, big-endian. */
  selector: 0x08,
  /** DMA address, 8 bytes big-endian. */
  dma: 0x10,
} as const;

/** Keys with a fixed meaning. */
export const FW_CFG_KEY = {
  /** The 4 characters `QEMU`. */
  signature: 0x0000,
  /** Feature bitmap, 32-bit little-endian, {@link FW_CFG_FEATURE}. */
  features: 0x0001,
  /** File directory. */
  directory: 0x0019,
  /** First file of the directory; the others follow. */
  firstFile: 0x0020,
  /** Write intent. Doesn't count when an item is looked up. */
  writeIntent: 0x4000,
  /** Name space of the architecture's own items. */
  architecture: 0x8000,
} as const;

/** Bits of the feature bitmap. */
export const FW_CFG_FEATURE = { traditional: 0x1, dma: 0x2 } as const;

/** Control word of a DMA descriptor; the key of `select` is in bits 16 to 31. */
export const FW_CFG_DMA_CONTROL = {
  /** Set by the device when the transfer failed. */
  error: 0x01,
  read: 0x02,
  skip: 0x04,
  select: 0x08,
  write: 0x10,
} as const;

/** DMA descriptor: control (4 bytes), length (4) and buffer address (8), all big-endian. */
export const FW_CFG_DMA_DESCRIPTOR = { control: 0, length: 4, address: 8, size: 16 } as const;

/** What the DMA address register reads as: the characters `QEMU CFG`. */
export const FW_CFG_DMA_SIGNATURE: readonly number[] = [
  0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47,
];

/** Layout of the file directory; its numbers are big-endian. */
export const FW_CFG_DIRECTORY = {
  /** Bytes before the first entry: the number of files. */
  headerSize: 4,
  entrySize: 64,
  /** Offsets in an entry. */
  size: 0,
  key: 4,
  name: 8,
  /** Longest name, without the terminating NUL. */
  maximumNameLength: 55,
} as const;

/** Slots of the directory. QEMU: property `x-file-slots`, default 32. */
export const FW_CFG_DEFAULT_FILE_SLOTS = 32;
