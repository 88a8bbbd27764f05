import type { LocalityRegisters } from './locality.js';
import {
  ALL_ONES,
  BYTE_BURST_COUNT_LIMIT,
  RESET_ESTABLISHMENT_LOCALITY,
  STS,
} from './registers.js';
import type { TisCore } from './tis-core.js';

/** Bytes that the owner can move without waiting, as an access of this width shows it. */
function burstCount(core: TisCore, locality: LocalityRegisters, width: number): number {
  if (locality.hasFlag(STS.dataAvail)) return core.fifo.unread;
  const room = core.fifo.room;
  return width === 1 && room > BYTE_BURST_COUNT_LIMIT ? BYTE_BURST_COUNT_LIMIT : room;
}

/**
 * @param width width of the access in bytes
 * @returns the whole TPM_STS; all ones for a locality that doesn't own the TPM
 */
export function readStatus(core: TisCore, locality: LocalityRegisters, width: number): number {
  if (core.active !== locality.number) return ALL_ONES;
  // QEMU: not cut to the field's 16 bits, so a negative count shows in the bits above it.
  const count = burstCount(core, locality, width) << STS.burstCountShift;
  return (locality.status | count) >>> 0;
}

/** A write to TPM_STS. Exactly one of commandReady, tpmGo and responseRetry makes an event. */
export function writeStatus(core: TisCore, locality: LocalityRegisters, value: number): void {
  if (core.active !== locality.number) return;
  if (core.tpmVersion === '2.0') controlTpm(core, locality, value);
  switch (value & (STS.commandReady | STS.tpmGo | STS.responseRetry)) {
    case STS.commandReady:
      ready(core, locality);
      break;
    case STS.tpmGo:
      go(core, locality);
      break;
    case STS.responseRetry:
      retry(core, locality);
      break;
  }
}

/** The bits that a TPM 2.0 adds; independent of the events. */
function controlTpm(core: TisCore, locality: LocalityRegisters, value: number): void {
  if ((value & STS.commandCancel) !== 0 && locality.state === 'execution') core.port.cancel();
  if (
    (value & STS.resetEstablishmentBit) !== 0 &&
    locality.number >= RESET_ESTABLISHMENT_LOCALITY
  ) {
    core.port.resetEstablished(locality);
  }
}

function ready(core: TisCore, locality: LocalityRegisters): void {
  switch (locality.state) {
    case 'idle':
      // QEMU: the position stays where another locality left it.
      core.becomeReady(locality);
      break;
    case 'ready':
      core.fifo.rewind();
      break;
    case 'completion':
      core.fifo.rewind();
      core.becomeReady(locality);
      break;
    case 'execution':
    case 'reception':
      core.startAbort(locality.number, locality.number);
      break;
  }
}

function go(core: TisCore, locality: LocalityRegisters): void {
  if (locality.state === 'reception' && !locality.hasFlag(STS.expect)) core.execute(locality);
}

function retry(core: TisCore, locality: LocalityRegisters): void {
  if (locality.state !== 'completion') return;
  core.fifo.rewind();
  locality.setFlags(STS.stsValid | STS.dataAvail);
}
