import { TPM_RC } from 'tpm-core';
import {
  changeIndexAuth,
  checkRead,
  extendIndex,
  incrementIndex,
  lockAllWriting,
  lockReading,
  lockWriting,
  type NvUse,
  readData,
  setIndexBits,
  writeIndex,
} from '../nv/nv-access.js';
import { defineSpace, undefineSpace, undefineSpaceSpecial } from '../nv/nv-definition.js';
import { findNvIndex, nvName } from '../nv/nv-index.js';
import { isRefusal, type ResponseCode } from '../response-code.js';
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
import type { Tpm } from '../tpm.js';
import { admin, type Command, command, plain, user } from './command.js';

/** Non-volatile storage (TPM 2.0 Library, Part 3, section 31). */
export const NON_VOLATILE_STORAGE: readonly Command[] = [
  command(
    'NV_DefineSpace',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_PROVISION) },
      parameters: { auth: TPM2B_AUTH, publicInfo: TPM2B_NV_PUBLIC },
    },
    (tpm, { authHandle, auth, publicInfo }) => defineSpace(tpm, authHandle, auth, publicInfo),
  ),
  command(
    'NV_UndefineSpace',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_PROVISION), nvIndex: plain(TPMI_RH_NV_INDEX) },
    },
    (tpm, { authHandle, nvIndex }) => undefineSpace(tpm, authHandle, nvIndex),
  ),
  command(
    'NV_UndefineSpaceSpecial',
    {
      nv: true,
      handles: { nvIndex: admin(TPMI_RH_NV_INDEX), platform: user(TPMI_RH_PLATFORM) },
    },
    (tpm, { nvIndex }) => undefineSpaceSpecial(tpm, nvIndex),
  ),
  command(
    'NV_ReadPublic',
    {
      handles: { nvIndex: plain(TPMI_RH_NV_INDEX) },
      response: { nvPublic: TPM2B_NV_PUBLIC, nvName: TPM2B_NAME },
    },
    (tpm, { nvIndex }) => {
      const index = findNvIndex(tpm, nvIndex)!;
      return { nvPublic: index.publicArea, nvName: nvName(index) };
    },
  ),
  command(
    'NV_Write',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
      parameters: { data: TPM2B_MAX_NV_BUFFER, offset: UINT16 },
    },
    (tpm, { data, offset, ...use }) => writeIndex(tpm, use, data, offset),
  ),
  command(
    'NV_Increment',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    },
    incrementIndex,
  ),
  command(
    'NV_Extend',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
      parameters: { data: TPM2B_MAX_NV_BUFFER },
    },
    (tpm, { data, ...use }) => extendIndex(tpm, use, data),
  ),
  command(
    'NV_SetBits',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
      parameters: { bits: UINT64 },
    },
    (tpm, { bits, ...use }) => setIndexBits(tpm, use, bits),
  ),
  command(
    'NV_WriteLock',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    },
    lockWriting,
  ),
  command(
    'NV_GlobalWriteLock',
    { nv: true, handles: { authHandle: user(TPMI_RH_PROVISION) } },
    lockAllWriting,
  ),
  command(
    'NV_Read',
    {
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
      parameters: { size: UINT16, offset: UINT16 },
      response: { data: TPM2B_MAX_NV_BUFFER },
    },
    nvRead,
  ),
  command(
    'NV_ReadLock',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_NV_AUTH), nvIndex: plain(TPMI_RH_NV_INDEX) },
    },
    lockReading,
  ),
  command(
    'NV_ChangeAuth',
    {
      nv: true,
      handles: { nvIndex: admin(TPMI_RH_NV_INDEX) },
      parameters: { newAuth: TPM2B_AUTH },
    },
    (tpm, { nvIndex, newAuth }) => changeIndexAuth(tpm, nvIndex, newAuth),
  ),
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

function nvRead(
  tpm: Tpm,
  { size, offset, ...use }: NvUse & { readonly size: number; readonly offset: number },
): { readonly data: Uint8Array } | ResponseCode {
  const refusal = checkRead(tpm, use);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const data = readData(tpm, use.nvIndex, size, offset);
  return isRefusal(data) ? data : { data };
}
