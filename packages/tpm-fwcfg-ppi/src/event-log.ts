export { FirmwareInterfaceError, type FirmwareInterfaceErrorCode } from './error.js';
export {
  type CompareEventLogOptions,
  compareEventLog,
  type EventLogComparison,
  type EventMismatch,
  isDataMeasured,
  type PcrMismatch,
} from './event-log-compare.js';
export {
  DIGEST_SIZE,
  EVENT_TYPE,
  type EventLog,
  type EventLogAlgorithm,
  type EventLogEvent,
  eventTypeName,
  HASH_ALGORITHM,
  hashAlgorithmName,
  PCR_COUNT,
  type SpecId,
} from './event-log-format.js';
export { type ExecuteCommand, readPcrs } from './event-log-pcrs.js';
export { readEventLog } from './event-log-reader.js';
export {
  type HashFunction,
  type HashFunctions,
  type PcrBanks,
  replayEventLog,
} from './event-log-replay.js';
