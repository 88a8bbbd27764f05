import {
  HEADER_SIZE,
  readHeader,
  TPM_RC,
  TPM_RC_FORMAT_ONE,
  TPM_RC_WARNING,
  TPM_ST,
  WireWriter,
} from 'tpm-core';
import type { CommandContext } from './command-context.js';
import { type Command, marshalResponse, type Outcome, type Steps } from './commands/command.js';
import { findCommand } from './commands/command-table.js';
import { checkPresence, entityName, isPersistentRangeEnabled } from './entity.js';
import { runsInFailureMode } from './failure-mode.js';
import { hasFreeSlot } from './objects/object-slots.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from './response-code.js';
import { auditCommand } from './sessions/audit.js';
import { checkAuthorizations } from './sessions/authorization.js';
import { recoverFromFailures } from './sessions/dictionary-attack.js';
import { decryptParameters } from './sessions/parameter-encryption.js';
import { authorizingSessions, endSessions } from './sessions/response-sessions.js';
import { unmarshalSessionArea } from './sessions/session-area.js';
import type { SessionUse } from './sessions/session-use.js';
import { handleIndex, handleType, TPM_HT } from './structures/handles.js';
import { LIMIT } from './structures/limits.js';
import { Unmarshaller } from './structures/wire-type.js';
import { errorResponse, type Tpm } from './tpm.js';

/** Structure tags that are known and no tags of a command (Part 2, section 6.9). */
const OTHER_TAGS: readonly number[] = [
  TPM_ST.RSP_COMMAND,
  0x8000,
  0x8014,
  0x8015,
  0x8016,
  0x8017,
  0x8018,
  0x8019,
  0x801a,
  0x8021,
  0x8022,
  0x8023,
  0x8024,
  0x8025,
];

/** Least size of a session: handle (4), empty nonce (2), attributes (1), empty HMAC (2). */
const LEAST_SESSION = 9;

/**
 * Processes a command in the order of Part 3, section 5: header, mode, handle area, session area,
 * authorization, parameter decryption, parameters, the command's action, response.
 *
 * @returns the response
 */
export function* processCommand(tpm: Tpm, bytes: Uint8Array): Generator<void, Uint8Array, void> {
  const header = checkHeader(bytes);
  if (isRefusal(header)) return errorResponse(header);
  const command = findCommand(header.code);
  if (command === undefined) return errorResponse(TPM_RC.COMMAND_CODE);
  if (tpm.failure !== undefined) {
    if (!runsInFailureMode(header.tag, header.code)) return errorResponse(TPM_RC.FAILURE);
  } else if (command.beforeStartup === tpm.state.volatile.started) {
    return errorResponse(TPM_RC.INITIALIZE);
  }
  // Before a start nobody knows yet how long the waits last.
  if (tpm.state.volatile.started) recoverFromFailures(tpm);
  const context = readAreas(tpm, command, bytes, header.tag === TPM_ST.SESSIONS);
  if (isRefusal(context)) return errorResponse(context);
  tpm.context = context;
  const refusal = checkAuthorizations(tpm, context);
  if (refusal !== TPM_RC.SUCCESS) return errorResponse(refusal);
  const parameters = decryptParameters(tpm, context);
  if (isRefusal(parameters)) return errorResponse(parameters);
  const input = readParameters(context, parameters);
  if (isRefusal(input)) return errorResponse(input);
  const before = authorizingSessions(tpm, context);
  const result = command.action!(tpm, input);
  const outcome = isSteps(result) ? yield* result : result;
  if (isRefusal(outcome) && outcome !== TPM_RC.SUCCESS) return errorResponse(outcome);
  return response(tpm, context, before, isRefusal(outcome) ? {} : outcome);
}

function isSteps<O extends object>(result: Outcome<O> | Steps<O>): result is Steps<O> {
  return typeof result === 'object' && Symbol.iterator in result;
}

function checkHeader(bytes: Uint8Array): { tag: number; code: number } | ResponseCode {
  const header = readHeader(bytes);
  if (header === undefined) return TPM_RC.COMMAND_SIZE;
  if (header.tag !== TPM_ST.NO_SESSIONS && header.tag !== TPM_ST.SESSIONS) {
    return OTHER_TAGS.includes(header.tag) ? TPM_RC.BAD_TAG : TPM_RC_FORMAT_ONE.VALUE;
  }
  if (header.size !== bytes.length || header.size > LIMIT.COMMAND_SIZE) {
    return TPM_RC.COMMAND_SIZE;
  }
  return header;
}

/** Reads handle area and session area and finds the parameter area. */
function readAreas(
  tpm: Tpm,
  command: Command,
  bytes: Uint8Array,
  hasSessions: boolean,
): CommandContext | ResponseCode {
  const reader = new Unmarshaller(bytes, HEADER_SIZE);
  const handles = readHandles(tpm, command, reader);
  if (isRefusal(handles)) return handles;
  const authorizations = command.handles.filter((handle) => handle.role !== undefined).length;
  let sessions: readonly SessionUse[] = [];
  if (hasSessions) {
    const size = reader.uint32();
    if (reader.failure !== TPM_RC.SUCCESS) return reader.failure;
    if (size < LEAST_SESSION || size > reader.remaining) return TPM_RC_FORMAT_ONE.SIZE;
    if (command.withoutSessions) return TPM_RC.AUTH_CONTEXT;
    const read = unmarshalSessionArea(tpm, command, reader.bytes(size), authorizations);
    if (isRefusal(read)) return read;
    sessions = read;
  }
  if (sessions.length < authorizations) return TPM_RC.AUTH_MISSING;
  return {
    command,
    handles,
    names: handles.map((handle) => entityName(tpm, handle)),
    sessions,
    parameters: bytes.subarray(reader.offset),
  };
}

function readHandles(
  tpm: Tpm,
  command: Command,
  reader: Unmarshaller,
): readonly number[] | ResponseCode {
  const handles: number[] = [];
  for (const { type } of command.handles) {
    const handle = type.unmarshal(reader);
    handles.push(handle);
    if (handleType(handle) === TPM_HT.TRANSIENT && handleIndex(handle) >= tpm.transientSlots) {
      reader.fail(TPM_RC_FORMAT_ONE.VALUE);
    }
    if (reader.failure !== TPM_RC.SUCCESS) return atHandle(reader.failure, handles.length);
  }
  let persistent = 0;
  for (const [index, handle] of handles.entries()) {
    // A persistent object takes a slot while a command uses it.
    const isPersistent =
      handleType(handle) === TPM_HT.PERSISTENT && isPersistentRangeEnabled(tpm, handle);
    if (isPersistent && !hasFreeSlot(tpm, persistent++)) return TPM_RC_WARNING.OBJECT_MEMORY;
    const refusal = checkPresence(tpm, handle, index + 1);
    if (refusal !== TPM_RC.SUCCESS) return refusal;
  }
  return handles;
}

function readParameters(
  { command, handles }: CommandContext,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> | ResponseCode {
  const input: Record<string, unknown> = {};
  command.handles.forEach(({ name }, index) => {
    input[name] = handles[index];
  });
  const reader = new Unmarshaller(bytes);
  let number = 0;
  for (const [name, type] of command.parameters) {
    number++;
    input[name] = type.unmarshal(reader);
    if (reader.failure !== TPM_RC.SUCCESS) return atParameter(reader.failure, number);
  }
  return reader.remaining > 0 ? TPM_RC_FORMAT_ONE.SIZE : input;
}

function response(
  tpm: Tpm,
  context: CommandContext,
  before: ReturnType<typeof authorizingSessions>,
  output: object,
): Uint8Array {
  const { command, sessions } = context;
  const values = output as Readonly<Record<string, unknown>>;
  const writer = new WireWriter(LIMIT.COMMAND_SIZE);
  writer.uint16(sessions.length > 0 ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS);
  writer.uint32(0).uint32(TPM_RC.SUCCESS);
  if (command.responseHandle) writer.uint32(values.responseHandle as number);
  if (sessions.length > 0) {
    const inner = new WireWriter(LIMIT.COMMAND_SIZE);
    marshalResponse(command, inner, values);
    const parameters = inner.finish();
    const area = new WireWriter(LIMIT.COMMAND_SIZE);
    endSessions(tpm, context, before, parameters, area);
    writer.uint32(parameters.length).bytes(parameters).bytes(area.finish());
    return writer.patchUint32(2, writer.length).finish();
  }
  const start = writer.length;
  marshalResponse(command, writer, values);
  const bytes = writer.patchUint32(2, writer.length).finish();
  auditCommand(tpm, context, bytes.subarray(start));
  return bytes;
}
