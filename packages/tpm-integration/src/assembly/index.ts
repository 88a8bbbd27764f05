export {
  acpiTable,
  aml,
  definitionBlock,
  describedTable,
  describeTpm,
  LOG_AREA,
  type OemOptions,
  REGISTERS,
  readRootTable,
  readRsdp,
  readTcpaTable,
  readTpm2Table,
  rootTable,
  rsdp,
  type TpmDescription,
  tpmDevice,
  tpmSsdt,
} from 'tpm-acpi';
export {
  type AccessWidth,
  type BackendEvent,
  type BackendSnapshot,
  commandName,
  describeCommand,
  describeResponse,
  type FrontEndSnapshot,
  type GuestMemory,
  type IrqLine,
  type MmioRegion,
  type ResetOutcome,
  responseCodeName,
  SnapshotError,
  type TpmBackend,
  TpmdevError,
  type TpmdevErrorOptions,
  type TpmFrontEnd,
  type TpmVersion,
  type TraceEvent,
  type TraceHook,
} from 'tpm-core';
export {
  buildTableLoader,
  FW_CFG_FILE,
  FW_CFG_IO_BASE,
  FW_CFG_IO_SIZE,
  FwCfgDevice,
  type FwCfgSnapshot,
  tpmConfigFile,
} from 'tpm-fwcfg-ppi';
export {
  compareEventLog,
  type EventLog,
  type EventLogComparison,
  type EventLogEvent,
  eventTypeName,
  HASH_ALGORITHM,
  type HashFunction,
  type HashFunctions,
  hashAlgorithmName,
  type PcrBanks,
  readEventLog,
  readPcrs,
  replayEventLog,
} from 'tpm-fwcfg-ppi/event-log';
export {
  memoryClearRequest,
  PPI_ADDRESS,
  PpiExecutor,
  PpiMemory,
  type PpiRequest,
  type PpiSnapshot,
} from 'tpm-fwcfg-ppi/ppi';
export type {
  BackendDefinition,
  CharacterDevice,
  DeviceDefinition,
  DeviceModel,
} from '../description.js';
export { facs, TableList } from '../firmware/table-list.js';
export {
  type DeviceContext,
  type DeviceFactory,
  deviceFactories,
  type InterruptLines,
  type PluggedDevice,
} from '../machine/device-factories.js';
export { parseChardev, type Refuse } from '../options/chardev-options.js';
export { type KeyValueList, parseKeyValueList } from '../options/key-value.js';
export { OptionError, optionError } from '../options/option-error.js';
export {
  type Availability,
  checkAvailability,
  checkBackendChardevs,
  deviceArgument,
  parseDevice,
  parseTpmdev,
} from '../options/tpm-options.js';
export { parseBoolean, parseInteger, parseMemorySize } from '../options/values.js';
