import { type Scheme, TPMT_ECC_SCHEME_OR_NULL, TPMT_KDF_SCHEME_OR_NULL } from './algorithms.js';
import { TPM2B_ECC_PARAMETER } from './buffers.js';
import { structure, UINT16, type WireType } from './wire-type.js';

/** Parameters of a curve (Part 2, section 11.2.5.6, TPMS_ALGORITHM_DETAIL_ECC). */
export interface EccDetail {
  readonly curveID: number;
  /** Size of the field in bits. */
  readonly keySize: number;
  readonly kdf: Scheme;
  readonly sign: Scheme;
  readonly p: Uint8Array;
  readonly a: Uint8Array;
  readonly b: Uint8Array;
  readonly gX: Uint8Array;
  readonly gY: Uint8Array;
  readonly n: Uint8Array;
  readonly h: Uint8Array;
}
/** Parameters of a curve. */
export const TPMS_ALGORITHM_DETAIL_ECC: WireType<EccDetail> = structure<EccDetail>({
  curveID: UINT16,
  keySize: UINT16,
  kdf: TPMT_KDF_SCHEME_OR_NULL,
  sign: TPMT_ECC_SCHEME_OR_NULL,
  p: TPM2B_ECC_PARAMETER,
  a: TPM2B_ECC_PARAMETER,
  b: TPM2B_ECC_PARAMETER,
  gX: TPM2B_ECC_PARAMETER,
  gY: TPM2B_ECC_PARAMETER,
  n: TPM2B_ECC_PARAMETER,
  h: TPM2B_ECC_PARAMETER,
});
