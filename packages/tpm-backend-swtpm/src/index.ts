export type { CommandTimeLimits } from './command-pipeline.js';
export { type ConnectSwtpmOptions, connectSwtpm, type SwtpmEndpoint } from './connect.js';
export type { ControlChannel, ControlTimeLimits, RequestWriter } from './control-channel.js';
export { ControlClient } from './control-client.js';
export {
  CAPABILITY,
  CONFIG_FLAG,
  CONTROL_COMMAND,
  CONTROL_RESULT,
  type ControlCommandName,
  describeControlResult,
  INFO_FLAG,
  INIT_DELETE_VOLATILE,
  MIGRATION_CAPABILITIES,
  NEEDED_CAPABILITIES,
  STATE_BLOB_DECRYPTED,
  STATE_BLOB_ENCRYPTED,
  STATE_BLOB_LIMIT,
  STATE_BLOB_TYPE,
  type StateBlobName,
} from './control-codes.js';
export {
  type BodilessCommand,
  type ControlRequest,
  encodeControlRequest,
  type ParsedControlRequest,
  parseControlRequest,
} from './control-request.js';
export {
  type BufferSizeAnswer,
  type ControlFields,
  type ControlResponse,
  controlResponseLength,
  decodeControlResponse,
  type InfoAnswer,
  type StateBlobAnswer,
} from './control-response.js';
export { SwtpmError, type SwtpmErrorCode, type SwtpmErrorOptions } from './error.js';
export {
  type LaunchSwtpmOptions,
  launchSwtpm,
  type SwtpmFlag,
  type SwtpmKey,
  type SwtpmLaunch,
  swtpmArguments,
} from './launch.js';
export type { SwtpmOpenOptions, SwtpmTimeLimits } from './open.js';
export {
  readSnapshot,
  SNAPSHOT_FORMAT,
  type SwtpmSnapshot,
  type SwtpmStateBlob,
} from './snapshot.js';
export { STATE_BLOB_HEADER_FLAG, stateBlobDefect } from './state-blob.js';
export { capabilityNames, SwtpmBackend, type SwtpmBackendSettings } from './swtpm-backend.js';
export { PROBE_TIME_LIMIT, probeTpmVersion } from './version-probe.js';
