import { FirmwareInterfaceError } from './error.js';
import { PPI_ADDRESS, PPI_SIZE } from './ppi-layout.js';
import type { PpiMemory } from './ppi-memory.js';

/** A range of guest-physical addresses in bytes. */
export interface MemoryRange {
  readonly address: number;
  readonly length: number;
}

/** What has to be cleared during a reset, before the guest executes its first instruction. */
export interface MemoryClearRequest {
  /** In ascending order, apart from each other, never PPI memory. */
  readonly ranges: readonly MemoryRange[];
}

function checkRange({ address, length }: MemoryRange): void {
  const fits =
    Number.isSafeInteger(address) &&
    Number.isSafeInteger(length) &&
    address >= 0 &&
    length >= 0 &&
    Number.isSafeInteger(address + length);
  if (fits) return;
  throw new FirmwareInterfaceError(
    'ERR_PPI',
    `Memory to clear is no range: address ${address}, length ${length}; give whole bytes from 0 to 2^53 - 1`,
  );
}

/** @returns the same addresses as ascending ranges that don't touch each other */
function merged(ranges: readonly MemoryRange[]): MemoryRange[] {
  const result: MemoryRange[] = [];
  const ascending = ranges.filter(({ length }) => length > 0);
  for (const range of ascending.sort((a, b) => a.address - b.address)) {
    const last = result.at(-1);
    const end = range.address + range.length;
    if (last === undefined || range.address > last.address + last.length) result.push(range);
    else {
      const length = Math.max(last.address + last.length, end) - last.address;
      result[result.length - 1] = { address: last.address, length };
    }
  }
  return result;
}

/** @returns the parts of a range before and behind PPI memory */
function withoutPpi({ address, length }: MemoryRange, ppiAddress: number): MemoryRange[] {
  const end = address + length;
  const ppiEnd = ppiAddress + PPI_SIZE;
  if (end <= ppiAddress || address >= ppiEnd) return [{ address, length }];
  return [
    { address, length: ppiAddress - address },
    { address: ppiEnd, length: end - ppiEnd },
  ].filter((part) => part.length > 0);
}

/**
 * Asks, while the machine is being reset, whether the guest requested that its memory be cleared
 * (TCG Platform Reset Attack Mitigation Specification, memory overwrite request). The host clears
 * the ranges before the guest runs, and reports them as changed to whoever tracks dirty pages.
 *
 * The request stays: it holds for each reset until the operating system withdraws it.
 *
 * @param memory PPI memory with the request
 * @param writableMemory system RAM of the guest, and the command buffer of a CRB device. No ROM, no
 *   flash, no non-volatile memory, no memory of other devices. QEMU: 7.2 also clears the read-only
 *   BIOS and thereby ends the machine; leave it out
 * @param ppiAddress where PPI memory is mapped; it is cut out, so that what it holds survives
 * @returns what to clear, or `undefined` when nothing was requested
 * @throws FirmwareInterfaceError `ERR_PPI` when a range is not one
 *
 * @example
 * const request = memoryClearRequest(ppi, [{ address: 0, length: ram.length }]);
 * for (const { address, length } of request?.ranges ?? []) ram.fill(0, address, address + length);
 */
export function memoryClearRequest(
  memory: PpiMemory,
  writableMemory: readonly MemoryRange[],
  ppiAddress: number = PPI_ADDRESS,
): MemoryClearRequest | undefined {
  writableMemory.forEach(checkRange);
  if (!memory.memoryClearRequested) return undefined;
  return { ranges: merged(writableMemory).flatMap((range) => withoutPpi(range, ppiAddress)) };
}
