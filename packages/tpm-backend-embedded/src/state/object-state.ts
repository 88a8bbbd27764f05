import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import { TPM2B_AUTH, TPM2B_NAME } from '../structures/buffers.js';
import { TPMI_RH_HIERARCHY } from '../structures/handles.js';
import {
  type PublicArea,
  type SensitiveArea,
  TPMT_PUBLIC_OR_NULL_NAME,
  TPMT_SENSITIVE,
} from '../structures/public-area.js';
import {
  BOOLEAN,
  list,
  longBytes,
  oneOf,
  optional,
  selected,
  structure,
  UINT8,
  type WireType,
} from '../structures/wire-type.js';

/** A key or data object in a slot or in NV (Part 1, section "Object Structure Elements"). */
export interface ObjectState {
  readonly publicArea: PublicArea;
  /** Absent where only the public area was loaded. */
  readonly sensitive: SensitiveArea | undefined;
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
  /** Hierarchy that the object belongs to; TPM_RH_NULL for temporary ones. */
  readonly hierarchy: number;
  /** stClear of the object or of one of its ancestors: its contexts die at Startup(CLEAR). */
  readonly stClear: boolean;
  /** Loaded by TPM2_LoadExternal. */
  readonly external: boolean;
}

/** A key or data object. */
export const OBJECT_STATE: WireType<ObjectState> = structure<ObjectState>({
  publicArea: TPMT_PUBLIC_OR_NULL_NAME,
  sensitive: optional(TPMT_SENSITIVE),
  name: TPM2B_NAME,
  qualifiedName: TPM2B_NAME,
  hierarchy: TPMI_RH_HIERARCHY,
  stClear: BOOLEAN,
  external: BOOLEAN,
});

/** A hash, HMAC or event sequence in a slot (Part 1, section "Sequences"). */
export interface SequenceState {
  /** Authorization value given at the start. */
  readonly authValue: Uint8Array;
  /** Hash; TPM_ALG_NULL of an event sequence, which runs all implemented hashes. */
  readonly hashAlg: number;
  /** Exported state of the running hash, HMAC, or of each implemented hash in list order. */
  running: readonly Uint8Array[];
  /** HMAC sequence: made by TPM2_HMAC_Start. */
  readonly isHmac: boolean;
  /**
   * Whether a ticket may vouch for the data: the first block has at least four bytes and they are
   * not TPM_GENERATED_VALUE. Undefined before the first block.
   */
  isTicketSafe: boolean | undefined;
}

/** A sequence. */
export const SEQUENCE_STATE: WireType<SequenceState> = structure<SequenceState>({
  authValue: TPM2B_AUTH,
  hashAlg: TPMI_ALG_HASH_OR_NULL,
  running: list(longBytes(1024), 4),
  isHmac: BOOLEAN,
  isTicketSafe: optional(BOOLEAN),
});

/** What a transient slot holds. */
export type SlotState =
  | { readonly kind: 1; readonly object: ObjectState }
  | { readonly kind: 2; readonly sequence: SequenceState };

/** Kinds of {@link SlotState}. */
export const SLOT_KIND = { OBJECT: 1, SEQUENCE: 2 } as const;

/** What a transient slot holds. */
export const SLOT_STATE: WireType<SlotState> = selected<SlotState, 'kind'>(
  'kind',
  oneOf(UINT8, [1, 2], TPM_RC_FORMAT_ONE.VALUE) as WireType<SlotState['kind']>,
  {
    [SLOT_KIND.OBJECT]: structure({ object: OBJECT_STATE }),
    [SLOT_KIND.SEQUENCE]: structure({ sequence: SEQUENCE_STATE }),
  } as never,
);
