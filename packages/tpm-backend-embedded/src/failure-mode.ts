import { TPM_CC, TPM_ST } from 'tpm-core';
import { TPM_PT } from './capabilities/property-values.js';
import { TPM_CAP } from './structures/capability-data.js';

/**
 * @param tag of the command
 * @param code of the command
 * @returns whether a TPM in failure mode runs it (Part 1, section 12.4): TPM2_GetTestResult and
 *   TPM2_GetCapability, without sessions. Everything else is TPM_RC_FAILURE until _TPM_Init.
 */
export function runsInFailureMode(tag: number, code: number): boolean {
  return (
    tag === TPM_ST.NO_SESSIONS && (code === TPM_CC.GetTestResult || code === TPM_CC.GetCapability)
  );
}

/**
 * What TPM2_GetCapability may still tell: which TPM it is, from TPM_PT_MANUFACTURER to
 * TPM_PT_FIRMWARE_VERSION_2 (Part 3, section 30.2).
 *
 * @returns how many of `count` properties from `property` on; 0 for everything else
 */
export function propertiesInFailureMode(
  capability: number,
  property: number,
  count: number,
): number {
  const { MANUFACTURER, FIRMWARE_VERSION_2 } = TPM_PT;
  if (capability !== TPM_CAP.TPM_PROPERTIES || property < MANUFACTURER) return 0;
  return Math.max(0, Math.min(count, FIRMWARE_VERSION_2 + 1 - property));
}
