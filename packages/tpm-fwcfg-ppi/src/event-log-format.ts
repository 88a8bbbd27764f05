/** Hash algorithms of a PCR bank (TCG Algorithm Registry, TPM_ALG_ID), by their usual names. */
export const HASH_ALGORITHM = {
  'SHA-1': 0x0004,
  'SHA-256': 0x000b,
  'SHA-384': 0x000c,
  'SHA-512': 0x000d,
  'SM3-256': 0x0012,
  'SHA3-256': 0x0027,
  'SHA3-384': 0x0028,
  'SHA3-512': 0x0029,
} as const;

/** Digest sizes of the known hash algorithms in bytes, by TPM_ALG_ID. */
export const DIGEST_SIZE: ReadonlyMap<number, number> = new Map<number, number>([
  [HASH_ALGORITHM['SHA-1'], 20],
  [HASH_ALGORITHM['SHA-256'], 32],
  [HASH_ALGORITHM['SHA-384'], 48],
  [HASH_ALGORITHM['SHA-512'], 64],
  [HASH_ALGORITHM['SM3-256'], 32],
  [HASH_ALGORITHM['SHA3-256'], 32],
  [HASH_ALGORITHM['SHA3-384'], 48],
  [HASH_ALGORITHM['SHA3-512'], 64],
]);

/** PCRs of a bank (TCG PC Client Platform TPM Profile). */
export const PCR_COUNT = 24;

/**
 * Event types (TCG PC Client Platform Firmware Profile, section "Event Types"). A SHA-1 log uses the
 * first ones only. The names are the standard's without the prefix `EV_`.
 */
export const EVENT_TYPE = {
  PREBOOT_CERT: 0x0000_0000,
  POST_CODE: 0x0000_0001,
  NO_ACTION: 0x0000_0003,
  SEPARATOR: 0x0000_0004,
  ACTION: 0x0000_0005,
  EVENT_TAG: 0x0000_0006,
  S_CRTM_CONTENTS: 0x0000_0007,
  S_CRTM_VERSION: 0x0000_0008,
  CPU_MICROCODE: 0x0000_0009,
  PLATFORM_CONFIG_FLAGS: 0x0000_000a,
  TABLE_OF_DEVICES: 0x0000_000b,
  COMPACT_HASH: 0x0000_000c,
  IPL: 0x0000_000d,
  IPL_PARTITION_DATA: 0x0000_000e,
  NONHOST_CODE: 0x0000_000f,
  NONHOST_CONFIG: 0x0000_0010,
  NONHOST_INFO: 0x0000_0011,
  OMIT_BOOT_DEVICE_EVENTS: 0x0000_0012,
  POST_CODE2: 0x0000_0013,
  EFI_VARIABLE_DRIVER_CONFIG: 0x8000_0001,
  EFI_VARIABLE_BOOT: 0x8000_0002,
  EFI_BOOT_SERVICES_APPLICATION: 0x8000_0003,
  EFI_BOOT_SERVICES_DRIVER: 0x8000_0004,
  EFI_RUNTIME_SERVICES_DRIVER: 0x8000_0005,
  EFI_GPT_EVENT: 0x8000_0006,
  EFI_ACTION: 0x8000_0007,
  EFI_PLATFORM_FIRMWARE_BLOB: 0x8000_0008,
  EFI_HANDOFF_TABLES: 0x8000_0009,
  EFI_PLATFORM_FIRMWARE_BLOB2: 0x8000_000a,
  EFI_HANDOFF_TABLES2: 0x8000_000b,
  EFI_VARIABLE_BOOT2: 0x8000_000c,
  EFI_GPT_EVENT2: 0x8000_000d,
  EFI_HCRTM_EVENT: 0x8000_0010,
  EFI_VARIABLE_AUTHORITY: 0x8000_00e0,
  EFI_SPDM_FIRMWARE_BLOB: 0x8000_00e1,
  EFI_SPDM_FIRMWARE_CONFIG: 0x8000_00e2,
} as const;

/** One bank that a log has digests for. */
export interface EventLogAlgorithm {
  /** TPM_ALG_ID, see {@link HASH_ALGORITHM}. */
  readonly id: number;
  /** Length of a digest in bytes. */
  readonly digestSize: number;
}

/** The Spec ID event of a crypto-agile log (TCG_EfiSpecIdEvent). */
export interface SpecId {
  readonly platformClass: number;
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly errata: number;
  /** Size of the type UINTN of the firmware: 1 for 4 bytes, 2 for 8 bytes. */
  readonly uintnSize: number;
  readonly algorithms: readonly EventLogAlgorithm[];
  readonly vendorInfo: Uint8Array;
}

/** One record of an event log. */
export interface EventLogEvent {
  /** Position in the log, 0 for the first record. */
  readonly number: number;
  /** Offset of the record in the log, in bytes. */
  readonly offset: number;
  readonly pcr: number;
  /** See {@link EVENT_TYPE}. */
  readonly type: number;
  /** Digests by TPM_ALG_ID; views into the log. */
  readonly digests: ReadonlyMap<number, Uint8Array>;
  /** Event data; a view into the log. */
  readonly data: Uint8Array;
}

/** A parsed event log. */
export interface EventLog {
  /** `sha1`: TCG_PCR_EVENT records only. `crypto-agile`: one of them, then TCG_PCR_EVENT2 records. */
  readonly format: 'sha1' | 'crypto-agile';
  /** The Spec ID event's content; of a crypto-agile log only. */
  readonly specId: SpecId | undefined;
  /** The banks of the log. */
  readonly algorithms: readonly EventLogAlgorithm[];
  /** All records, the Spec ID event included. */
  readonly events: readonly EventLogEvent[];
  /** Locality of the TPM's Startup as the log says; `undefined` where it doesn't. */
  readonly startupLocality: number | undefined;
  /** Bytes that the records take; zeros follow. */
  readonly length: number;
}

/**
 * @param id TPM_ALG_ID
 * @returns the algorithm's name in {@link HASH_ALGORITHM}, or `algorithm 0x…`
 */
export function hashAlgorithmName(id: number): string {
  const entry = Object.entries(HASH_ALGORITHM).find(([, value]) => value === id);
  return entry?.[0] ?? `algorithm 0x${id.toString(16).padStart(4, '0')}`;
}

/**
 * @param type event type
 * @returns the standard's name, for example `EV_SEPARATOR`, or `event type 0x…`
 */
export function eventTypeName(type: number): string {
  const entry = Object.entries(EVENT_TYPE).find(([, value]) => value === type);
  return entry === undefined
    ? `event type 0x${type.toString(16).padStart(8, '0')}`
    : `EV_${entry[0]}`;
}
