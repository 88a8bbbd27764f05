export type { TisDebugDump } from './debug-dump.js';
export {
  type DeviceTreeNode,
  type TisDeviceTreeOptions,
  tisDeviceTree,
} from './device-tree.js';
export { TisError, type TisErrorCode } from './error.js';
export type { LocalityOrNone, TisStateName } from './locality.js';
export {
  ACCESS,
  DATA_FIFO,
  DID_VID,
  INT_ENABLE,
  INT_STATUS,
  INT_VECTOR,
  INTERFACE_ID,
  INTF_CAPABILITY,
  LOCALITY_COUNT,
  LOCALITY_PAGE_SIZE,
  RID,
  STS,
  TIS_BASE_ADDRESS,
  TIS_BUFFER_SIZE,
  TIS_DEFAULT_IRQ,
  TIS_REGION_SIZE,
  VENDOR_DEBUG,
  XDATA_FIFO,
} from './registers.js';
export {
  TIS_SNAPSHOT_FORMAT,
  type TisConfiguration,
  type TisLocalityState,
  type TisSnapshot,
  type TisState,
  type TisVariant,
} from './snapshot.js';
export { decodeTisState, encodeTisState, TIS_STATE_STREAM_SIZE } from './state-stream.js';
export { TisDevice, type TisDeviceOptions } from './tis-device.js';
