import { TPMT_SIG_SCHEME_OR_NULL } from '../structures/algorithms.js';
import {
  TPM2B_ATTEST,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_MAX_NV_BUFFER,
  TPM2B_NAME,
} from '../structures/buffers.js';
import {
  TPMI_DH_OBJECT_OR_NULL,
  TPMI_RH_NV_AUTH,
  TPMI_RH_NV_INDEX,
  TPMI_RH_PLATFORM,
  TPMI_RH_PROVISION,
} from '../structures/handles.js';
import { TPM2B_NV_PUBLIC } from '../structures/nv-public.js';
import { TPMT_SIGNATURE_OR_NULL } from '../structures/signatures.js';
import { UINT16, UINT64 } from '../structures/wire-type.js';
import { admin, type Command, command, plain, user } from './command.js';

/** Non-volatile storage (TPM 2.0 Library, Part 3, section 31). */
export const NON_VOLATILE_STORAGE: readonly Command[] = [
  command('NV_DefineSpace', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_PROVISION) },
    parameters: { auth: TPM2B_AUTH, publicInfo: TPM2B_NV_PUBLIC },
  }),
  command('NV_UndefineSpace', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_PROVISION), nvIndex: plain(TPMI_RH_NV_INDEX) },
  }),
  command('NV_UndefineSpaceSpecial', {
    nv: true,
    handles: { nvIndex: admin(TPMI_RH_NV_INDEX), platform: user(TPMI_RH_PLATFORM) },
  }),
  command('NV_ReadPublic', {
    handles: { nvIndex: plain(TPMI_RH_NV_INDEX) },
    response: { nvPublic: TPM2B_NV_PUBLIC, nvName: TPM2B_NAME },
  }),
  command('NV_Write', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    parameters: { data: TPM2B_MAX_NV_BUFFER, offset: UINT16 },
  }),
  command('NV_Increment', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
  }),
  command('NV_Extend', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    parameters: { data: TPM2B_MAX_NV_BUFFER },
  }),
  command('NV_SetBits', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    parameters: { bits: UINT64 },
  }),
  command('NV_WriteLock', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
  }),
  command('NV_GlobalWriteLock', { nv: true, handles: { authHandle: user(TPMI_RH_PROVISION) } }),
  command('NV_Read', {
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    parameters: { size: UINT16, offset: UINT16 },
    response: { data: TPM2B_MAX_NV_BUFFER },
  }),
  command('NV_ReadLock', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
  }),
  command('NV_ChangeAuth', {
    nv: true,
    handles: { nvIndex: admin(TPMI_RH_NV_INDEX) },
    parameters: { newAuth: TPM2B_AUTH },
  }),
  command('NV_Certify', {
    handles: {
      signHandle: user(TPMI_DH_OBJECT_OR_NULL),
      authHandle: user(TPMI_RH_NV_AUTH),
      nvIndex: plain(TPMI_RH_NV_INDEX),
    },
    parameters: {
      qualifyingData: TPM2B_DATA,
      inScheme: TPMT_SIG_SCHEME_OR_NULL,
      size: UINT16,
      offset: UINT16,
    },
    response: { certifyInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
  }),
];
