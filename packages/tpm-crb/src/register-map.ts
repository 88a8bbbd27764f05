import type { AccessWidth } from 'tpm-core';
import type { CrbCore } from './crb-core.js';
import {
  CRB_DATA_BUFFER_OFFSET,
  CRB_DATA_BUFFER_SIZE,
  CTRL_CANCEL,
  CTRL_CMD_ADDR,
  CTRL_CMD_SIZE,
  CTRL_REQ,
  CTRL_RSP_ADDR,
  CTRL_RSP_SIZE,
  CTRL_START,
  CTRL_STS,
  INTF_ID,
  LANE_MASK,
  LOC_CTRL,
  LOC_STATE,
  LOC_STS,
  REGISTER_OFFSET_MASK,
} from './registers.js';

/** @returns ones in the low `width` bytes, signed where `width` is 4 */
function widthMask(width: number): number {
  return width === 4 ? -1 : (1 << (8 * width)) - 1;
}

/** What the registers are made of. */
export interface CrbRegisters {
  readonly locAssigned: boolean;
  readonly tpmIdle: boolean;
  readonly tpmSts: boolean;
  /** Missing in a saved state: it is never saved while a command runs. */
  readonly start?: boolean;
  readonly chunking: boolean;
  readonly baseAddress: number;
}

/**
 * @param core the device's state
 * @param register offset of the 32-bit register, 0x00 to 0x7C
 * @returns the register without what is computed at each read; 0 where there is none
 */
export function storedRegister(core: CrbRegisters, register: number): number {
  switch (register) {
    case LOC_STATE.offset:
      return LOC_STATE.tpmRegValidSts | (core.locAssigned ? LOC_STATE.locAssigned : 0);
    case LOC_STS.offset:
      return core.locAssigned ? LOC_STS.granted : 0;
    case INTF_ID.offset:
      return INTF_ID.low | (core.chunking ? INTF_ID.capCrbChunk : 0);
    case INTF_ID.highOffset:
      return INTF_ID.high;
    case CTRL_STS.offset:
      return (core.tpmIdle ? CTRL_STS.tpmIdle : 0) | (core.tpmSts ? CTRL_STS.tpmSts : 0);
    case CTRL_START.offset:
      return core.start ? CTRL_START.start : 0;
    case CTRL_CMD_SIZE.offset:
    case CTRL_RSP_SIZE.offset:
      return CRB_DATA_BUFFER_SIZE;
    case CTRL_CMD_ADDR.lowOffset:
    case CTRL_RSP_ADDR.lowOffset:
      return (core.baseAddress + CRB_DATA_BUFFER_OFFSET) >>> 0;
    case CTRL_CMD_ADDR.highOffset:
    case CTRL_RSP_ADDR.highOffset:
      return Math.floor(core.baseAddress / 2 ** 32);
    default:
      return 0;
  }
}

/**
 * Reads a naturally aligned piece of the registers.
 *
 * @returns the value, unsigned, below 2^(8 * width)
 */
export function readRegister(core: CrbCore, offset: number, width: AccessWidth): number {
  const register = offset & REGISTER_OFFSET_MASK;
  let value = storedRegister(core, register);
  if (register === LOC_STATE.offset && !core.port.established()) value |= LOC_STATE.tpmEstablished;
  // Shifting would make another number of it, which engines box when it is 2^31 or more.
  if (width === 4) return value;
  return (value >>> (8 * (offset & LANE_MASK))) & widthMask(width);
}

/**
 * Writes a naturally aligned piece of the registers; bits of `value` above it are ignored. QEMU: a
 * write counts only at the very offset of a register, and only if it equals a defined value.
 */
export function writeRegister(
  core: CrbCore,
  offset: number,
  width: AccessWidth,
  value: number,
): void {
  const written = value & widthMask(width);
  switch (offset) {
    case LOC_CTRL.offset:
      if (written === LOC_CTRL.requestAccess) core.assignLocality(true);
      else if (written === LOC_CTRL.relinquish) core.assignLocality(false);
      break;
    case CTRL_REQ.offset:
      if (written === CTRL_REQ.cmdReady) core.changeState(false, core.start);
      else if (written === CTRL_REQ.goIdle) core.changeState(true, core.start);
      break;
    case CTRL_CANCEL.offset:
      if (written === CTRL_CANCEL.cancel && core.start) core.port.cancel();
      break;
    case CTRL_START.offset:
      if (core.locAssigned && !core.start) writeStart(core, written);
      break;
  }
}

/** QEMU: with chunking the bits count, one of them, in this order. */
function writeStart(core: CrbCore, written: number): void {
  if (core.chunks === undefined) {
    if (written === CTRL_START.start) core.execute();
  } else if ((written & CTRL_START.start) !== 0) core.execute();
  else if ((written & CTRL_START.nextChunk) !== 0) core.nextChunk();
  else if ((written & CTRL_START.crbRspRetry) !== 0) core.retryResponse();
}
