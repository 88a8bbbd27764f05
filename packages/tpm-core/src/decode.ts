import type { TpmVersion } from './backend.js';
import { TPM_ORD, TPM_RESULT, TPM_TAG } from './tpm12.js';
import { TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING, TPM_ST } from './tpm20.js';
import { readHeader, type TpmHeader } from './wire.js';

/** Bits of a TPM 2.0 response code (TPM 2.0 Library, Part 2, section 6.6.2). */
const RESPONSE_CODE = {
  formatOne: 0x080,
  parameter: 0x040,
  session: 0x800,
  formatOneMask: 0x0bf,
  knownBits: 0xfff,
} as const;

/** What a command or response says in its header. */
export interface DecodedMessage {
  /** Family, told by the tag; `undefined` when the tag belongs to neither. */
  readonly family: TpmVersion | undefined;
  /** The header, or `undefined` when there are fewer than 10 bytes. */
  readonly header: TpmHeader | undefined;
  /** Name of the tag, for example `TPM_ST_SESSIONS`. */
  readonly tagName: string;
  /** Name of the command (`TPM2_PCR_Extend`) or of the response code (`TPM_RC_INITIALIZE`). */
  readonly name: string;
  /** Number of bytes there are; the header's size field may claim another. */
  readonly length: number;
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}

function hexadecimal(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/**
 * @param family TPM family
 * @param code command code (2.0) or ordinal (1.2)
 * @returns the name that Part 3 of the standard gives the command, for example `TPM2_PCR_Extend`
 *   or `TPM_Startup`; `TPM_CC 0x…` or `TPM_ORD 0x…` for a number that is not in the standard
 */
export function commandName(family: TpmVersion, code: number): string {
  if (family === '2.0') {
    const name = nameOf(TPM_CC, code);
    return name === undefined ? `TPM_CC ${hexadecimal(code, 8)}` : `TPM2_${name}`;
  }
  const name = nameOf(TPM_ORD, code);
  if (name === undefined) return `TPM_ORD ${hexadecimal(code, 8)}`;
  return name.startsWith('TSC_') ? name : `TPM_${name}`;
}

/** Name of a TPM 2.0 response code of format one, with what it points at. */
function formatOneName(code: number): string | undefined {
  const name = nameOf(TPM_RC_FORMAT_ONE, code & RESPONSE_CODE.formatOneMask);
  if (name === undefined) return undefined;
  const number = (code >>> 8) & 0xf;
  if ((code & RESPONSE_CODE.parameter) !== 0) return `TPM_RC_${name}, parameter ${number}`;
  if (number === 0) return `TPM_RC_${name}`;
  return (code & RESPONSE_CODE.session) !== 0
    ? `TPM_RC_${name}, session ${number & 7}`
    : `TPM_RC_${name}, handle ${number}`;
}

/**
 * @param family TPM family
 * @param code response code (2.0) or return code (1.2)
 * @returns its name; for TPM 2.0 codes of format one with the handle, session or parameter that it
 *   points at, for example `TPM_RC_VALUE, parameter 2`; `TPM_RC 0x…` for an unknown code
 */
export function responseCodeName(family: TpmVersion, code: number): string {
  if (family === '1.2') {
    const name = nameOf(TPM_RESULT, code);
    return name === undefined ? `TPM_RESULT ${hexadecimal(code, 8)}` : `TPM_${name}`;
  }
  const formatOne = code <= RESPONSE_CODE.knownBits && (code & RESPONSE_CODE.formatOne) !== 0;
  const plain = nameOf(TPM_RC, code) ?? nameOf(TPM_RC_WARNING, code);
  const name = formatOne ? formatOneName(code) : plain && `TPM_RC_${plain}`;
  if (name !== undefined) return name;
  return `TPM_RC ${hexadecimal(code, 8)}`;
}

const TPM12_COMMAND_TAGS: readonly number[] = [
  TPM_TAG.RQU_COMMAND,
  TPM_TAG.RQU_AUTH1_COMMAND,
  TPM_TAG.RQU_AUTH2_COMMAND,
];
const TPM12_RESPONSE_TAGS: readonly number[] = [
  TPM_TAG.RSP_COMMAND,
  TPM_TAG.RSP_AUTH1_COMMAND,
  TPM_TAG.RSP_AUTH2_COMMAND,
];

function decode(
  bytes: Uint8Array,
  tpm12Tags: readonly number[],
  nameFor: (family: TpmVersion, code: number) => string,
): DecodedMessage {
  const header = readHeader(bytes);
  if (header === undefined) {
    const name = `message of ${bytes.length} bytes, shorter than a header`;
    return { family: undefined, header, tagName: 'none', name, length: bytes.length };
  }
  const family20 = header.tag === TPM_ST.NO_SESSIONS || header.tag === TPM_ST.SESSIONS;
  const family = family20 ? '2.0' : tpm12Tags.includes(header.tag) ? '1.2' : undefined;
  const tag = family === '2.0' ? nameOf(TPM_ST, header.tag) : nameOf(TPM_TAG, header.tag);
  return {
    family,
    header,
    tagName:
      family === undefined || tag === undefined
        ? hexadecimal(header.tag, 4)
        : `${family === '2.0' ? 'TPM_ST' : 'TPM_TAG'}_${tag}`,
    name:
      family === undefined ? `code ${hexadecimal(header.code, 8)}` : nameFor(family, header.code),
    length: bytes.length,
  };
}

/**
 * Names a command's header. Never throws, whatever the bytes are.
 *
 * @param bytes a command of either family, whole or cut
 *
 * @example
 * decodeCommand(Uint8Array.of(0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0)).name; // 'TPM2_Startup'
 */
export function decodeCommand(bytes: Uint8Array): DecodedMessage {
  return decode(bytes, TPM12_COMMAND_TAGS, commandName);
}

/**
 * Names a response's header. Never throws, whatever the bytes are.
 *
 * @param bytes a response of either family, whole or cut
 */
export function decodeResponse(bytes: Uint8Array): DecodedMessage {
  return decode(bytes, TPM12_RESPONSE_TAGS, responseCodeName);
}

function describe(message: DecodedMessage): string {
  const { header, length, name, tagName } = message;
  if (header === undefined) return name;
  const size =
    header.size === length ? `${length} bytes` : `${length} bytes, size field ${header.size}`;
  return `${name} (${tagName}, ${size})`;
}

/**
 * @param bytes a command of either family
 * @param locality locality at which it runs, 0 to 4
 * @returns one line for people: `locality 0: TPM2_Startup (TPM_ST_NO_SESSIONS, 12 bytes)`
 */
export function describeCommand(bytes: Uint8Array, locality: number): string {
  return `locality ${locality}: ${describe(decodeCommand(bytes))}`;
}

/**
 * @param bytes a response of either family
 * @returns one line for people: `TPM_RC_SUCCESS (TPM_ST_NO_SESSIONS, 10 bytes)`
 */
export function describeResponse(bytes: Uint8Array): string {
  return describe(decodeResponse(bytes));
}
