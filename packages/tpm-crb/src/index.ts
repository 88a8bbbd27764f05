export type { CrbStateName } from './crb-core.js';
export { CrbDevice, type CrbDeviceOptions } from './crb-device.js';
export { CrbError, type CrbErrorCode } from './error.js';
export {
  CRB_BASE_ADDRESS,
  CRB_CHUNKED_BUFFER_LIMIT,
  CRB_DATA_BUFFER_OFFSET,
  CRB_DATA_BUFFER_SIZE,
  CRB_REGION_SIZE,
  CTRL_CANCEL,
  CTRL_CMD_ADDR,
  CTRL_CMD_SIZE,
  CTRL_REQ,
  CTRL_RSP_ADDR,
  CTRL_RSP_SIZE,
  CTRL_START,
  CTRL_STS,
  INTF_ID,
  LOC_CTRL,
  LOC_STATE,
  LOC_STS,
} from './registers.js';
export {
  CRB_SNAPSHOT_FORMAT,
  type CrbChunkState,
  type CrbConfiguration,
  type CrbRegisterState,
  type CrbSnapshot,
  type CrbState,
  type CrbVariant,
} from './snapshot.js';
export {
  CRB_STATE_STREAM_SIZE,
  decodeCrbChunkState,
  decodeCrbState,
  encodeCrbChunkState,
  encodeCrbState,
} from './state-stream.js';
