import { readUint16, readUint32, TPM_CC, TPM_RC, TPM_RC_FORMAT_ONE, TPM_SU } from 'tpm-core';
import { COMMAND_TABLE } from '../src/commands/command-table.js';
import { commandCode } from './command-streams.js';

/** A difference to swtpm that is meant, or that can't be taken over. */
export interface ReviewedDifference {
  readonly name: string;
  readonly reason: string;
  /** Whether two answers to a command differ in this way; it should fit nothing else. */
  readonly applies: (command: Uint8Array, ours: Uint8Array, theirs: Uint8Array) => boolean;
}

const CURVES_OF_LIBTPMS = [0x0001, 0x0002, 0x0010, 0x0011, 0x0020] as const;
const RSA_OPERATIONS: readonly number[] = [TPM_CC.RSA_Encrypt, TPM_CC.RSA_Decrypt];
const ALGORITHMS_OF_LIBTPMS = [0x0003, 0x001b, 0x001d, 0x0021, 0x0026, 0x003f] as const;

const TAKES_CURVES: readonly number[] = [
  TPM_CC.ECC_Parameters,
  TPM_CC.TestParms,
  TPM_CC.CreatePrimary,
  TPM_CC.Create,
  TPM_CC.CreateLoaded,
  TPM_CC.Load,
  TPM_CC.LoadExternal,
  TPM_CC.Import,
];
const TAKES_ALGORITHMS: readonly number[] = [
  TPM_CC.TestParms,
  TPM_CC.CreatePrimary,
  TPM_CC.Create,
  TPM_CC.CreateLoaded,
  TPM_CC.Load,
  TPM_CC.LoadExternal,
  TPM_CC.Import,
  TPM_CC.Duplicate,
  TPM_CC.IncrementalSelfTest,
  TPM_CC.StartAuthSession,
  TPM_CC.Sign,
  TPM_CC.VerifySignature,
  TPM_CC.HMAC,
  TPM_CC.HMAC_Start,
  TPM_CC.EncryptDecrypt,
  TPM_CC.EncryptDecrypt2,
  TPM_CC.Certify,
  TPM_CC.CertifyCreation,
  TPM_CC.Quote,
  TPM_CC.GetTime,
  TPM_CC.GetSessionAuditDigest,
  TPM_CC.PolicySigned,
];

const TAKES_SECRETS: readonly number[] = [TPM_CC.Import, TPM_CC.ActivateCredential];

/** The reviewed list. An entry that fits nothing any more is to be removed. */
export const REVIEWED_DIFFERENCES: readonly ReviewedDifference[] = [
  {
    name: 'curve',
    reason:
      'libtpms has P-192, P-224, BN-256, BN-638 and SM2; this TPM refuses them with TPM_RC_CURVE',
    applies: (command, ours) =>
      TAKES_CURVES.includes(commandCode(command)) &&
      base(ours) === TPM_RC_FORMAT_ONE.CURVE &&
      contains(command, CURVES_OF_LIBTPMS),
  },
  {
    name: 'algorithm',
    reason:
      'libtpms has triple DES, Camellia, SM2, ECMQV, KDF2 and CMAC; this TPM refuses their identifiers',
    applies: (command, ours) =>
      TAKES_ALGORITHMS.includes(commandCode(command)) &&
      REFUSES_ALGORITHM.includes(base(ours)) &&
      contains(command, ALGORITHMS_OF_LIBTPMS),
  },
  {
    name: 'failure of ECDSA',
    reason:
      'libtpms answers TPM_RC_FAILURE where the point of a nameless key is not on its curve; here ' +
      'such a key has made no signature',
    applies: (command, ours, theirs) =>
      commandCode(command) === TPM_CC.VerifySignature &&
      readUint32(ours, 6) === (TPM_RC_FORMAT_ONE.SIGNATURE | 0x240) &&
      readUint32(theirs, 6) === TPM_RC.FAILURE,
  },
  {
    name: 'secret for RSA',
    reason:
      'libtpms answers TPM_RC_FAILURE for a secret that was not made for the RSA key; this TPM ' +
      'refuses the value of the parameter',
    applies: (command, ours, theirs) =>
      TAKES_SECRETS.includes(commandCode(command)) &&
      base(ours) === TPM_RC_FORMAT_ONE.VALUE &&
      readUint32(theirs, 6) === TPM_RC.FAILURE,
  },
  {
    name: 'RSA failure',
    reason:
      'libtpms answers TPM_RC_FAILURE where a number is above the modulus, a message too long for ' +
      'its padding or a padding wrong; the standard has TPM_RC_VALUE for it',
    applies: (command, ours, theirs) =>
      RSA_OPERATIONS.includes(commandCode(command)) &&
      readUint32(ours, 6) === TPM_RC_FORMAT_ONE.VALUE &&
      readUint32(theirs, 6) === TPM_RC.FAILURE,
  },
  {
    name: 'absent command in a policy',
    reason: 'PolicyCommandCode refuses a command that is not there; libtpms has more of them',
    applies: (command, ours, theirs) =>
      commandCode(command) === TPM_CC.PolicyCommandCode &&
      readUint32(ours, 6) === REFUSES_COMMAND &&
      readUint32(theirs, 6) === TPM_RC.SUCCESS &&
      isAbsent(readUint32(command, command.length - 4)),
  },
  {
    name: 'time',
    reason: 'PolicyCounterTimer compares time or clock, which go on in swtpm and stand still here',
    applies: (command, ours, theirs) =>
      commandCode(command) === TPM_CC.PolicyCounterTimer &&
      readUint16(command, 16 + readUint16(command, 14)) < TIME_AND_CLOCK &&
      [ours, theirs].every((answer) =>
        [TPM_RC.SUCCESS, TPM_RC.POLICY].some((code) => code === readUint32(answer, 6)),
      ),
  },
];

/** Size of `time` and `clock` in TPMS_TIME_INFO. */
const TIME_AND_CLOCK = 16;

/** TPM_RC_POLICY_CC of parameter 1. */
const REFUSES_COMMAND = TPM_RC_FORMAT_ONE.POLICY_CC | 0x140;

function isAbsent(code: number): boolean {
  return COMMAND_TABLE.some((row) => row.code === code && row.action === undefined);
}

const REFUSES_ALGORITHM: readonly number[] = [
  TPM_RC_FORMAT_ONE.ASYMMETRIC,
  TPM_RC_FORMAT_ONE.HASH,
  TPM_RC_FORMAT_ONE.VALUE,
  TPM_RC_FORMAT_ONE.KDF,
  TPM_RC_FORMAT_ONE.SCHEME,
  TPM_RC_FORMAT_ONE.SYMMETRIC,
  TPM_RC_FORMAT_ONE.MODE,
];

/**
 * Commands with which libtpms forgets a PCR_Allocate that waits for the next start: it writes the
 * allocation of now over it. The standard has no such rule; these commands are left out of a stream
 * until the next power cycle.
 */
export const FORGETS_ALLOCATION: readonly number[] = [TPM_CC.Clear];

/**
 * With a refused Startup(STATE) libtpms forgets that a protected authValue was used before a stop
 * without Shutdown, and the following Startup(CLEAR) counts no failed try. That would let a guest
 * try on without end; it isn't taken over, and such a command is left out of a stream.
 */
export function forgetsUse(command: Uint8Array): boolean {
  return commandCode(command) === TPM_CC.Startup && command.at(-1) === TPM_SU.STATE;
}

/**
 * Commands that can end a lockout. In a boot that began with one libtpms doesn't note uses of
 * protected authValues any more, so that a stop without Shutdown isn't counted. That would let a
 * guest try on; it isn't taken over, and these commands are left out of a stream in such a boot.
 */
export const ENDS_LOCKOUT: readonly number[] = [
  TPM_CC.Clear,
  TPM_CC.DictionaryAttackLockReset,
  TPM_CC.DictionaryAttackParameters,
];

/** @returns the response code without handle, session or parameter number; 0 of a success */
function base(response: Uint8Array): number {
  const code = readUint32(response, 6);
  return (code & 0x80) === 0 ? 0 : code & 0xbf;
}

/** Whether a 16-bit value of the list stands anywhere after the header. */
function contains(command: Uint8Array, values: readonly number[]): boolean {
  for (let at = 10; at + 1 < command.length; at++) {
    if (values.includes((command[at]! << 8) | command[at + 1]!)) return true;
  }
  return false;
}
