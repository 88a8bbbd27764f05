export {
  type BackendDescription,
  type BackendEvent,
  type BackendSnapshot,
  DEFAULT_BUFFER_SIZE,
  type Locality,
  type StartOptions,
  type TpmBackend,
  type TpmRequest,
  type TpmResult,
  type TpmVersion,
} from './backend.js';
export {
  BackendLink,
  BackendLinkError,
  type BackendLinkErrorCode,
  type BackendLinkOptions,
  type BackendUser,
} from './backend-link.js';
export {
  commandName,
  type DecodedMessage,
  decodeCommand,
  decodeResponse,
  describeCommand,
  describeResponse,
  responseCodeName,
} from './decode.js';
export { SnapshotError, TpmdevError, type TpmdevErrorOptions } from './error.js';
export { fabricateFailureResponse, isSelfTestDone, isWellFormedResponse } from './failure.js';
export type { FrontEndSnapshot, ResetOptions, ResetOutcome, TpmFrontEnd } from './front-end.js';
export type { Clock, GuestMemory, RandomSource } from './host.js';
export {
  type AccessWidth,
  type IrqLine,
  type MmioRegion,
  readUnaligned,
  writeUnaligned,
} from './mmio.js';
export { TPM_ORD, TPM_RESULT, TPM_TAG } from './tpm12.js';
export {
  TPM_CC,
  TPM_RC,
  TPM_RC_FORMAT_ONE,
  TPM_RC_WARNING,
  TPM_ST,
  TPM_SU,
} from './tpm20.js';
export type {
  CommandTraceEvent,
  ControlTraceEvent,
  LocalityTraceEvent,
  RegisterTraceEvent,
  StateTraceEvent,
  TraceEvent,
  TraceHook,
} from './trace.js';
export {
  HEADER_OFFSET,
  HEADER_SIZE,
  readHeader,
  readUint16,
  readUint32,
  type TpmHeader,
  WireError,
  WireReader,
  WireWriter,
} from './wire.js';
