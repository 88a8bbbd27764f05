import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPMI_ALG_HASH } from './algorithms.js';
import { TPM2B_DIGEST } from './buffers.js';
import { TPMI_RH_NV_INDEX } from './handles.js';
import { LIMIT } from './limits.js';
import {
  attributes,
  restricted,
  sizedStructure,
  structure,
  UINT16,
  UINT32,
  type WireType,
} from './wire-type.js';

/** NV index attributes (Part 2, section 13.4, TPMA_NV). */
export const TPMA_NV = {
  PPWRITE: 0x0000_0001,
  OWNERWRITE: 0x0000_0002,
  AUTHWRITE: 0x0000_0004,
  POLICYWRITE: 0x0000_0008,
  /** Type of the index (TPM_NT), four bits. */
  TYPE: 0x0000_00f0,
  POLICY_DELETE: 0x0000_0400,
  WRITELOCKED: 0x0000_0800,
  WRITEALL: 0x0000_1000,
  WRITEDEFINE: 0x0000_2000,
  WRITE_STCLEAR: 0x0000_4000,
  GLOBALLOCK: 0x0000_8000,
  PPREAD: 0x0001_0000,
  OWNERREAD: 0x0002_0000,
  AUTHREAD: 0x0004_0000,
  POLICYREAD: 0x0008_0000,
  NO_DA: 0x0200_0000,
  ORDERLY: 0x0400_0000,
  CLEAR_STCLEAR: 0x0800_0000,
  READLOCKED: 0x1000_0000,
  WRITTEN: 0x2000_0000,
  PLATFORMCREATE: 0x4000_0000,
  READ_STCLEAR: 0x8000_0000,
} as const;

const DEFINED_NV_ATTRIBUTES = Object.values(TPMA_NV).reduce((all, bit) => (all | bit) >>> 0, 0);

/** Public area of an NV index (Part 2, section 13.5, TPMS_NV_PUBLIC). */
export interface NvPublic {
  readonly nvIndex: number;
  readonly nameAlg: number;
  /** {@link TPMA_NV} bits. */
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
  /** Size of the data in bytes. */
  readonly dataSize: number;
}
/** Public area of an NV index. */
export const TPMS_NV_PUBLIC: WireType<NvPublic> = structure<NvPublic>({
  nvIndex: TPMI_RH_NV_INDEX,
  nameAlg: TPMI_ALG_HASH,
  attributes: attributes(UINT32, DEFINED_NV_ATTRIBUTES),
  authPolicy: TPM2B_DIGEST,
  dataSize: restricted(UINT16, (size) => size <= LIMIT.NV_INDEX, TPM_RC_FORMAT_ONE.SIZE),
});
/** Public area of an NV index with a size. */
export const TPM2B_NV_PUBLIC: WireType<NvPublic> = sizedStructure(TPMS_NV_PUBLIC);
