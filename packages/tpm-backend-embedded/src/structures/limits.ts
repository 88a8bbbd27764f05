/**
 * Sizes of this implementation (TPM 2.0 Library, Part 2, annex "implementation-dependent values";
 * the figures that GetCapability reports).
 */
export const LIMIT = {
  /** Largest command and response in bytes (TPM_PT_MAX_COMMAND_SIZE). */
  COMMAND_SIZE: 4096,
  /** Largest digest in bytes: SHA-512. */
  DIGEST: 64,
  /** TPM2B_MAX_BUFFER in bytes (TPM_PT_INPUT_BUFFER). */
  INPUT_BUFFER: 1024,
  /** Answer of GetCapability in bytes (TPM_PT_MAX_CAP_BUFFER). */
  CAPABILITY_BUFFER: 1024,
  /** Largest NV index in bytes. */
  NV_INDEX: 2048,
  /** Interval at which the clock is kept, in milliseconds (TPM_PT_CLOCK_UPDATE). */
  CLOCK_UPDATE: 4096,
  /** NV data of one command in bytes. */
  NV_BUFFER: 1024,
  /** Sealed data and secret symmetric data in bytes (MAX_SYM_DATA). */
  SYMMETRIC_DATA: 128,
  /** Data for the random generator in bytes (TPM2B_SENSITIVE_DATA of StirRandom). */
  STIR_RANDOM: 128,
  /** Largest symmetric key in bytes: AES-256. */
  SYMMETRIC_KEY: 32,
  /** Block of the symmetric cipher in bytes. */
  SYMMETRIC_BLOCK: 16,
  /** RSA modulus in bytes: 3072 bits. */
  RSA_KEY: 384,
  /** RSA private value in bytes: a prime. */
  RSA_PRIVATE: 192,
  /** Coordinate of an elliptic curve point in bytes: as libtpms, whose largest curve is BN-638. */
  ECC_KEY: 80,
  /** PCR in a bank. */
  PCR: 24,
  /** Bytes of a PCR selection. */
  PCR_SELECT: 3,
  /** Selections in a list: one for each implemented hash, as swtpm has it. */
  PCR_SELECTIONS: 4,
  /** Largest number of transient object slots that a TPM can be given. */
  TRANSIENT_SLOTS: 64,
  /** Most that the sequence numbers of saved sessions may lie apart (TPM_PT_CONTEXT_GAP_MAX). */
  CONTEXT_GAP: 0xffff,
  /** Sessions in memory at the same time (MAX_LOADED_SESSIONS). */
  LOADED_SESSIONS: 3,
  /** Sessions in memory and saved (MAX_ACTIVE_SESSIONS). */
  ACTIVE_SESSIONS: 64,
  /** Sessions of one command. */
  COMMAND_SESSIONS: 3,
  /** Handles in the handle area of a command. */
  COMMAND_HANDLES: 3,
  /** Digests of a PolicyOR. */
  POLICY_OR_DIGESTS: 8,
  /** Digests of a PCR_Read. */
  DIGEST_LIST: 8,
  /** Label of a derived object in bytes. */
  LABEL: 32,
  /** Command codes in a list (MAX_CAP_CC). */
  COMMAND_CODES: 254,
  /** Algorithms in a list (MAX_ALG_LIST_SIZE). */
  ALGORITHMS: 64,
  /** Private area of an object in bytes (TPM2B_PRIVATE). */
  PRIVATE: 1162,
  /** Secret of a salted session or credential in bytes (TPM2B_ENCRYPTED_SECRET). */
  ENCRYPTED_SECRET: 384,
  /** Largest TPMS_CONTEXT of an object in bytes: an RSA-3072 key with SHA-512. */
  OBJECT_CONTEXT: 1030,
  /** Largest TPMS_CONTEXT of a session in bytes. */
  SESSION_CONTEXT: 594,
  /** Context blob in bytes (TPM2B_CONTEXT_DATA). */
  CONTEXT_DATA: 2772,
  /** NV indexes: all of NV memory in empty ones. */
  NV_INDEXES: 1006,
  /** Persistent objects. */
  PERSISTENT_OBJECTS: 65,
} as const;
