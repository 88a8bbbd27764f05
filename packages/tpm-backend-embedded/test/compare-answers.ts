import { readUint16, readUint32, TPM_CC, TPM_ST } from 'tpm-core';
import { TPM_CAP } from '../src/structures/capability-data.js';
import { commandCode } from './command-streams.js';
import { responseDefect } from './response-form.js';

/** Size of a ticket's HMAC, which the hierarchy's proof makes. */
const TICKET_DIGEST = 64;
const HEADER = 10;
/** `time` and `clock` of TPMS_TIME_INFO. */
const TIME_AND_CLOCK = 16;
/** sequence, savedHandle and hierarchy of TPMS_CONTEXT. */
const CONTEXT_HEAD = 16;
const LOADED_CURVES = 0x20d;
/** TPM_PT_VAR: the properties before it are of the implementation. */
const FIRST_VARIABLE_PROPERTY = 0x200;
const OWN_CAPABILITIES: readonly number[] = [TPM_CAP.ALGS, TPM_CAP.COMMANDS, TPM_CAP.ECC_CURVES];

/**
 * Compares the answers that two TPMs with different seeds gave to the same command: response codes,
 * and what doesn't depend on seeds, random numbers and time, byte for byte.
 *
 * @returns how they differ, or undefined
 */
export function answersDiffer(
  command: Uint8Array,
  ours: Uint8Array,
  theirs: Uint8Array,
): string | undefined {
  const defect = responseDefect(command, ours);
  if (defect !== undefined) return `response ${defect}`;
  const [code, expected] = [readUint32(ours, 6), readUint32(theirs, 6)];
  if (code !== expected)
    return `response code 0x${code.toString(16)}, not 0x${expected.toString(16)}`;
  if (code !== 0) return undefined;
  if (isOwnList(command)) return undefined;
  const { hidden, end } = comparable(command, theirs);
  if (end === undefined && ours.length !== theirs.length) {
    return `${ours.length} bytes, not ${theirs.length}`;
  }
  for (let at = end === undefined ? 0 : HEADER; at < (end ?? ours.length); at++) {
    if (ours[at] === theirs[at] || (at >= hidden[0] && at < hidden[1])) continue;
    return `byte ${at} is 0x${ours[at]!.toString(16)}, not 0x${theirs[at]!.toString(16)}`;
  }
  return undefined;
}

/** What of an answer can be compared. */
interface Comparable {
  /** Bytes [from, to) that are the TPM's own. */
  readonly hidden: readonly [number, number];
  /** Offset from which on, and in its length, the answer is the TPM's own. */
  readonly end?: number;
}

const NOTHING = [0, 0] as const;

function comparable(command: Uint8Array, answer: Uint8Array): Comparable {
  const parameters = readUint16(answer, 0) === TPM_ST.SESSIONS ? 14 : 10;
  switch (commandCode(command)) {
    case TPM_CC.GetRandom:
      return { hidden: [parameters + 2, answer.length] };
    case TPM_CC.ReadClock:
      return { hidden: [parameters, parameters + TIME_AND_CLOCK] };
    case TPM_CC.StartAuthSession:
      return { hidden: [parameters + 6, answer.length] };
    case TPM_CC.ContextSave:
      return { hidden: NOTHING, end: parameters + CONTEXT_HEAD };
    case TPM_CC.CreatePrimary:
    case TPM_CC.CreateLoaded:
      // Its parameters follow the handle and, as it always has sessions, parameterSize.
      return { hidden: [parameters + 4, answer.length] };
    case TPM_CC.ReadPublic:
      return { hidden: [parameters, answer.length] };
    case TPM_CC.GetCapability:
      return { hidden: numberOfCurves(answer, parameters) };
    case TPM_CC.Create:
    case TPM_CC.ObjectChangeAuth:
    case TPM_CC.MakeCredential:
    case TPM_CC.Duplicate:
    case TPM_CC.Import:
    case TPM_CC.Sign:
    case TPM_CC.VerifySignature:
    case TPM_CC.RSA_Encrypt:
    case TPM_CC.RSA_Decrypt:
    case TPM_CC.ECDH_KeyGen:
    case TPM_CC.ECDH_ZGen:
    case TPM_CC.HMAC:
    case TPM_CC.EncryptDecrypt:
    case TPM_CC.EncryptDecrypt2:
    case TPM_CC.Certify:
    case TPM_CC.CertifyCreation:
    case TPM_CC.Quote:
    case TPM_CC.GetTime:
    case TPM_CC.GetSessionAuditDigest:
      // What keys of its own, random numbers and the clock make; sizes are compared.
      return { hidden: [parameters, answer.length] };
    case TPM_CC.PolicySecret:
    case TPM_CC.PolicySigned:
      return { hidden: authorizationTicket(answer, parameters) };
    case TPM_CC.Hash:
    case TPM_CC.SequenceComplete:
      return { hidden: ticketDigest(answer, parameters) };
    default:
      return { hidden: NOTHING };
  }
}

/** Value of TPM_PT_LOADED_CURVES, if the answer has it: libtpms has more curves. */
function numberOfCurves(answer: Uint8Array, parameters: number): readonly [number, number] {
  const list = parameters + 1;
  if (readUint32(answer, list) !== TPM_CAP.TPM_PROPERTIES) return NOTHING;
  const count = readUint32(answer, list + 4);
  for (let at = list + 8; at < list + 8 + 8 * count; at += 8) {
    if (readUint32(answer, at) === LOADED_CURVES) return [at + 4, at + 8];
  }
  return NOTHING;
}

/** The digest of a hash check ticket after a TPM2B_DIGEST; nothing of a null ticket. */
function ticketDigest(answer: Uint8Array, parameters: number): readonly [number, number] {
  const ticket = parameters + 2 + readUint16(answer, parameters);
  const start = ticket + 2 + 4 + 2;
  return readUint16(answer, start - 2) === TICKET_DIGEST ? [start, start + TICKET_DIGEST] : [0, 0];
}

/** From a timeout to the end of the ticket; nothing where there is none. */
function authorizationTicket(answer: Uint8Array, parameters: number): readonly [number, number] {
  const timeout = readUint16(answer, parameters);
  if (timeout === 0) return NOTHING;
  // Size of the timeout, the timeout, the ticket's tag, hierarchy and digest.
  return [parameters + 2, parameters + 2 + timeout + 2 + 4 + 2 + TICKET_DIGEST];
}

/** Lists that differ with identity and with what is implemented; other tests look at them. */
function isOwnList(command: Uint8Array): boolean {
  const code = commandCode(command);
  if (code === TPM_CC.IncrementalSelfTest) return true;
  if (code !== TPM_CC.GetCapability) return false;
  const offset = readUint16(command, 0) === TPM_ST.SESSIONS ? 14 + readUint32(command, 10) : 10;
  const capability = readUint32(command, offset);
  const property = readUint32(command, offset + 4);
  return (
    OWN_CAPABILITIES.includes(capability) ||
    (capability === TPM_CAP.TPM_PROPERTIES && property < FIRST_VARIABLE_PROPERTY)
  );
}
