import { readUint32 } from 'tpm-core';
import {
  CONTROL_RESULT,
  type ControlCommandName,
  INFO_TEXT_LIMIT,
  STATE_BLOB_LIMIT,
} from './control-codes.js';
import { SwtpmError } from './error.js';

/** Answer of GET_STATEBLOB. */
export interface StateBlobAnswer {
  /** {@link STATE_BLOB_ENCRYPTED} or 0. */
  readonly flags: number;
  /** Bytes from the requested offset to the end of the blob. */
  readonly total: number;
  /** The bytes in this answer. */
  readonly data: Uint8Array;
}

/** Answer of SET_BUFFERSIZE. */
export interface BufferSizeAnswer {
  /** Size in use, in bytes. */
  readonly size: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Answer of GET_INFO. */
export interface InfoAnswer {
  /** Length of the whole text in bytes, with its NUL. */
  readonly total: number;
  /** The bytes from the requested offset on that are in this answer. */
  readonly text: Uint8Array;
}

/** Fields behind the result code, by command. A command that isn't listed has none. */
export interface ControlFields {
  readonly GET_CAPABILITY: { readonly capabilities: number };
  readonly GET_TPMESTABLISHED: { readonly established: boolean };
  readonly GET_STATEBLOB: StateBlobAnswer;
  readonly GET_CONFIG: { readonly flags: number };
  readonly SET_BUFFERSIZE: BufferSizeAnswer;
  readonly GET_INFO: InfoAnswer;
}

/** A decoded answer of the control protocol. */
export interface ControlResponse<Command extends ControlCommandName = ControlCommandName> {
  /** Result code; 0 is success. */
  readonly code: number;
  /** Fields of a successful answer; `undefined` when the code isn't 0 or the command has none. */
  readonly fields: Command extends keyof ControlFields
    ? ControlFields[Command] | undefined
    : undefined;
}

const codeSize = 4;

/** Length of the fixed part of a successful answer, result code included. */
const fixedSize: Readonly<Partial<Record<ControlCommandName, number>>> = {
  GET_CAPABILITY: 8,
  GET_TPMESTABLISHED: 8,
  GET_STATEBLOB: 16,
  GET_CONFIG: 8,
  SET_BUFFERSIZE: 16,
  GET_INFO: 12,
};

/** Largest length that the last word of the fixed part may announce. */
const dataLimit: Readonly<Partial<Record<ControlCommandName, number>>> = {
  GET_STATEBLOB: STATE_BLOB_LIMIT,
  GET_INFO: INFO_TEXT_LIMIT,
};

/**
 * How many bytes an answer has, as far as its first `length` bytes tell.
 *
 * An answer starts with the result code and, when that is an error, ends there. Exception:
 * GET_STATEBLOB follows every code but "bad ordinal" (TPM not running) with its other fields. So a
 * reader asks again after the bytes have arrived, until the number doesn't grow.
 *
 * @param command the request's command
 * @param received buffer whose first `length` bytes have arrived
 * @param length number of bytes that have arrived
 * @returns number of bytes to wait for, at least 4
 * @throws SwtpmError `ERR_CONTROL_PROTOCOL` when the answer announces more data than any has
 */
export function controlResponseLength(
  command: ControlCommandName,
  received: Uint8Array,
  length: number,
): number {
  if (length < codeSize) return codeSize;
  const code = readUint32(received, 0);
  const fullLength = fixedSize[command] ?? codeSize;
  if (code !== 0 && (command !== 'GET_STATEBLOB' || code === CONTROL_RESULT.badOrdinal)) {
    return codeSize;
  }
  const limit = dataLimit[command];
  if (limit === undefined || length < fullLength) return fullLength;
  const dataLength = readUint32(received, fullLength - 4);
  if (dataLength > limit) {
    throw new SwtpmError(
      'ERR_CONTROL_PROTOCOL',
      `swtpm announced ${dataLength} bytes for ${command}, at most ${limit} are possible`,
    );
  }
  return fullLength + dataLength;
}

/**
 * @param command the request's command
 * @param bytes the whole answer, as long as {@link controlResponseLength} says
 */
export function decodeControlResponse<Command extends ControlCommandName>(
  command: Command,
  bytes: Uint8Array,
): ControlResponse<Command> {
  const code = readUint32(bytes, 0);
  const fields = code === 0 ? readFields(command, bytes) : undefined;
  return { code, fields } as ControlResponse<Command>;
}

function readFields(
  command: ControlCommandName,
  bytes: Uint8Array,
): ControlFields[keyof ControlFields] | undefined {
  switch (command) {
    case 'GET_CAPABILITY':
      return { capabilities: readUint32(bytes, 4) };
    case 'GET_TPMESTABLISHED':
      return { established: bytes[4] !== 0 };
    case 'GET_STATEBLOB':
      return {
        flags: readUint32(bytes, 4),
        total: readUint32(bytes, 8),
        data: bytes.subarray(16),
      };
    case 'GET_CONFIG':
      return { flags: readUint32(bytes, 4) };
    case 'SET_BUFFERSIZE':
      return {
        size: readUint32(bytes, 4),
        minimum: readUint32(bytes, 8),
        maximum: readUint32(bytes, 12),
      };
    case 'GET_INFO':
      return { total: readUint32(bytes, 4), text: bytes.subarray(12) };
    default:
      return undefined;
  }
}
