/**
 * The registers of the Command Response Buffer interface, as the TCG PC Client Platform TPM Profile
 * (PTP) names them, section "CRB interface". All are 32 bits wide and little endian. `QEMU:` marks
 * what QEMU decided.
 */

/** Guest-physical address at which PC firmware and operating systems expect the TPM. */
export const CRB_BASE_ADDRESS = 0xfed4_0000;

/** Length of the device in bytes: one page, registers first, the data buffer behind them. */
export const CRB_REGION_SIZE = 0x1000;

/** Where the command and response buffer begins in the page, in bytes. */
export const CRB_DATA_BUFFER_OFFSET = 0x80;

/** Length of the command and response buffer in bytes. */
export const CRB_DATA_BUFFER_SIZE = 0xf80;

/**
 * Longest command or response with chunking, in bytes. The back end's buffer size counts where it
 * is smaller; this bounds what a back end can make the device keep.
 */
export const CRB_CHUNKED_BUFFER_LIMIT = 0x1_0000;

/** Selects the 32-bit register within the page. */
export const REGISTER_OFFSET_MASK = 0x7c;

/** Selects the byte lane within a 32-bit register. */
export const LANE_MASK = 0x3;

/** TPM_LOC_STATE: who owns the TPM. QEMU: activeLocality [4:2] is always 0. */
export const LOC_STATE = {
  offset: 0x00,
  /** The other bits of the register are valid; always 1. */
  tpmRegValidSts: 0x80,
  /** Locality 0 owns the TPM. */
  locAssigned: 0x02,
  /** 0 after a dynamic launch until software resets the flag, else 1. Computed at each read. */
  tpmEstablished: 0x01,
} as const;

/**
 * TPM_LOC_CTRL: asks for the TPM and gives it back; reads as zero. QEMU: seize (4) and
 * resetEstablishmentBit (8) have no effect, as there is one locality only.
 */
export const LOC_CTRL = { offset: 0x08, requestAccess: 1, relinquish: 2 } as const;

/** TPM_LOC_STS. QEMU: beenSeized [1] is always 0. */
export const LOC_STS = { offset: 0x0c, granted: 0x01 } as const;

/**
 * TPM_INTF_ID: CRB active [3:0] = 1, version [7:4] = 1, one locality [8] = 0, 64-byte transfers
 * [12:11] = 3, CRB supported [14], CRB selected [18:17] = 1.
 */
export const INTF_ID = {
  offset: 0x30,
  low: 0x0002_5811,
  /** capCRBChunk [10]: commands and responses can be longer than the data buffer. */
  capCrbChunk: 0x0000_0400,
  highOffset: 0x34,
  /** QEMU: vendor 0x1014 (IBM), device 0. */
  high: 0x0000_1014,
} as const;

/** TPM_CRB_CTRL_REQ: leaves and enters Idle; reads as zero. */
export const CTRL_REQ = { offset: 0x40, cmdReady: 1, goIdle: 2 } as const;

/** TPM_CRB_CTRL_STS. */
export const CTRL_STS = {
  offset: 0x44,
  /** The TPM is in Idle. QEMU: a mere flag; commands run in Idle too. */
  tpmIdle: 0x02,
  /** Fatal error. QEMU: set by a failing back end until reset; commands run nevertheless. */
  tpmSts: 0x01,
} as const;

/** TPM_CRB_CTRL_CANCEL: write 1 to cut the running command short; reads as zero. */
export const CTRL_CANCEL = { offset: 0x48, cancel: 1 } as const;

/** TPM_CRB_CTRL_START: write Start to execute the command; it reads 1 until the answer is there. */
export const CTRL_START = {
  offset: 0x4c,
  start: 0x1,
  /** With chunking: shows the first piece of the response again. */
  crbRspRetry: 0x2,
  /** With chunking: takes the next piece of the command, or shows the next one of the response. */
  nextChunk: 0x4,
} as const;

/** TPM_CRB_CTRL_CMD_SIZE. QEMU: constant, also where the back end takes less. */
export const CTRL_CMD_SIZE = { offset: 0x58 } as const;

/** TPM_CRB_CTRL_CMD_LADDR and _HADDR: guest-physical address of the command buffer. */
export const CTRL_CMD_ADDR = { lowOffset: 0x5c, highOffset: 0x60 } as const;

/** TPM_CRB_CTRL_RSP_SIZE. */
export const CTRL_RSP_SIZE = { offset: 0x64 } as const;

/** TPM_CRB_CTRL_RSP_ADDR: guest-physical address of the response buffer: the same one. */
export const CTRL_RSP_ADDR = { lowOffset: 0x68, highOffset: 0x6c } as const;
