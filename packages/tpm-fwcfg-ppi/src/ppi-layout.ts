/** Guest-physical address of PPI memory. QEMU: right behind the five pages of the TIS. */
export const PPI_ADDRESS = 0xfed4_5000;

/** Length of PPI memory in bytes. */
export const PPI_SIZE = 0x400;

/** Operation numbers that PPI memory has a function byte for. */
export const PPI_FUNCTION_COUNT = 0x100;

/**
 * Byte offsets of the fields in PPI memory. The names are those of the `_DSM`'s operation regions;
 * 32-bit fields are little endian and unaligned.
 *
 * - `func`: 256 bytes, one {@link PPI_FUNCTION} for each operation number; written by firmware
 * - `ppin`: 8 bits, an SMI number; OVMF's mark that the fields are initialised
 * - `ppip`: 32 bits, a function index for system management mode; unused
 * - `pprp`: 32 bits, {@link PPI_RESULT} of the last operation; written by firmware
 * - `pprq`: 32 bits, the pending operation, 0 for none; written by the operating system
 * - `pprm`: 32 bits, the parameter of the pending operation; written by the operating system
 * - `lppr`: 32 bits, the last operation; written by firmware
 * - `fret`: 32 bits, a result of system management mode; unused
 * - `nextStep`: 8 bits, the operation to go on with after a reboot; written by firmware
 * - `movv`: 8 bits, the memory overwrite request; written by the operating system
 */
export const PPI_OFFSET = {
  func: 0x000,
  ppin: 0x100,
  ppip: 0x101,
  pprp: 0x105,
  pprq: 0x109,
  pprm: 0x10d,
  lppr: 0x111,
  fret: 0x115,
  nextStep: 0x159,
  movv: 0x15a,
} as const;

/**
 * What firmware offers of an operation (TCG PC Client Physical Presence Interface 1.30, "Get User
 * Confirmation Status for Operation"). The three low bits of a function byte.
 */
export const PPI_FUNCTION = {
  mask: 7,
  notImplemented: 0,
  /** For firmware itself; not for an operating system. */
  firmwareOnly: 1,
  /** Firmware settings forbid it to an operating system. */
  blocked: 2,
  /** A physically present user has to confirm it. */
  allowedAfterConfirmation: 3,
  allowed: 4,
} as const;

/** Bits of `movv` (TCG Platform Reset Attack Mitigation Specification, memory overwrite request). */
export const PPI_MOVV = {
  /** Overwrite memory at the next reset. */
  clearMemory: 0x01,
} as const;

/**
 * Results of an operation (TCG PC Client Physical Presence Interface 1.30, "Return TPM Operation
 * Response to OS Environment"). Values 1 to `largestTpmError` are a TPM's response code.
 */
export const PPI_RESULT = {
  success: 0,
  largestTpmError: 0x0000_0fff,
  /** The user refused, or didn't answer in time. */
  userAbort: 0xffff_fff0,
  /** Firmware could not carry it out. */
  firmwareFailure: 0xffff_fff1,
} as const;

/**
 * Operation numbers (TCG PC Client Physical Presence Interface 1.30, table of the physical presence
 * operations). Names join the steps of an operation in their order.
 */
export const PPI_OPERATION = {
  none: 0,
  enable: 1,
  disable: 2,
  activate: 3,
  deactivate: 4,
  clear: 5,
  enableActivate: 6,
  deactivateDisable: 7,
  setOwnerInstallTrue: 8,
  setOwnerInstallFalse: 9,
  enableActivateSetOwnerInstallTrue: 10,
  setOwnerInstallFalseDeactivateDisable: 11,
  clearEnableActivate: 14,
  enableActivateClear: 21,
  enableActivateClearEnableActivate: 22,
  setPcrBanks: 23,
  changeEps: 24,
  logAllDigests: 33,
  enableBlockSid: 96,
  disableBlockSid: 97,
} as const;
