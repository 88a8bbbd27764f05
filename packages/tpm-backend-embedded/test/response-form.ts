import {
  readHeader,
  readUint16,
  readUint32,
  responseCodeName,
  TPM_RC,
  TPM_ST,
  WireWriter,
} from 'tpm-core';
import { type Command, marshalResponse } from '../src/commands/command.js';
import { COMMAND_TABLE } from '../src/commands/command-table.js';
import { sizedBytes, Unmarshaller } from '../src/structures/wire-type.js';

const HEADER = 10;
const RESPONSE_LIMIT = 4096;
const ENCRYPT = 0x40;
/** First parameter of a response whose session encrypts it: nothing but its size is in clear. */
const OPAQUE = sizedBytes(RESPONSE_LIMIT);

/** A session as it stands in the session area of a command. */
interface AreaSession {
  readonly handle: number;
  readonly attributes: number;
}

/** @returns the row of the command table, of a command without action too */
export function commandRow(command: Uint8Array): Command | undefined {
  if (command.length < HEADER) return undefined;
  const code = readUint32(command, 6);
  return COMMAND_TABLE.find((row) => row.code === code);
}

/**
 * Looks whether bytes are a response as the TPM 2.0 Library describes it: header, a response code
 * that exists, handle and parameters as the command's row has them, and the sessions of the command.
 *
 * @returns what is wrong, or undefined
 */
export function responseDefect(command: Uint8Array, response: Uint8Array): string | undefined {
  const header = readHeader(response);
  if (header === undefined) return `has only ${response.length} bytes`;
  if (header.size !== response.length) return `has a size field of ${header.size}`;
  if (response.length > RESPONSE_LIMIT) return `has ${response.length} bytes`;
  if (header.code !== TPM_RC.SUCCESS) return refusalDefect(header);
  if (command.length < HEADER) return 'accepts a command without a whole header';
  if (header.tag !== readUint16(command, 0)) return `has tag 0x${header.tag.toString(16)}`;
  const row = commandRow(command);
  if (row === undefined) return 'accepts a command that is in no table';
  return successDefect(row, command, response);
}

function refusalDefect({ tag, size, code }: { tag: number; size: number; code: number }) {
  if (tag !== TPM_ST.NO_SESSIONS) return `is a refusal with tag 0x${tag.toString(16)}`;
  if (size !== HEADER) return `is a refusal of ${size} bytes`;
  return isResponseCode(code) ? undefined : `has the unknown response code 0x${code.toString(16)}`;
}

/** Whether a code is one of Part 2, section 6.6, with a number in range where it carries one. */
export function isResponseCode(code: number): boolean {
  if (code > 0xfff) return false;
  return !responseCodeName('2.0', code).startsWith('TPM_RC 0x');
}

function successDefect(
  row: Command,
  command: Uint8Array,
  response: Uint8Array,
): string | undefined {
  const sessions = sessionArea(row, command);
  const reader = new Unmarshaller(response, HEADER);
  if (row.responseHandle) reader.uint32();
  const size = sessions === undefined ? reader.remaining : reader.uint32();
  if (size > reader.remaining) return `has a parameter size of ${size}`;
  const area = reader.bytes(size);
  const isEncrypted = sessions?.some(({ attributes }) => (attributes & ENCRYPT) !== 0) === true;
  return parameterDefect(row, area, isEncrypted) ?? sessionDefect(sessions ?? [], reader);
}

/** Reads the parameters by the row and writes them again. */
function parameterDefect(row: Command, area: Uint8Array, isEncrypted: boolean): string | undefined {
  const response = row.response.map((parameter, index) =>
    isEncrypted && index === 0 ? ([parameter[0], OPAQUE] as const) : parameter,
  );
  const reader = new Unmarshaller(area);
  const values: Record<string, unknown> = {};
  for (const [name, type] of response) {
    values[name] = type.unmarshal(reader);
    if (reader.failure !== TPM_RC.SUCCESS) {
      return `has a ${name} that doesn't parse (0x${reader.failure.toString(16)})`;
    }
  }
  if (reader.remaining > 0) return `has ${reader.remaining} bytes after its parameters`;
  const writer = new WireWriter(RESPONSE_LIMIT);
  marshalResponse({ ...row, response }, writer, values);
  const again = writer.finish();
  const isSame = again.length === area.length && again.every((byte, index) => byte === area[index]);
  return isSame ? undefined : 'has parameters that are written in another way than they are read';
}

function sessionDefect(sessions: readonly AreaSession[], reader: Unmarshaller): string | undefined {
  for (const _ of sessions) {
    reader.bytes(reader.uint16());
    reader.uint8();
    reader.bytes(reader.uint16());
  }
  if (reader.failure !== TPM_RC.SUCCESS) return 'has a session area that is cut off';
  return reader.remaining > 0 ? `has ${reader.remaining} bytes after its sessions` : undefined;
}

/** @returns the sessions of a command that was accepted; undefined without session area */
export function sessionArea(row: Command, command: Uint8Array): readonly AreaSession[] | undefined {
  if (readUint16(command, 0) !== TPM_ST.SESSIONS) return undefined;
  const reader = new Unmarshaller(command, HEADER + 4 * row.handles.length);
  const size = reader.uint32();
  const area = new Unmarshaller(reader.bytes(size));
  const sessions: AreaSession[] = [];
  while (area.remaining > 0 && area.failure === TPM_RC.SUCCESS) {
    const handle = area.uint32();
    area.bytes(area.uint16());
    sessions.push({ handle, attributes: area.uint8() });
    area.bytes(area.uint16());
  }
  return sessions;
}
