export {
  type DsmCall,
  type DsmFailure,
  type DsmResult,
  evaluateDsm,
  MEMORY_OVERWRITE_DSM_FUNCTION,
  MEMORY_OVERWRITE_DSM_UUID,
  PPI_DSM_FUNCTION,
  PPI_DSM_UUID,
} from './dsm.js';
export { FirmwareInterfaceError, type FirmwareInterfaceErrorCode } from './error.js';
export { type MemoryClearRequest, type MemoryRange, memoryClearRequest } from './memory-clear.js';
export {
  defaultPpiFunctions,
  PpiExecutor,
  type PpiExecutorOptions,
  type PpiFirmwareSetting,
  type PpiOutcome,
  type PpiRequest,
} from './ppi-executor.js';
export {
  PPI_ADDRESS,
  PPI_FUNCTION,
  PPI_FUNCTION_COUNT,
  PPI_MOVV,
  PPI_OFFSET,
  PPI_OPERATION,
  PPI_RESULT,
  PPI_SIZE,
} from './ppi-layout.js';
export {
  PPI_SNAPSHOT_FORMAT,
  PpiMemory,
  type PpiMemoryOptions,
  type PpiSnapshot,
} from './ppi-memory.js';
export { PCR_BANK_BIT } from './ppi-tpm20.js';
