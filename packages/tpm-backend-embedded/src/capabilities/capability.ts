import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { IMPLEMENTED_COMMANDS } from '../commands/command-table.js';
import { hierarchyAuthorization } from '../entity.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { CURVES } from '../structures/algorithms.js';
import { type CapabilityData, TPM_CAP } from '../structures/capability-data.js';
import { handleIndex, handleType, TPM_HT, TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { ALGORITHM_PROPERTIES } from './algorithm-properties.js';
import { handlesOfType } from './handle-lists.js';
import { type Page, page } from './page.js';
import { PCR_PROPERTIES } from './pcr-properties.js';
import { PROPERTY_VALUES } from './property-values.js';

/** Bytes of the elements of the answers. */
const SIZE = { alg: 6, word: 4, property: 8, pcrSelect: 8, curve: 2, policy: 70 } as const;

/** Entities that may have a policy and are no objects. */
const POLICY_HANDLES: readonly number[] = [
  TPM_RH.OWNER,
  TPM_RH.LOCKOUT,
  TPM_RH.ENDORSEMENT,
  TPM_RH.PLATFORM,
];

/** Handles of authenticated countdown timers, of which this TPM has none (TPM_RH_ACT_0 to _F). */
const ACT = { first: 0x4000_0110, last: 0x4000_011f } as const;

/** Answer of TPM2_GetCapability. */
export interface CapabilityResult {
  readonly moreData: number;
  readonly capabilityData: CapabilityData;
}

/**
 * Answers TPM2_GetCapability (Part 3, section 30.2): elements of one list, from the one with number
 * `property` on.
 *
 * @param capability a {@link TPM_CAP} value
 * @param count most elements; fewer come when the list ends or the answer is full
 */
export function getCapability(
  tpm: Tpm,
  capability: number,
  property: number,
  count: number,
): CapabilityResult | ResponseCode {
  const group = GROUPS[capability];
  if (group === undefined) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 1);
  const result = group(tpm, property, count);
  if (result === undefined) {
    const { HANDLE, VALUE } = TPM_RC_FORMAT_ONE;
    return atParameter(capability === TPM_CAP.HANDLES ? HANDLE : VALUE, 2);
  }
  return {
    moreData: result.moreData ? 1 : 0,
    capabilityData: { capability, data: result.data } as CapabilityData,
  };
}

type Group = (tpm: Tpm, property: number, count: number) => Page<unknown> | undefined;

const itself = (element: number): number => element;

const GROUPS: Readonly<Record<number, Group>> = {
  [TPM_CAP.ALGS]: (_tpm, property, count) =>
    page(ALGORITHM_PROPERTIES, ({ alg }) => alg, property & 0xffff, count, SIZE.alg),
  [TPM_CAP.HANDLES](tpm, property, count) {
    const handles = handlesOfType(tpm, property);
    return handles && page(handles, handleIndex, handleIndex(property), count, SIZE.word);
  },
  [TPM_CAP.COMMANDS](_tpm, property, count) {
    const { data, moreData } = page(
      IMPLEMENTED_COMMANDS,
      ({ code }) => code,
      property,
      count,
      SIZE.word,
    );
    return { data: data.map(({ attributes }) => attributes), moreData };
  },
  [TPM_CAP.PP_COMMANDS]: ({ state }, property, count) =>
    page(ascending(state.permanent.ppCommands), itself, property, count, SIZE.word),
  [TPM_CAP.AUDIT_COMMANDS]: ({ state }, property, count) =>
    page(ascending(state.permanent.auditCommands), itself, property, count, SIZE.word),
  [TPM_CAP.PCRS]: ({ state }, property, count) => {
    if (property !== 0) return undefined;
    // All banks come, whatever the count is; but none of no elements.
    return { data: count === 0 ? [] : state.volatile.pcrSelection, moreData: count === 0 };
  },
  [TPM_CAP.TPM_PROPERTIES]: tpmProperties,
  [TPM_CAP.PCR_PROPERTIES]: (_tpm, property, count) =>
    page(PCR_PROPERTIES, ({ tag }) => tag, property, count, SIZE.pcrSelect),
  [TPM_CAP.ECC_CURVES]: (_tpm, property, count) =>
    page(CURVES, itself, property & 0xffff, count, SIZE.curve),
  [TPM_CAP.AUTH_POLICIES](tpm, property, count) {
    if (handleType(property) !== TPM_HT.PERMANENT) return undefined;
    const { data, moreData } = page(POLICY_HANDLES, itself, property, count, SIZE.policy);
    return { data: data.map((handle) => taggedPolicy(tpm, handle)), moreData };
  },
  [TPM_CAP.ACT]: (_tpm, property) =>
    property < ACT.first || property > ACT.last ? undefined : { data: [], moreData: false },
};

/** The properties from `property` on to the end of its group: fixed or variable ones. */
function tpmProperties(tpm: Tpm, property: number, count: number): Page<unknown> {
  const { data, moreData } = page(
    property < FIRST_VARIABLE ? FIXED_PROPERTIES : VARIABLE_PROPERTIES,
    ([number]) => number,
    property,
    count,
    SIZE.property,
  );
  return {
    data: data.map(([number, value]) => ({
      property: number,
      value: typeof value === 'number' ? value : value(tpm),
    })),
    moreData,
  };
}

/** TPM_PT_VAR: where the properties that change begin. */
const FIRST_VARIABLE = 0x200;
const FIXED_PROPERTIES = PROPERTY_VALUES.filter(([property]) => property < FIRST_VARIABLE);
const VARIABLE_PROPERTIES = PROPERTY_VALUES.filter(([property]) => property >= FIRST_VARIABLE);

function taggedPolicy(tpm: Tpm, handle: number): unknown {
  const { policyAlg, authPolicy } = hierarchyAuthorization(tpm, handle)!;
  return { handle, policyHash: { hashAlg: policyAlg, digest: authPolicy } };
}

function ascending(numbers: readonly number[]): number[] {
  return [...numbers].sort((one, other) => one - other);
}
