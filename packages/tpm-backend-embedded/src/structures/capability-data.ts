import {
  type PcrSelection,
  type TaggedDigest,
  TPML_CC,
  TPML_HANDLE,
  TPML_PCR_SELECTION,
  TPMS_PCR_SELECT,
  TPMT_HA_OR_NULL,
} from './buffers.js';
import { list, selected, structure, UINT16, UINT32, type WireType } from './wire-type.js';

/** Capabilities (Part 2, section 6.12, TPM_CAP). */
export const TPM_CAP = {
  ALGS: 0,
  HANDLES: 1,
  COMMANDS: 2,
  PP_COMMANDS: 3,
  AUDIT_COMMANDS: 4,
  PCRS: 5,
  TPM_PROPERTIES: 6,
  PCR_PROPERTIES: 7,
  ECC_CURVES: 8,
  AUTH_POLICIES: 9,
  ACT: 10,
} as const;

/** Algorithm with its attributes (Part 2, section 10.8.1). */
export interface AlgorithmProperty {
  readonly alg: number;
  /** TPMA_ALGORITHM bits. */
  readonly algProperties: number;
}
/** A property and its value (Part 2, section 10.8.2). */
export interface TaggedProperty {
  readonly property: number;
  readonly value: number;
}
/** A PCR property and the PCR that have it (Part 2, section 10.8.3). */
export interface TaggedPcrSelect {
  readonly tag: number;
  readonly pcrSelect: Uint8Array;
}
/** A permanent handle and its policy (Part 2, section 10.8.4). */
export interface TaggedPolicy {
  readonly handle: number;
  readonly policyHash: TaggedDigest;
}

/** The answer of GetCapability (Part 2, section 10.10, TPMS_CAPABILITY_DATA). */
export type CapabilityData =
  | { readonly capability: typeof TPM_CAP.ALGS; readonly data: readonly AlgorithmProperty[] }
  | { readonly capability: typeof TPM_CAP.HANDLES; readonly data: readonly number[] }
  | { readonly capability: typeof TPM_CAP.COMMANDS; readonly data: readonly number[] }
  | { readonly capability: typeof TPM_CAP.PP_COMMANDS; readonly data: readonly number[] }
  | { readonly capability: typeof TPM_CAP.AUDIT_COMMANDS; readonly data: readonly number[] }
  | { readonly capability: typeof TPM_CAP.PCRS; readonly data: readonly PcrSelection[] }
  | { readonly capability: typeof TPM_CAP.TPM_PROPERTIES; readonly data: readonly TaggedProperty[] }
  | {
      readonly capability: typeof TPM_CAP.PCR_PROPERTIES;
      readonly data: readonly TaggedPcrSelect[];
    }
  | { readonly capability: typeof TPM_CAP.ECC_CURVES; readonly data: readonly number[] }
  | { readonly capability: typeof TPM_CAP.AUTH_POLICIES; readonly data: readonly TaggedPolicy[] }
  | { readonly capability: typeof TPM_CAP.ACT; readonly data: readonly number[] };

const MOST = 1024;
const data = (type: WireType<never>): WireType<{ data: never }> => structure({ data: type });

/** The answer of GetCapability. */
export const TPMS_CAPABILITY_DATA: WireType<CapabilityData> = selected<
  CapabilityData,
  'capability'
>(
  'capability',
  UINT32 as WireType<CapabilityData['capability']>,
  {
    [TPM_CAP.ALGS]: data(
      list(structure<AlgorithmProperty>({ alg: UINT16, algProperties: UINT32 }), MOST) as never,
    ),
    [TPM_CAP.HANDLES]: data(TPML_HANDLE as never),
    [TPM_CAP.COMMANDS]: data(list(UINT32, MOST) as never),
    [TPM_CAP.PP_COMMANDS]: data(TPML_CC as never),
    [TPM_CAP.AUDIT_COMMANDS]: data(TPML_CC as never),
    [TPM_CAP.PCRS]: data(TPML_PCR_SELECTION as never),
    [TPM_CAP.TPM_PROPERTIES]: data(
      list(structure<TaggedProperty>({ property: UINT32, value: UINT32 }), MOST) as never,
    ),
    [TPM_CAP.PCR_PROPERTIES]: data(
      list(structure<TaggedPcrSelect>({ tag: UINT32, pcrSelect: TPMS_PCR_SELECT }), MOST) as never,
    ),
    [TPM_CAP.ECC_CURVES]: data(list(UINT16, MOST) as never),
    [TPM_CAP.AUTH_POLICIES]: data(
      list(structure<TaggedPolicy>({ handle: UINT32, policyHash: TPMT_HA_OR_NULL }), MOST) as never,
    ),
    [TPM_CAP.ACT]: data(list(UINT32, MOST) as never),
  } as never,
);
