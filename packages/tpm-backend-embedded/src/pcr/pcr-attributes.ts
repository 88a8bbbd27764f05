/** A PCR as a bit: PCR 0 is the least significant one. */
export type PcrMask = number;

/**
 * Attributes of the PCR (PC Client Platform TPM Profile, section "PCR Attributes"). Index of the
 * lists: locality of the command.
 */
export const PCR_ATTRIBUTES = {
  /** Kept by Shutdown(STATE) and back after TPM Resume. */
  save: 0x00_ffff,
  /** TPM2_PCR_Extend and TPM2_PCR_Event. */
  extend: [0x81_ffff, 0x91_ffff, 0xff_ffff, 0x9f_ffff, 0x87_ffff],
  /** TPM2_PCR_Reset. */
  reset: [0x81_0000, 0x81_0000, 0xf1_0000, 0x81_0000, 0x00_0000],
  /** Reset by a DRTM sequence, which is an act of locality 4. They start with all bits set. */
  drtmReset: 0x7e_0000,
  /** A change doesn't move the update counter. */
  noIncrement: 0xe1_0000,
  /** May have a policy, all of them the same. */
  policy: 0x70_0000,
  /** May have an authorization value, all of them the same. */
  auth: 0x70_0000,
} as const;

/** PCR that takes the H-CRTM sequence and shows the locality of Startup (Part 1, section 34). */
export const HCRTM_PCR = 0;

/** PCR that takes the DRTM sequence (Part 1, section 33.3). */
export const DRTM_PCR = 17;

/** @returns whether a PCR is in a mask */
export function hasPcr(mask: PcrMask, pcr: number): boolean {
  return ((mask >>> pcr) & 1) === 1;
}

/** @returns the mask of a selection of three bytes */
export function pcrMask(pcrSelect: Uint8Array): PcrMask {
  return pcrSelect[0]! | (pcrSelect[1]! << 8) | (pcrSelect[2]! << 16);
}

/** @returns the three bytes of a selection */
export function pcrSelectOf(mask: PcrMask): Uint8Array {
  return Uint8Array.of(mask, mask >>> 8, mask >>> 16);
}
