import type { AccessWidth } from 'tpm-core';
import { readAccess, writeAccess } from './access-register.js';
import { readData, writeData } from './data-fifo.js';
import type { LocalityRegisters } from './locality.js';
import {
  ACCESS,
  ALL_ONES,
  DATA_FIFO,
  DID_VID,
  INT_ENABLE,
  INT_STATUS,
  INT_VECTOR,
  INTERFACE_ID,
  INTF_CAPABILITY,
  LANE_MASK,
  LOCALITY_PAGE_SHIFT,
  READ_ONLY_LOCALITY,
  REGISTER_OFFSET_MASK,
  RID,
  STS,
  VENDOR_DEBUG,
  XDATA_FIFO,
} from './registers.js';
import { readStatus, writeStatus } from './status-register.js';
import type { TisCore } from './tis-core.js';

/** @returns ones in the low `width` bytes, signed where `width` is 4 */
function widthMask(width: number): number {
  return width === 4 ? -1 : (1 << (8 * width)) - 1;
}

function isDataFifo(register: number): boolean {
  return (
    register === DATA_FIFO.offset || (register >= XDATA_FIFO.offset && register <= XDATA_FIFO.last)
  );
}

/**
 * @param core the device's state
 * @param locality whose page is read
 * @param register offset of the 32-bit register in the page
 * @param width width of the access in bytes
 * @returns the whole register; all ones where there is none
 */
export function readRegister(
  core: TisCore,
  locality: LocalityRegisters,
  register: number,
  width: number,
): number {
  switch (register) {
    case ACCESS.offset:
      return readAccess(core, locality);
    case INT_ENABLE.offset:
      return locality.interruptEnable;
    case INT_VECTOR.offset:
      return core.interruptVector;
    case INT_STATUS.offset:
      return locality.interruptStatus;
    case INTF_CAPABILITY.offset:
      return core.tpmVersion === '2.0' ? INTF_CAPABILITY.tpm20 : INTF_CAPABILITY.tpm12;
    case STS.offset:
      return readStatus(core, locality, width);
    case INTERFACE_ID.offset:
      return locality.interfaceId;
    case DID_VID.offset:
      return DID_VID.value;
    case RID.offset:
      return RID.value;
    default:
      return ALL_ONES;
  }
}

/**
 * Reads a naturally aligned piece of the register block.
 *
 * @param onDebugRead called when the vendor-specific debug register is read
 * @returns the value, unsigned, below 2^(8 * width)
 */
export function readRegion(
  core: TisCore,
  offset: number,
  width: AccessWidth,
  onDebugRead: ((locality: LocalityRegisters) => void) | undefined,
): number {
  const locality = core.localities[offset >>> LOCALITY_PAGE_SHIFT];
  if (locality === undefined) return (ALL_ONES & widthMask(width)) >>> 0;
  const register = offset & REGISTER_OFFSET_MASK;
  const lane = offset & LANE_MASK;
  if (isDataFifo(register)) return readData(core, locality, Math.min(width, 4 - lane));
  if (register === VENDOR_DEBUG.offset) onDebugRead?.(locality);
  const value = readRegister(core, locality, register, width);
  // Shifting would make another number of it, which engines box when it is 2^31 or more.
  if (width === 4) return value;
  return ((value >>> (8 * lane)) & widthMask(width)) >>> 0;
}

/** Writes a naturally aligned piece of the register block; bits of `value` above it are ignored. */
export function writeRegion(
  core: TisCore,
  offset: number,
  width: AccessWidth,
  value: number,
): void {
  const locality = core.localities[offset >>> LOCALITY_PAGE_SHIFT];
  if (locality === undefined || locality.number === READ_ONLY_LOCALITY) return;
  const register = offset & REGISTER_OFFSET_MASK;
  const lane = offset & LANE_MASK;
  if (isDataFifo(register)) {
    writeData(core, locality, Math.min(width, 4 - lane), value);
    return;
  }
  const written = widthMask(width) << (8 * lane);
  const word = (value << (8 * lane)) & written;
  switch (register) {
    case ACCESS.offset:
      writeAccess(core, locality, word & ACCESS.lane);
      break;
    case INT_ENABLE.offset:
      writeInterruptEnable(core, locality, word, written);
      break;
    case INT_STATUS.offset:
      if (core.active === locality.number) core.acknowledgeInterrupt(locality, word);
      break;
    case STS.offset:
      writeStatus(core, locality, word);
      break;
    case INTERFACE_ID.offset:
      if ((word & INTERFACE_ID.intfSelLock) !== 0) lockInterfaceSelection(core);
      break;
  }
}

/** QEMU: byte lanes that are not written keep their bits. */
function writeInterruptEnable(
  core: TisCore,
  locality: LocalityRegisters,
  word: number,
  written: number,
): void {
  if (core.active !== locality.number) return;
  const kept = locality.interruptEnable & ~written;
  locality.interruptEnable = ((kept | word) & INT_ENABLE.writable) >>> 0;
}

/** QEMU: one locality's write locks all of them, whoever owns the TPM. */
function lockInterfaceSelection(core: TisCore): void {
  for (let number = 0; number < core.localities.length; number++) {
    const locality = core.localities[number]!;
    locality.interfaceId = (locality.interfaceId | INTERFACE_ID.intfSelLock) >>> 0;
  }
}
