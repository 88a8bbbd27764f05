import { readUint32, WireReader, WireWriter } from 'tpm-core';
import { CONTROL_COMMAND, type ControlCommandName } from './control-codes.js';
import { SwtpmError } from './error.js';

/** Commands whose request is the command number alone. */
export type BodilessCommand =
  | 'GET_CAPABILITY'
  | 'SHUTDOWN'
  | 'GET_TPMESTABLISHED'
  | 'HASH_START'
  | 'HASH_END'
  | 'CANCEL_TPM_CMD'
  | 'STORE_VOLATILE'
  | 'STOP'
  | 'GET_CONFIG'
  | 'SET_DATAFD';

/** A request of the control protocol. Numbers are unsigned 32-bit unless said otherwise. */
export type ControlRequest =
  | { readonly command: BodilessCommand }
  | { readonly command: 'INIT'; readonly flags: number }
  /** Locality 0 to 255 on the wire. */
  | { readonly command: 'SET_LOCALITY' | 'RESET_TPMESTABLISHED'; readonly locality: number }
  | { readonly command: 'HASH_DATA'; readonly data: Uint8Array }
  | {
      readonly command: 'GET_STATEBLOB';
      readonly flags: number;
      readonly type: number;
      readonly offset: number;
    }
  | {
      readonly command: 'SET_STATEBLOB';
      readonly flags: number;
      readonly type: number;
      readonly data: Uint8Array;
    }
  /** Wanted size in bytes; 0 asks for the present one. */
  | { readonly command: 'SET_BUFFERSIZE'; readonly size: number }
  /** `flags` is an unsigned 64-bit number. */
  | { readonly command: 'GET_INFO'; readonly flags: bigint; readonly offset: number }
  /** Attempts, 10 ms apart. */
  | { readonly command: 'LOCK_STORAGE'; readonly retries: number };

/** Bytes of SET_STATEBLOB in front of the blob. QEMU: writes them apart from the blob. */
export const SET_STATEBLOB_HEAD_SIZE = 16;

const numberSize = 4;

/** Bytes behind the command number without the data that a length field announces. */
const bodySize: Readonly<Record<ControlCommandName, number>> = {
  GET_CAPABILITY: 0,
  INIT: 4,
  SHUTDOWN: 0,
  GET_TPMESTABLISHED: 0,
  SET_LOCALITY: 1,
  HASH_START: 0,
  HASH_DATA: 4,
  HASH_END: 0,
  CANCEL_TPM_CMD: 0,
  STORE_VOLATILE: 0,
  RESET_TPMESTABLISHED: 1,
  GET_STATEBLOB: 12,
  SET_STATEBLOB: 12,
  STOP: 0,
  GET_CONFIG: 0,
  SET_DATAFD: 0,
  SET_BUFFERSIZE: 4,
  GET_INFO: 16,
  LOCK_STORAGE: 4,
};

/** Commands that ignore surplus bytes; the others refuse them with "bad parameter". */
const surplusIgnored: ReadonlySet<ControlCommandName> = new Set([
  'GET_CAPABILITY',
  'SET_LOCALITY',
  'RESET_TPMESTABLISHED',
  'GET_STATEBLOB',
  'SET_BUFFERSIZE',
  'GET_INFO',
]);

/** Commands that don't wait for missing bytes but refuse a short request at once. */
const shortRefused: ReadonlySet<ControlCommandName> = new Set([
  'SET_BUFFERSIZE',
  'GET_INFO',
  'LOCK_STORAGE',
]);

const commandNames: ReadonlyMap<number, ControlCommandName> = new Map(
  (Object.keys(CONTROL_COMMAND) as ControlCommandName[]).map((name) => [
    CONTROL_COMMAND[name],
    name,
  ]),
);

/**
 * @returns the bytes of a request. QEMU: a locality is followed by three bytes that swtpm ignores;
 *   here they are zero
 */
export function encodeControlRequest(request: ControlRequest): Uint8Array {
  const writer = new WireWriter(0x1_0000_0000).uint32(CONTROL_COMMAND[request.command]);
  switch (request.command) {
    case 'INIT':
      writer.uint32(request.flags);
      break;
    case 'SET_LOCALITY':
    case 'RESET_TPMESTABLISHED':
      writer.uint8(request.locality).uint8(0).uint16(0);
      break;
    case 'HASH_DATA':
      writer.uint32(request.data.length).bytes(request.data);
      break;
    case 'GET_STATEBLOB':
      writer.uint32(request.flags).uint32(request.type).uint32(request.offset);
      break;
    case 'SET_STATEBLOB':
      writer.uint32(request.flags).uint32(request.type).uint32(request.data.length);
      writer.bytes(request.data);
      break;
    case 'SET_BUFFERSIZE':
      writer.uint32(request.size);
      break;
    case 'GET_INFO':
      writer.uint64(request.flags).uint32(request.offset).uint32(0);
      break;
    case 'LOCK_STORAGE':
      writer.uint32(request.retries);
      break;
  }
  return writer.finish();
}

/** What bytes on the control channel mean to swtpm. */
export type ParsedControlRequest =
  /** A request; `ignored` bytes behind it have no effect. */
  | { readonly kind: 'request'; readonly request: ControlRequest; readonly ignored: number }
  /** Answered with "bad parameter". */
  | { readonly kind: 'refused'; readonly command: ControlCommandName }
  /** Answered with "bad ordinal"; the connection stays. */
  | { readonly kind: 'unknown'; readonly number: number }
  /** swtpm waits for the rest: 500 ms for at most about 4 KiB, without limit for longer bodies. */
  | { readonly kind: 'incomplete'; readonly command: ControlCommandName | undefined };

/**
 * Reads bytes that arrived together on the control channel as swtpm does, for decoders, relays and
 * test peers. Never throws.
 */
export function parseControlRequest(bytes: Uint8Array): ParsedControlRequest {
  if (bytes.length < numberSize) return { kind: 'incomplete', command: undefined };
  const number = readUint32(bytes, 0);
  const command = commandNames.get(number);
  if (command === undefined) return { kind: 'unknown', number };
  let needed = numberSize + bodySize[command];
  const announcesData = command === 'HASH_DATA' || command === 'SET_STATEBLOB';
  if (announcesData && bytes.length >= needed) needed += readUint32(bytes, needed - 4);
  if (bytes.length < needed) {
    return shortRefused.has(command)
      ? { kind: 'refused', command }
      : { kind: 'incomplete', command };
  }
  const ignored = bytes.length - needed;
  if (ignored > 0 && !surplusIgnored.has(command)) return { kind: 'refused', command };
  const body = new WireReader(bytes.subarray(numberSize, needed));
  return { kind: 'request', request: readRequest(command, body), ignored };
}

function readRequest(command: ControlCommandName, body: WireReader): ControlRequest {
  switch (command) {
    case 'INIT':
      return { command, flags: body.uint32() };
    case 'SET_LOCALITY':
    case 'RESET_TPMESTABLISHED':
      return { command, locality: body.uint8() };
    case 'HASH_DATA':
      return { command, data: body.bytes(body.uint32()) };
    case 'GET_STATEBLOB':
      return { command, flags: body.uint32(), type: body.uint32(), offset: body.uint32() };
    case 'SET_STATEBLOB': {
      const [flags, type, length] = [body.uint32(), body.uint32(), body.uint32()];
      return { command, flags, type, data: body.bytes(length) };
    }
    case 'SET_BUFFERSIZE':
      return { command, size: body.uint32() };
    case 'GET_INFO':
      return { command, flags: body.uint64(), offset: body.uint32() };
    case 'LOCK_STORAGE':
      return { command, retries: body.uint32() };
    default:
      return { command };
  }
}

/** @throws SwtpmError `ERR_OPTION` when `value` is not an unsigned number of `bits` bits */
export function checkUnsigned(name: string, value: number, bits: 8 | 32): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return;
  throw new SwtpmError('ERR_OPTION', `${name} is ${value}, expected 0 to ${2 ** bits - 1}`);
}
