import type { LocalityRegisters } from './locality.js';
import { ALL_ONES, INT_ENABLE, STS } from './registers.js';
import type { TisCore } from './tis-core.js';

/** What a read gives when there is no response byte. */
const NO_BYTE = 0xff;

function isResponseLeft(core: TisCore, locality: LocalityRegisters): boolean {
  return (
    core.active === locality.number &&
    locality.state === 'completion' &&
    locality.hasFlag(STS.dataAvail)
  );
}

/** @returns the next `count` response bytes, the first one in the lowest lane */
export function readData(core: TisCore, locality: LocalityRegisters, count: number): number {
  // A constant: engines box a number of 2^31 or more that is computed.
  if (count === 4 && !isResponseLeft(core, locality)) return ALL_ONES;
  let value = 0;
  for (let lane = 0; lane < count; lane++) {
    value |= readResponseByte(core, locality) << (8 * lane);
  }
  return value >>> 0;
}

function readResponseByte(core: TisCore, locality: LocalityRegisters): number {
  if (!isResponseLeft(core, locality)) return NO_BYTE;
  // Nothing is left where another locality filled the buffer. QEMU: gives one byte from behind it.
  const byte = core.fifo.shift();
  if (core.fifo.unread <= 0) {
    locality.setFlags(STS.stsValid);
    core.raiseInterrupt(locality, INT_ENABLE.stsValid);
  }
  return byte ?? NO_BYTE;
}

/** Takes `count` command bytes, the lowest lane of `value` first. */
export function writeData(
  core: TisCore,
  locality: LocalityRegisters,
  count: number,
  value: number,
): void {
  if (core.active !== locality.number) return;
  if (locality.state === 'ready') {
    core.changeState(locality, 'reception');
    locality.setFlags(STS.expect | STS.stsValid);
  }
  if (locality.state !== 'reception') return;
  for (let lane = 0; lane < count && locality.hasFlag(STS.expect); lane++) {
    // QEMU: a full buffer ends the command with the byte that didn't fit.
    if (!core.fifo.push((value >>> (8 * lane)) & 0xff)) locality.setFlags(STS.stsValid);
  }
  // QEMU: looked at once per access, so bytes beyond the command's end can be part of it.
  if (core.fifo.isSizeKnown && core.fifo.isCommandComplete) locality.setFlags(STS.stsValid);
}
