/**
 * The event log of the firmware, as far as ACPI knows it: plain memory that the `TPM2` or `TCPA`
 * table points to. Only firmware writes there.
 */
export const LOG_AREA = {
  /** Bytes (QEMU: length of the file `etc/tpm/log`, all zero). */
  size: 0x1_0000,
  /** Alignment in bytes that the table loader is asked for. */
  alignment: 1,
  /** Zone of the table loader: high memory, below 4 GiB. */
  zone: 1,
} as const;

/** Where a table says the log is. */
export interface LogAreaOptions {
  /**
   * Guest-physical address of the log area, for a finished table with its checksum set. Left out,
   * the table is the one for the table loader: address and checksum are zero, to be patched.
   */
  readonly logAddress?: number | bigint;
  /** Length of the log area in bytes; default {@link LOG_AREA}.size. */
  readonly logLength?: number;
}
