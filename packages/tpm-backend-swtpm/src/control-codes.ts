/**
 * The numbers of the swtpm control protocol (manual page swtpm_ioctls(3)). All integers on the
 * channel are big endian.
 */

/** Command numbers. */
export const CONTROL_COMMAND = {
  GET_CAPABILITY: 0x01,
  INIT: 0x02,
  SHUTDOWN: 0x03,
  GET_TPMESTABLISHED: 0x04,
  SET_LOCALITY: 0x05,
  HASH_START: 0x06,
  HASH_DATA: 0x07,
  HASH_END: 0x08,
  CANCEL_TPM_CMD: 0x09,
  STORE_VOLATILE: 0x0a,
  RESET_TPMESTABLISHED: 0x0b,
  GET_STATEBLOB: 0x0c,
  SET_STATEBLOB: 0x0d,
  STOP: 0x0e,
  GET_CONFIG: 0x0f,
  SET_DATAFD: 0x10,
  SET_BUFFERSIZE: 0x11,
  GET_INFO: 0x12,
  LOCK_STORAGE: 0x13,
} as const;

/** Name of a control command. */
export type ControlCommandName = keyof typeof CONTROL_COMMAND;

/** Capability bits of GET_CAPABILITY. A bit tells that the command of its name is there. */
export const CAPABILITY = {
  INIT: 0x0_0001,
  SHUTDOWN: 0x0_0002,
  GET_TPMESTABLISHED: 0x0_0004,
  SET_LOCALITY: 0x0_0008,
  /** HASH_START, HASH_DATA and HASH_END. */
  HASHING: 0x0_0010,
  CANCEL_TPM_CMD: 0x0_0020,
  STORE_VOLATILE: 0x0_0040,
  RESET_TPMESTABLISHED: 0x0_0080,
  GET_STATEBLOB: 0x0_0100,
  SET_STATEBLOB: 0x0_0200,
  STOP: 0x0_0400,
  GET_CONFIG: 0x0_0800,
  SET_DATAFD: 0x0_1000,
  SET_BUFFERSIZE: 0x0_2000,
  GET_INFO: 0x0_4000,
  /** The data channel understands the TCG prefix with a locality in front of a command. */
  DATA_PREFIX: 0x0_8000,
  LOCK_STORAGE: 0x1_0000,
} as const;

/**
 * Capabilities without which a TPM of each family can't be served. QEMU: refuses to start without
 * them, masks 0x340f and 0x348f.
 */
export const NEEDED_CAPABILITIES = { '1.2': 0x340f, '2.0': 0x348f } as const;

/** Capabilities without which the state can't be moved. */
export const MIGRATION_CAPABILITIES: number =
  CAPABILITY.GET_STATEBLOB | CAPABILITY.SET_STATEBLOB | CAPABILITY.STOP;

/** Result codes. TPM 1.2 numbering, whatever the family of the TPM is. */
export const CONTROL_RESULT = {
  success: 0x000,
  authenticationFailed: 0x001,
  badParameter: 0x003,
  fail: 0x009,
  badOrdinal: 0x00a,
  keyNotFound: 0x00d,
  size: 0x017,
  noHashThread: 0x01a,
  failedSelfTest: 0x01c,
  badTag: 0x01e,
  ioError: 0x01f,
  encryptError: 0x020,
  invalidPostInit: 0x026,
  badKeyProperty: 0x028,
  badLocality: 0x03d,
  invalidStructure: 0x043,
  /** Not fatal: there is no such state blob, or the permanent one must be set first. */
  retry: 0x800,
} as const;

const resultText: ReadonlyMap<number, string> = new Map([
  [CONTROL_RESULT.success, 'success'],
  [CONTROL_RESULT.authenticationFailed, 'authentication failed'],
  [CONTROL_RESULT.badParameter, 'bad parameter'],
  [CONTROL_RESULT.fail, 'fail'],
  [CONTROL_RESULT.badOrdinal, 'unknown command, or not allowed in this state'],
  [CONTROL_RESULT.keyNotFound, 'key not found'],
  [CONTROL_RESULT.size, 'size'],
  [CONTROL_RESULT.noHashThread, 'no hash sequence'],
  [CONTROL_RESULT.failedSelfTest, 'failed self test'],
  [CONTROL_RESULT.badTag, 'bad tag'],
  [CONTROL_RESULT.ioError, 'input/output error'],
  [CONTROL_RESULT.encryptError, 'encrypt error'],
  [CONTROL_RESULT.invalidPostInit, 'not started'],
  [CONTROL_RESULT.badKeyProperty, 'bad key property'],
  [CONTROL_RESULT.badLocality, 'bad locality'],
  [CONTROL_RESULT.invalidStructure, 'invalid structure'],
  [CONTROL_RESULT.retry, 'retry'],
]);

/** @returns a result code for people, for example `'0x3d (bad locality)'` */
export function describeControlResult(code: number): string {
  const text = resultText.get(code);
  return `0x${code.toString(16).padStart(2, '0')}${text === undefined ? '' : ` (${text})`}`;
}

/** Flag of INIT: delete the volatile state file after it was read. */
export const INIT_DELETE_VOLATILE = 0x1;

/** State blob types of GET_STATEBLOB and SET_STATEBLOB. */
export const STATE_BLOB_TYPE = { permanent: 1, volatile: 2, savestate: 3 } as const;

/** Name of a state blob type; savestate exists on TPM 1.2 only. */
export type StateBlobName = keyof typeof STATE_BLOB_TYPE;

/** Request flag of GET_STATEBLOB: with the encryption of the file key removed. */
export const STATE_BLOB_DECRYPTED = 0x1;

/** Response flag of GET_STATEBLOB, request flag of SET_STATEBLOB: encrypted with the file key. */
export const STATE_BLOB_ENCRYPTED = 0x2;

/** Largest state blob that is exchanged, in bytes. Later releases of swtpm refuse more. */
export const STATE_BLOB_LIMIT = 524_288;

/** Flags of GET_CONFIG. */
export const CONFIG_FLAG = { fileKey: 0x1, migrationKey: 0x2 } as const;

/** Flags of GET_INFO. The last five exist since swtpm 0.10. */
export const INFO_FLAG = {
  specification: 0x01n,
  attributes: 0x02n,
  features: 0x04n,
  algorithms: 0x08n,
  commands: 0x10n,
  activeProfile: 0x20n,
  availableProfiles: 0x40n,
  profileAttributes: 0x80n,
} as const;

/** Largest text that GET_INFO may announce, in bytes. */
export const INFO_TEXT_LIMIT = 65_536;
