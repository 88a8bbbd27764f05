/**
 * The registers of the FIFO interface, as the TCG PC Client TPM Interface Specification (TIS) 1.3
 * and its successor, the PC Client Platform TPM Profile (PTP), name them. All are little endian
 * and repeat in each locality's page. `QEMU:` marks what QEMU decided.
 */

/** Guest-physical address at which PC firmware and operating systems expect the TPM. */
export const TIS_BASE_ADDRESS = 0xfed4_0000;

/** Number of localities; each owns one page of registers. */
export const LOCALITY_COUNT = 5;

/** Length of one locality's page in bytes. */
export const LOCALITY_PAGE_SIZE = 0x1000;

/** Length of the register block in bytes: five pages. */
export const TIS_REGION_SIZE = 0x5000;

/** Length of the command and response buffer in bytes. QEMU: the most that is ever negotiated. */
export const TIS_BUFFER_SIZE = 4096;

/** Interrupt number of the device when none is given. */
export const TIS_DEFAULT_IRQ = 5;

/** What a register that doesn't exist reads as. */
export const ALL_ONES = 0xffff_ffff;

/** Pages are told apart by the address bits above this one. */
export const LOCALITY_PAGE_SHIFT = 12;

/** Selects the 32-bit register within a locality's page. */
export const REGISTER_OFFSET_MASK = 0x0ffc;

/** Selects the byte lane within a 32-bit register. */
export const LANE_MASK = 0x3;

/** TPM_ACCESS_x: who owns the TPM. Only byte lane 0 has meaning. */
export const ACCESS = {
  offset: 0x000,
  /** The other bits of the register are valid; always 1. */
  tpmRegValidSts: 0x80,
  /** Read: this locality owns the TPM. Write: release the TPM, or withdraw the request. */
  activeLocality: 0x20,
  /** Read: a higher locality took the TPM away. Write: acknowledge. */
  beenSeized: 0x10,
  /** Write: take the TPM away from a lower locality. QEMU: never reads as 1. */
  seize: 0x08,
  /** Another locality waits for the TPM. */
  pendingRequest: 0x04,
  /** Write: ask for the TPM. Read: this locality waits for it. */
  requestUse: 0x02,
  /** 0 after a dynamic launch until software resets the flag, else 1. */
  tpmEstablishment: 0x01,
  /** The bits that are kept; the others are computed at each read. */
  stored: 0x3a,
  /** Byte lane 0. */
  lane: 0xff,
} as const;

/** TPM_INT_ENABLE_x: which events raise the interrupt line. */
export const INT_ENABLE = {
  offset: 0x008,
  globalIntEnable: 0x8000_0000,
  commandReady: 0x80,
  localityChange: 0x04,
  stsValid: 0x02,
  dataAvail: 0x01,
  /** QEMU: typePolarity [4:3] is kept and has no effect. */
  writable: 0x8000_009f,
  /** typePolarity = 01, low level; nothing enabled. */
  reset: 0x0000_0008,
} as const;

/** TPM_INT_VECTOR_x: interrupt number. QEMU: wired to the device's property. */
export const INT_VECTOR = { offset: 0x00c } as const;

/** TPM_INT_STATUS_x: which events happened; a bit is cleared by writing 1 to it. */
export const INT_STATUS = { offset: 0x010, events: 0x87 } as const;

/**
 * TPM_INTF_CAPABILITY_x: interface version [30:28], 64-byte transfers [10:9] = 3, dynamic burst
 * count [8] = 0, and the interrupts that are supported: commandReady, low level, localityChange,
 * stsValid, dataAvail.
 */
export const INTF_CAPABILITY = {
  offset: 0x014,
  /** Interface version 2: TIS 1.3. */
  tpm12: 0x2000_0697,
  /** Interface version 3: PTP, TPM 2.0. */
  tpm20: 0x3000_0697,
} as const;

/** TPM_STS_x: state of the command interface and its commands. */
export const STS = {
  offset: 0x018,
  /** tpmFamily [27:26] of a TPM 2.0; 0 for a TPM 1.2. */
  tpmFamily20: 0x0400_0000,
  tpmFamily: 0x0c00_0000,
  /** Write, TPM 2.0: clear the TPM-established flag; from locality 3 or 4. */
  resetEstablishmentBit: 0x0200_0000,
  /** Write, TPM 2.0: cut the running command short. */
  commandCancel: 0x0100_0000,
  /** burstCount [23:8]: bytes that can be moved without waiting. */
  burstCountShift: 8,
  /** dataAvail and Expect are valid. */
  stsValid: 0x80,
  /** Read: a command can be written. Write: make it so, abort what runs. */
  commandReady: 0x40,
  /** Write: execute the command. */
  tpmGo: 0x20,
  /** Response bytes are left to be read. */
  dataAvail: 0x10,
  /** The command is not complete yet. */
  expect: 0x08,
  /** The TPM finished its self test. */
  selfTestDone: 0x04,
  /** Write: let the response be read again. */
  responseRetry: 0x02,
  /** The bits that are kept; the others are computed at each read. */
  stored: 0x0c00_00dc,
  /** The bits that survive a change of the others. */
  sticky: 0x0c00_0004,
} as const;

/**
 * Largest burst count that a byte access shows. QEMU: an 8-bit read of a larger count would give
 * its low byte, which can be 0 while there is room; a driver would wait for ever.
 */
export const BYTE_BURST_COUNT_LIMIT = 255;

/** Lowest locality that may clear the TPM-established flag. */
export const RESET_ESTABLISHMENT_LOCALITY = 3;

/** TPM_DATA_FIFO_x: command bytes in, response bytes out. */
export const DATA_FIFO = { offset: 0x024 } as const;

/** TPM_INTERFACE_ID_x of the PTP: which interfaces there are. */
export const INTERFACE_ID = {
  offset: 0x030,
  /** QEMU: FIFO active and supported [13], five localities [8], no CRB. */
  tpm20: 0x0000_2100,
  /** Not defined for a TPM 1.2; the low nibble F means TIS 1.3. */
  tpm12: 0xffff_ffff,
  /** Interface selection is locked until reset. */
  intfSelLock: 0x0008_0000,
} as const;

/** TPM_XDATA_FIFO_x: sixteen more names of {@link DATA_FIFO}. */
export const XDATA_FIFO = { offset: 0x080, last: 0x0bc } as const;

/** TPM_DID_VID_x. QEMU: device 0x0001 of vendor 0x1014 (IBM). */
export const DID_VID = { offset: 0xf00, value: 0x0001_1014 } as const;

/** TPM_RID_x. */
export const RID = { offset: 0xf04, value: 0x0000_0001 } as const;

/** QEMU: a read of this vendor-specific register dumps the device for people; it reads all ones. */
export const VENDOR_DEBUG = { offset: 0xf90 } as const;

/** The last locality's registers can be read only: no hash sequence exists. */
export const READ_ONLY_LOCALITY = 4;
