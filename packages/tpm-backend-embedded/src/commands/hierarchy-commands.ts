import { TPM_RC, TPM_RC_WARNING } from 'tpm-core';
import { type CreationRecord, hierarchyNames, recordCreation } from '../objects/creation-data.js';
import {
  changeEndorsementSeed,
  changeHierarchyAuth,
  changePlatformSeed,
  clearOwner,
  controlClear,
  controlHierarchy,
  setPrimaryPolicy,
} from '../objects/hierarchies.js';
import { checkCreation } from '../objects/object-creation.js';
import { hasFreeSlot, occupySlot } from '../objects/object-slots.js';
import { createPrimaryObject, primaryObject } from '../objects/primary-objects.js';
import { isRefusal } from '../response-code.js';
import { SLOT_KIND } from '../state/object-state.js';
import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import {
  type PcrSelection,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPMI_YES_NO,
  TPML_PCR_SELECTION,
} from '../structures/buffers.js';
import {
  TPMI_RH_BASE_HIERARCHY,
  TPMI_RH_CLEAR,
  TPMI_RH_ENABLES,
  TPMI_RH_HIERARCHY,
  TPMI_RH_HIERARCHY_AUTH,
  TPMI_RH_HIERARCHY_POLICY,
  TPMI_RH_PLATFORM,
} from '../structures/handles.js';
import {
  type PublicArea,
  type SensitiveCreate,
  TPM2B_CREATION_DATA,
  TPM2B_PUBLIC,
  TPM2B_SENSITIVE_CREATE,
} from '../structures/public-area.js';
import { TPMT_TK_CREATION } from '../structures/tickets.js';
import type { Tpm } from '../tpm.js';
import { type Command, command, type Steps, user } from './command.js';

/** Hierarchy commands (TPM 2.0 Library, Part 3, section 24). */
export const HIERARCHY_COMMANDS: readonly Command[] = [
  command(
    'CreatePrimary',
    {
      handles: { primaryHandle: user(TPMI_RH_HIERARCHY) },
      parameters: {
        inSensitive: TPM2B_SENSITIVE_CREATE,
        inPublic: TPM2B_PUBLIC,
        outsideInfo: TPM2B_DATA,
        creationPCR: TPML_PCR_SELECTION,
      },
      responseHandle: true,
      response: {
        outPublic: TPM2B_PUBLIC,
        creationData: TPM2B_CREATION_DATA,
        creationHash: TPM2B_DIGEST,
        creationTicket: TPMT_TK_CREATION,
        name: TPM2B_NAME,
      },
    },
    createPrimary,
  ),
  command(
    'HierarchyControl',
    {
      nv: true,
      extensive: true,
      handles: { authHandle: user(TPMI_RH_BASE_HIERARCHY) },
      parameters: { enable: TPMI_RH_ENABLES, state: TPMI_YES_NO },
    },
    (tpm, { authHandle, enable, state }) => controlHierarchy(tpm, authHandle, enable, state === 1),
  ),
  command(
    'SetPrimaryPolicy',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_HIERARCHY_POLICY) },
      parameters: { authPolicy: TPM2B_DIGEST, hashAlg: TPMI_ALG_HASH_OR_NULL },
    },
    (tpm, { authHandle, authPolicy, hashAlg }) =>
      setPrimaryPolicy(tpm, authHandle, authPolicy, hashAlg),
  ),
  command(
    'ChangePPS',
    { nv: true, extensive: true, handles: { authHandle: user(TPMI_RH_PLATFORM) } },
    changePlatformSeed,
  ),
  command(
    'ChangeEPS',
    { nv: true, extensive: true, handles: { authHandle: user(TPMI_RH_PLATFORM) } },
    changeEndorsementSeed,
  ),
  command(
    'Clear',
    { nv: true, extensive: true, handles: { authHandle: user(TPMI_RH_CLEAR) } },
    clearOwner,
  ),
  command(
    'ClearControl',
    {
      nv: true,
      handles: { auth: user(TPMI_RH_CLEAR) },
      parameters: { disable: TPMI_YES_NO },
    },
    (tpm, { auth, disable }) => controlClear(tpm, auth, disable === 1),
  ),
  command(
    'HierarchyChangeAuth',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_HIERARCHY_AUTH) },
      parameters: { newAuth: TPM2B_AUTH },
    },
    (tpm, { authHandle, newAuth }) => changeHierarchyAuth(tpm, authHandle, newAuth),
  ),
];

interface CreatePrimaryInput {
  readonly primaryHandle: number;
  readonly inSensitive: SensitiveCreate;
  readonly inPublic: PublicArea;
  readonly outsideInfo: Uint8Array;
  readonly creationPCR: readonly PcrSelection[];
}

interface CreatePrimaryOutput extends CreationRecord {
  readonly responseHandle: number;
  readonly outPublic: PublicArea;
  readonly name: Uint8Array;
}

function* createPrimary(tpm: Tpm, input: CreatePrimaryInput): Steps<CreatePrimaryOutput> {
  const { primaryHandle: hierarchy, inSensitive, inPublic } = input;
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  const refusal = checkCreation(inPublic, inSensitive, undefined);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const created = yield* createPrimaryObject(tpm, hierarchy, inPublic, inSensitive);
  if (isRefusal(created)) return created;
  const parent = hierarchyNames(hierarchy);
  const object = primaryObject(created, hierarchy);
  return {
    responseHandle: occupySlot(tpm, { kind: SLOT_KIND.OBJECT, object }),
    outPublic: object.publicArea,
    ...recordCreation(tpm, object, parent, input.outsideInfo, input.creationPCR),
    name: object.name,
  };
}
