import { type GuestMemory, readUint32 } from 'tpm-core';
import { FW_CFG_DMA_CONTROL, FW_CFG_DMA_DESCRIPTOR } from './fw-cfg-registers.js';
import type { FwCfgSelection } from './fw-cfg-selection.js';

/** Zeros are written in pieces of this many bytes, so that no guest makes the device allocate more. */
const ZERO_PIECE = 0x1_0000;

/** Control words that the device writes back, big-endian. */
const SUCCESS: Uint8Array = Uint8Array.of(0, 0, 0, 0);
const FAILURE: Uint8Array = Uint8Array.of(0, 0, 0, FW_CFG_DMA_CONTROL.error);

/** A guest can ask for any 64-bit address; those that a `number` doesn't hold are not memory. */
function isAddressable(address: number, length: number): boolean {
  return address <= Number.MAX_SAFE_INTEGER - length;
}

function writeZeros(memory: GuestMemory, address: number, length: number): boolean {
  if (length === 0) return true;
  const zeros = new Uint8Array(Math.min(length, ZERO_PIECE));
  for (let done = 0; done < length; done += ZERO_PIECE) {
    if (!memory.write(address + done, zeros.subarray(0, length - done))) return false;
  }
  return true;
}

/** The guest reads: item bytes, then zeros. The bytes are consumed even if the buffer is bad. */
function readItem(
  memory: GuestMemory,
  selection: FwCfgSelection,
  address: number,
  length: number,
): boolean {
  const bytes = selection.take(length);
  const count = bytes?.length ?? 0;
  if (length === 0) return true;
  if (!isAddressable(address, length)) return false;
  if (bytes !== undefined && count > 0 && !memory.write(address, bytes)) return false;
  return writeZeros(memory, address + count, length - count);
}

/** The guest writes. QEMU: a refused write moves the offset all the same. */
function writeItem(
  memory: GuestMemory,
  selection: FwCfgSelection,
  address: number,
  length: number,
): boolean {
  const target = selection.take(length);
  if (length === 0) return true;
  if (target === undefined || !selection.item?.writable || target.length < length) return false;
  const bytes = isAddressable(address, length) ? memory.read(address, length) : undefined;
  if (bytes === undefined) return false;
  target.set(bytes);
  return true;
}

/** As far as possible: the descriptor may lie across the end of memory. */
function writeControl(memory: GuestMemory, address: number, control: Uint8Array): void {
  if (!isAddressable(address, control.length) || memory.write(address, control)) return;
  for (let at = 0; at < control.length; at++) {
    memory.write(address + at, control.subarray(at, at + 1));
  }
}

/**
 * Executes the DMA descriptor at an address, which ends with its control word written back.
 *
 * @param address guest-physical, 0 to 2^64 - 1; not exact beyond 2^53, where no memory is
 * @param select selects a key
 */
export function runDmaDescriptor(
  memory: GuestMemory,
  address: number,
  selection: FwCfgSelection,
  select: (key: number) => void,
): void {
  const { size, length: lengthAt, address: bufferAt } = FW_CFG_DMA_DESCRIPTOR;
  const descriptor = isAddressable(address, size) ? memory.read(address, size) : undefined;
  if (descriptor === undefined) {
    writeControl(memory, address, FAILURE);
    return;
  }
  const control = readUint32(descriptor, FW_CFG_DMA_DESCRIPTOR.control);
  const length = readUint32(descriptor, lengthAt);
  const buffer = readUint32(descriptor, bufferAt) * 2 ** 32 + readUint32(descriptor, bufferAt + 4);
  if (control & FW_CFG_DMA_CONTROL.select) select(control >>> 16);
  let succeeded = true;
  if (control & FW_CFG_DMA_CONTROL.read) succeeded = readItem(memory, selection, buffer, length);
  else if (control & FW_CFG_DMA_CONTROL.write) {
    succeeded = writeItem(memory, selection, buffer, length);
  } else if (control & FW_CFG_DMA_CONTROL.skip) selection.skip(length);
  writeControl(memory, address, succeeded ? SUCCESS : FAILURE);
}
