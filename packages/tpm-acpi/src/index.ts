export * as aml from './aml/index.js';
export {
  describedTable,
  describeTpm,
  type MachineFamily,
  TPM_CONFIGURATIONS,
  type TpmConfiguration,
  type TpmDescription,
  type TpmMachineOptions,
} from './configuration.js';
export {
  type DefinitionBlockOptions,
  definitionBlock,
  type TpmSsdtOptions,
  tpmSsdt,
} from './definition-block.js';
export { AcpiError, type AcpiErrorCode } from './error.js';
export { LOG_AREA, type LogAreaOptions } from './log-area.js';
export { MEMORY_OVERWRITE_UUID, PPI_ADDRESS, PPI_UUID, ppiObjects } from './ppi-aml.js';
export {
  ROOT_TABLE_ENTRY,
  type RootTable,
  type RootTableOptions,
  RSDP,
  RSDP_SIZE,
  type Rsdp,
  type RsdpOptions,
  readRootTable,
  readRsdp,
  rootTable,
  rsdp,
} from './root-tables.js';
export {
  acpiTable,
  checksumOf,
  type OemOptions,
  type ReadTable,
  readTable,
  TABLE_HEADER,
  TABLE_HEADER_SIZE,
  type TableHeader,
  type TableOptions,
} from './table.js';
export {
  readTcpaTable,
  TCPA_TABLE,
  TCPA_TABLE_SIZE,
  type TcpaTable,
  type TcpaTableOptions,
  tcpaTable,
} from './tcpa-table.js';
export { REGISTERS, type TpmDeviceOptions, type TpmModel, tpmDevice } from './tpm-device.js';
export {
  PLATFORM_CLASS,
  readTpm2Table,
  START_METHOD,
  TPM2_TABLE,
  TPM2_TABLE_SIZE,
  type Tpm2Table,
  type Tpm2TableOptions,
  tpm2Table,
} from './tpm2-table.js';
