import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import {
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
  TPM2B_CREATION_DATA,
  TPM2B_PUBLIC,
  TPM2B_SENSITIVE_CREATE,
} from '../structures/public-area.js';
import { TPMT_TK_CREATION } from '../structures/tickets.js';
import { type Command, command, user } from './command.js';

/** Hierarchy commands (TPM 2.0 Library, Part 3, section 24). */
export const HIERARCHY_COMMANDS: readonly Command[] = [
  command('CreatePrimary', {
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
  }),
  command('HierarchyControl', {
    nv: true,
    extensive: true,
    handles: { authHandle: user(TPMI_RH_BASE_HIERARCHY) },
    parameters: { enable: TPMI_RH_ENABLES, state: TPMI_YES_NO },
  }),
  command('SetPrimaryPolicy', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_HIERARCHY_POLICY) },
    parameters: { authPolicy: TPM2B_DIGEST, hashAlg: TPMI_ALG_HASH_OR_NULL },
  }),
  command('ChangePPS', {
    nv: true,
    extensive: true,
    handles: { authHandle: user(TPMI_RH_PLATFORM) },
  }),
  command('ChangeEPS', {
    nv: true,
    extensive: true,
    handles: { authHandle: user(TPMI_RH_PLATFORM) },
  }),
  command('Clear', { nv: true, extensive: true, handles: { authHandle: user(TPMI_RH_CLEAR) } }),
  command('ClearControl', {
    nv: true,
    handles: { auth: user(TPMI_RH_CLEAR) },
    parameters: { disable: TPMI_YES_NO },
  }),
  command('HierarchyChangeAuth', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_HIERARCHY_AUTH) },
    parameters: { newAuth: TPM2B_AUTH },
  }),
];
