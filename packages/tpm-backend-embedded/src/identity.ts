/** What GetCapability says of the maker (Part 2, section 6.13, fixed properties). */
export interface TpmIdentity {
  /** TPM_PT_MANUFACTURER: four characters as a number. */
  readonly manufacturer: number;
  /** TPM_PT_VENDOR_STRING_1 to 4. */
  readonly vendorStrings: readonly [number, number, number, number];
  /** TPM_PT_VENDOR_TPM_TYPE. */
  readonly vendorTpmType: number;
  /** TPM_PT_FIRMWARE_VERSION_1 and 2. */
  readonly firmwareVersion: readonly [number, number];
}

/** "tpmd", "SW  " (which test suites take for a simulator), " TPM". */
export const DEFAULT_IDENTITY: TpmIdentity = {
  manufacturer: 0x7470_6d64,
  vendorStrings: [0x5357_2020, 0x2054_504d, 0, 0],
  vendorTpmType: 1,
  firmwareVersion: [0x0000_0001, 0x0000_0000],
};
