export { FirmwareInterfaceError, type FirmwareInterfaceErrorCode } from './error.js';
export {
  FwCfgDevice,
  type FwCfgDeviceOptions,
  type FwCfgFileOptions,
  type FwCfgMmioRegion,
} from './fw-cfg-device.js';
export { type FileGenerator, type FwCfgFile, LEGACY_FILE_ORDER } from './fw-cfg-items.js';
export {
  FW_CFG_DEFAULT_FILE_SLOTS,
  FW_CFG_DIRECTORY,
  FW_CFG_DMA_CONTROL,
  FW_CFG_DMA_DESCRIPTOR,
  FW_CFG_DMA_SIGNATURE,
  FW_CFG_FEATURE,
  FW_CFG_IO,
  FW_CFG_IO_BASE,
  FW_CFG_IO_SIZE,
  FW_CFG_KEY,
  FW_CFG_MMIO,
  FW_CFG_MMIO_SIZE,
  FW_CFG_VIRT_BASE_ADDRESS,
} from './fw-cfg-registers.js';
export {
  FW_CFG_SNAPSHOT_FORMAT,
  type FwCfgConfiguration,
  type FwCfgFileState,
  type FwCfgSnapshot,
  type FwCfgVariant,
} from './fw-cfg-snapshot.js';
export {
  type AddChecksumEntry,
  type AddPointerEntry,
  type AllocateEntry,
  decodeLoaderEntry,
  encodeLoaderEntry,
  LOADER_COMMAND,
  LOADER_ENTRY_SIZE,
  LOADER_NAME_SIZE,
  LOADER_ZONE,
  type LoaderEntry,
  type WritePointerEntry,
} from './loader-script.js';
export {
  type AllocationRequest,
  LoaderError,
  type LoaderErrorReason,
  type LoaderFiles,
  type LoaderHost,
  type LoaderPlacement,
  runTableLoader,
} from './table-linker.js';
export {
  buildTableLoader,
  LoaderScript,
  type LoaderTable,
  type TableLoaderDescription,
} from './table-loader.js';
export {
  FW_CFG_FILE,
  TPM_CONFIG,
  TPM_LOG_SIZE,
  type TpmConfigDescription,
  tpmConfigFile,
} from './tpm-files.js';
