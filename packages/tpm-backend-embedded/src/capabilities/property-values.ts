import { IMPLEMENTED_COMMANDS } from '../commands/command-table.js';
import { isCounter } from '../nv/nv-index.js';
import { availableCounters, availablePersistentObjects, NV_MEMORY } from '../nv/nv-memory.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { CURVES } from '../structures/algorithms.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';
import { loadedSessions } from './handle-lists.js';

/** Properties of the TPM (Part 2, section 6.13, TPM_PT). */
export const TPM_PT = {
  FAMILY_INDICATOR: 0x100,
  LEVEL: 0x101,
  REVISION: 0x102,
  DAY_OF_YEAR: 0x103,
  YEAR: 0x104,
  MANUFACTURER: 0x105,
  VENDOR_STRING_1: 0x106,
  VENDOR_STRING_2: 0x107,
  VENDOR_STRING_3: 0x108,
  VENDOR_STRING_4: 0x109,
  VENDOR_TPM_TYPE: 0x10a,
  FIRMWARE_VERSION_1: 0x10b,
  FIRMWARE_VERSION_2: 0x10c,
  INPUT_BUFFER: 0x10d,
  HR_TRANSIENT_MIN: 0x10e,
  HR_PERSISTENT_MIN: 0x10f,
  HR_LOADED_MIN: 0x110,
  ACTIVE_SESSIONS_MAX: 0x111,
  PCR_COUNT: 0x112,
  PCR_SELECT_MIN: 0x113,
  CONTEXT_GAP_MAX: 0x114,
  NV_COUNTERS_MAX: 0x116,
  NV_INDEX_MAX: 0x117,
  MEMORY: 0x118,
  CLOCK_UPDATE: 0x119,
  CONTEXT_HASH: 0x11a,
  CONTEXT_SYM: 0x11b,
  CONTEXT_SYM_SIZE: 0x11c,
  ORDERLY_COUNT: 0x11d,
  MAX_COMMAND_SIZE: 0x11e,
  MAX_RESPONSE_SIZE: 0x11f,
  MAX_DIGEST: 0x120,
  MAX_OBJECT_CONTEXT: 0x121,
  MAX_SESSION_CONTEXT: 0x122,
  PS_FAMILY_INDICATOR: 0x123,
  PS_LEVEL: 0x124,
  PS_REVISION: 0x125,
  PS_DAY_OF_YEAR: 0x126,
  PS_YEAR: 0x127,
  SPLIT_MAX: 0x128,
  TOTAL_COMMANDS: 0x129,
  LIBRARY_COMMANDS: 0x12a,
  VENDOR_COMMANDS: 0x12b,
  NV_BUFFER_MAX: 0x12c,
  MODES: 0x12d,
  MAX_CAP_BUFFER: 0x12e,
  PERMANENT: 0x200,
  STARTUP_CLEAR: 0x201,
  HR_NV_INDEX: 0x202,
  HR_LOADED: 0x203,
  HR_LOADED_AVAIL: 0x204,
  HR_ACTIVE: 0x205,
  HR_ACTIVE_AVAIL: 0x206,
  HR_TRANSIENT_AVAIL: 0x207,
  HR_PERSISTENT: 0x208,
  HR_PERSISTENT_AVAIL: 0x209,
  NV_COUNTERS: 0x20a,
  NV_COUNTERS_AVAIL: 0x20b,
  ALGORITHM_SET: 0x20c,
  LOADED_CURVES: 0x20d,
  LOCKOUT_COUNTER: 0x20e,
  MAX_AUTH_FAIL: 0x20f,
  LOCKOUT_INTERVAL: 0x210,
  LOCKOUT_RECOVERY: 0x211,
  NV_WRITE_RECOVERY: 0x212,
  AUDIT_COUNTER_0: 0x213,
  AUDIT_COUNTER_1: 0x214,
} as const;

/** TPMA_PERMANENT (Part 2, section 8.6). */
export const TPMA_PERMANENT = {
  ownerAuthSet: 0x001,
  endorsementAuthSet: 0x002,
  lockoutAuthSet: 0x004,
  disableClear: 0x100,
  inLockout: 0x200,
  tpmGeneratedEPS: 0x400,
} as const;

/** TPMA_STARTUP_CLEAR (Part 2, section 8.7). */
export const TPMA_STARTUP_CLEAR = {
  phEnable: 0x0000_0001,
  shEnable: 0x0000_0002,
  ehEnable: 0x0000_0004,
  phEnableNV: 0x0000_0008,
  orderly: 0x8000_0000,
} as const;

/** TPMA_MEMORY (Part 2, section 8.8): slots take objects and sequences, persistent objects too. */
const TPMA_MEMORY = { sharedRAM: 0x2, objectCopiedToRam: 0x4 } as const;

/** "2.0" with a zero byte. */
const FAMILY = 0x322e_3000;
/** The library specification: revision 1.64 of March 16, 2021. */
const SPECIFICATION = { level: 0, revision: 164, dayOfYear: 75, year: 2021 } as const;

type PropertyValue = number | ((tpm: Tpm) => number);

/** The properties by number, each with its value or where the value comes from. */
export const PROPERTY_VALUES: readonly (readonly [property: number, value: PropertyValue])[] = [
  [TPM_PT.FAMILY_INDICATOR, FAMILY],
  [TPM_PT.LEVEL, SPECIFICATION.level],
  [TPM_PT.REVISION, SPECIFICATION.revision],
  [TPM_PT.DAY_OF_YEAR, SPECIFICATION.dayOfYear],
  [TPM_PT.YEAR, SPECIFICATION.year],
  [TPM_PT.MANUFACTURER, ({ identity }) => identity.manufacturer],
  [TPM_PT.VENDOR_STRING_1, ({ identity }) => identity.vendorStrings[0]],
  [TPM_PT.VENDOR_STRING_2, ({ identity }) => identity.vendorStrings[1]],
  [TPM_PT.VENDOR_STRING_3, ({ identity }) => identity.vendorStrings[2]],
  [TPM_PT.VENDOR_STRING_4, ({ identity }) => identity.vendorStrings[3]],
  [TPM_PT.VENDOR_TPM_TYPE, ({ identity }) => identity.vendorTpmType],
  [TPM_PT.FIRMWARE_VERSION_1, ({ identity }) => identity.firmwareVersion[0]],
  [TPM_PT.FIRMWARE_VERSION_2, ({ identity }) => identity.firmwareVersion[1]],
  [TPM_PT.INPUT_BUFFER, LIMIT.INPUT_BUFFER],
  [TPM_PT.HR_TRANSIENT_MIN, ({ transientSlots }) => transientSlots],
  [TPM_PT.HR_PERSISTENT_MIN, NV_MEMORY.guaranteedObjects],
  [TPM_PT.HR_LOADED_MIN, LIMIT.LOADED_SESSIONS],
  [TPM_PT.ACTIVE_SESSIONS_MAX, LIMIT.ACTIVE_SESSIONS],
  [TPM_PT.PCR_COUNT, LIMIT.PCR],
  [TPM_PT.PCR_SELECT_MIN, LIMIT.PCR_SELECT],
  [TPM_PT.CONTEXT_GAP_MAX, LIMIT.CONTEXT_GAP],
  // Zero stands for "as many as there is room for".
  [TPM_PT.NV_COUNTERS_MAX, 0],
  [TPM_PT.NV_INDEX_MAX, LIMIT.NV_INDEX],
  [TPM_PT.MEMORY, TPMA_MEMORY.sharedRAM | TPMA_MEMORY.objectCopiedToRam],
  [TPM_PT.CLOCK_UPDATE, LIMIT.CLOCK_UPDATE],
  [TPM_PT.CONTEXT_HASH, TPM_ALG.SHA512],
  [TPM_PT.CONTEXT_SYM, TPM_ALG.AES],
  [TPM_PT.CONTEXT_SYM_SIZE, 256],
  [TPM_PT.ORDERLY_COUNT, 0xff],
  [TPM_PT.MAX_COMMAND_SIZE, ({ bufferSize }) => bufferSize],
  [TPM_PT.MAX_RESPONSE_SIZE, ({ bufferSize }) => bufferSize],
  [TPM_PT.MAX_DIGEST, LIMIT.DIGEST],
  [TPM_PT.MAX_OBJECT_CONTEXT, LIMIT.OBJECT_CONTEXT],
  [TPM_PT.MAX_SESSION_CONTEXT, LIMIT.SESSION_CONTEXT],
  [TPM_PT.PS_FAMILY_INDICATOR, FAMILY],
  [TPM_PT.PS_LEVEL, SPECIFICATION.level],
  [TPM_PT.PS_REVISION, SPECIFICATION.revision],
  [TPM_PT.PS_DAY_OF_YEAR, SPECIFICATION.dayOfYear],
  [TPM_PT.PS_YEAR, SPECIFICATION.year],
  [TPM_PT.SPLIT_MAX, 128],
  [TPM_PT.TOTAL_COMMANDS, () => IMPLEMENTED_COMMANDS.length],
  [TPM_PT.LIBRARY_COMMANDS, () => IMPLEMENTED_COMMANDS.length],
  [TPM_PT.VENDOR_COMMANDS, 0],
  [TPM_PT.NV_BUFFER_MAX, LIMIT.NV_BUFFER],
  [TPM_PT.MODES, 0],
  [TPM_PT.MAX_CAP_BUFFER, LIMIT.CAPABILITY_BUFFER],
  [TPM_PT.PERMANENT, permanentAttributes],
  [TPM_PT.STARTUP_CLEAR, startupClearAttributes],
  [TPM_PT.HR_NV_INDEX, ({ state }) => state.permanent.nvIndexes.length],
  [TPM_PT.HR_LOADED, (tpm) => loadedSessions(tpm).length],
  [TPM_PT.HR_LOADED_AVAIL, (tpm) => LIMIT.LOADED_SESSIONS - loadedSessions(tpm).length],
  [TPM_PT.HR_ACTIVE, activeSessions],
  [TPM_PT.HR_ACTIVE_AVAIL, (tpm) => LIMIT.ACTIVE_SESSIONS - activeSessions(tpm)],
  [TPM_PT.HR_TRANSIENT_AVAIL, freeSlots],
  [TPM_PT.HR_PERSISTENT, ({ state }) => state.permanent.persistentObjects.length],
  [TPM_PT.HR_PERSISTENT_AVAIL, availablePersistentObjects],
  [TPM_PT.NV_COUNTERS, ({ state }) => state.permanent.nvIndexes.filter(isCounter).length],
  [TPM_PT.NV_COUNTERS_AVAIL, availableCounters],
  [TPM_PT.ALGORITHM_SET, 0],
  [TPM_PT.LOADED_CURVES, CURVES.length],
  [TPM_PT.LOCKOUT_COUNTER, ({ state }) => state.permanent.failedTries],
  [TPM_PT.MAX_AUTH_FAIL, ({ state }) => state.permanent.maxTries],
  [TPM_PT.LOCKOUT_INTERVAL, ({ state }) => state.permanent.recoveryTime],
  [TPM_PT.LOCKOUT_RECOVERY, ({ state }) => state.permanent.lockoutRecovery],
  [TPM_PT.NV_WRITE_RECOVERY, 0],
  [TPM_PT.AUDIT_COUNTER_0, ({ state }) => Number(state.permanent.auditCounter >> 32n)],
  [TPM_PT.AUDIT_COUNTER_1, ({ state }) => Number(state.permanent.auditCounter & 0xffff_ffffn)],
];

function permanentAttributes({ state: { permanent } }: Tpm): number {
  return (
    (permanent.owner.authValue.length > 0 ? TPMA_PERMANENT.ownerAuthSet : 0) |
    (permanent.endorsement.authValue.length > 0 ? TPMA_PERMANENT.endorsementAuthSet : 0) |
    (permanent.lockout.authValue.length > 0 ? TPMA_PERMANENT.lockoutAuthSet : 0) |
    (permanent.disableClear ? TPMA_PERMANENT.disableClear : 0) |
    (permanent.failedTries >= permanent.maxTries ? TPMA_PERMANENT.inLockout : 0) |
    TPMA_PERMANENT.tpmGeneratedEPS
  );
}

function startupClearAttributes({ state: { clear, volatile } }: Tpm): number {
  return (
    ((volatile.phEnable ? TPMA_STARTUP_CLEAR.phEnable : 0) |
      (clear.shEnable ? TPMA_STARTUP_CLEAR.shEnable : 0) |
      (clear.ehEnable ? TPMA_STARTUP_CLEAR.ehEnable : 0) |
      (clear.phEnableNV ? TPMA_STARTUP_CLEAR.phEnableNV : 0) |
      (volatile.wasOrderly ? TPMA_STARTUP_CLEAR.orderly : 0)) >>>
    0
  );
}

/** Loaded sessions and those whose contexts are saved. */
function activeSessions(tpm: Tpm): number {
  return loadedSessions(tpm).length + tpm.state.reset.savedSessions.length;
}

function freeSlots({ state: { volatile } }: Tpm): number {
  return volatile.slots.filter((slot) => slot === undefined).length;
}
