import type { LocalityOrNone, LocalityRegisters, TisStateName } from './locality.js';
import { readRegister } from './register-map.js';
import {
  ACCESS,
  DID_VID,
  INT_ENABLE,
  INT_STATUS,
  INT_VECTOR,
  INTF_CAPABILITY,
  RID,
  STS,
} from './registers.js';
import type { TisCore } from './tis-core.js';

/** What the vendor-specific debug register shows to people. */
export interface TisDebugDump {
  /** Locality whose debug register was read. */
  readonly locality: number;
  /** State of that locality. */
  readonly state: TisStateName;
  /** Owner of the TPM, -1 for none. */
  readonly activeLocality: LocalityOrNone;
  /** That locality's registers by name. */
  readonly registers: Readonly<Record<string, number>>;
  /** Position in the buffer. */
  readonly offset: number;
  /** A copy of the buffer up to the length in its header. */
  readonly message: Uint8Array;
}

const DUMPED_REGISTERS: ReadonlyMap<string, number> = new Map([
  ['ACCESS', ACCESS.offset],
  ['INT_ENABLE', INT_ENABLE.offset],
  ['INT_VECTOR', INT_VECTOR.offset],
  ['INT_STATUS', INT_STATUS.offset],
  ['INTF_CAPABILITY', INTF_CAPABILITY.offset],
  ['STS', STS.offset],
  ['DID_VID', DID_VID.offset],
  ['RID', RID.offset],
]);

/** @returns the state that the debug register of a locality shows; changes nothing */
export function dumpForDebugging(core: TisCore, locality: LocalityRegisters): TisDebugDump {
  const registers: Record<string, number> = {};
  for (const [name, offset] of DUMPED_REGISTERS) {
    registers[name] = readRegister(core, locality, offset, 4);
  }
  return {
    locality: locality.number,
    state: locality.state,
    activeLocality: core.active,
    registers,
    offset: core.fifo.offset,
    message: core.fifo.bytes.slice(0, core.fifo.messageLength),
  };
}
