import { PCR_ATTRIBUTES, pcrSelectOf } from '../pcr/pcr-attributes.js';
import type { TaggedPcrSelect } from '../structures/capability-data.js';

/** PCR properties (Part 2, section 6.14, TPM_PT_PCR). Of localities the first of five pairs. */
const TPM_PT_PCR = {
  SAVE: 0x00,
  EXTEND_L0: 0x01,
  RESET_L0: 0x02,
  NO_INCREMENT: 0x11,
  DRTM_RESET: 0x12,
  POLICY: 0x13,
  AUTH: 0x14,
} as const;

/** The PCR that have each property, by property. */
export const PCR_PROPERTIES: readonly TaggedPcrSelect[] = [
  [TPM_PT_PCR.SAVE, PCR_ATTRIBUTES.save] as const,
  ...PCR_ATTRIBUTES.extend.flatMap((extend, locality) => {
    // Locality 4 resets by its hash sequence, which the table of TPM2_PCR_Reset doesn't have.
    const drtm = locality === 4 ? PCR_ATTRIBUTES.drtmReset : 0;
    return [
      [TPM_PT_PCR.EXTEND_L0 + 2 * locality, extend],
      [TPM_PT_PCR.RESET_L0 + 2 * locality, PCR_ATTRIBUTES.reset[locality]! | drtm],
    ] as const;
  }),
  [TPM_PT_PCR.NO_INCREMENT, PCR_ATTRIBUTES.noIncrement] as const,
  [TPM_PT_PCR.DRTM_RESET, PCR_ATTRIBUTES.drtmReset] as const,
  [TPM_PT_PCR.POLICY, PCR_ATTRIBUTES.policy] as const,
  [TPM_PT_PCR.AUTH, PCR_ATTRIBUTES.auth] as const,
].map(([tag, mask]) => ({ tag, pcrSelect: pcrSelectOf(mask) }));
