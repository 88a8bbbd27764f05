import {
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPM2B_NONCE,
  TPM2B_OPERAND,
  TPM2B_TIMEOUT,
  TPMI_YES_NO,
  TPML_DIGEST,
  TPML_PCR_SELECTION,
} from '../structures/buffers.js';
import { TPM_EO_TYPE } from '../structures/constants.js';
import {
  TPMI_DH_ENTITY,
  TPMI_DH_OBJECT,
  TPMI_RH_NV_AUTH,
  TPMI_RH_NV_INDEX,
  TPMI_SH_POLICY,
} from '../structures/handles.js';
import { TPMT_SIGNATURE } from '../structures/signatures.js';
import { TPMT_TK_AUTH, TPMT_TK_VERIFIED } from '../structures/tickets.js';
import { INT32, UINT8, UINT16, UINT32 } from '../structures/wire-type.js';
import { type Command, command, plain, user } from './command.js';

/** Enhanced authorization (EA) commands (TPM 2.0 Library, Part 3, section 23). */
export const ENHANCED_AUTHORIZATION: readonly Command[] = [
  command('PolicySigned', {
    handles: { authObject: plain(TPMI_DH_OBJECT), policySession: plain(TPMI_SH_POLICY) },
    parameters: {
      nonceTPM: TPM2B_NONCE,
      cpHashA: TPM2B_DIGEST,
      policyRef: TPM2B_NONCE,
      expiration: INT32,
      auth: TPMT_SIGNATURE,
    },
    response: { timeout: TPM2B_TIMEOUT, policyTicket: TPMT_TK_AUTH },
  }),
  command('PolicySecret', {
    handles: { authHandle: user(TPMI_DH_ENTITY), policySession: plain(TPMI_SH_POLICY) },
    parameters: {
      nonceTPM: TPM2B_NONCE,
      cpHashA: TPM2B_DIGEST,
      policyRef: TPM2B_NONCE,
      expiration: INT32,
    },
    response: { timeout: TPM2B_TIMEOUT, policyTicket: TPMT_TK_AUTH },
  }),
  command('PolicyTicket', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: {
      timeout: TPM2B_TIMEOUT,
      cpHashA: TPM2B_DIGEST,
      policyRef: TPM2B_NONCE,
      authName: TPM2B_NAME,
      ticket: TPMT_TK_AUTH,
    },
  }),
  command('PolicyOR', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { pHashList: TPML_DIGEST },
  }),
  command('PolicyPCR', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { pcrDigest: TPM2B_DIGEST, pcrs: TPML_PCR_SELECTION },
  }),
  command('PolicyLocality', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { locality: UINT8 },
  }),
  command('PolicyNV', {
    handles: {
      authHandle: user(TPMI_RH_NV_AUTH),
      nvIndex: plain(TPMI_RH_NV_INDEX),
      policySession: plain(TPMI_SH_POLICY),
    },
    parameters: { operandB: TPM2B_OPERAND, offset: UINT16, operation: TPM_EO_TYPE },
  }),
  command('PolicyCounterTimer', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { operandB: TPM2B_OPERAND, offset: UINT16, operation: TPM_EO_TYPE },
  }),
  command('PolicyCommandCode', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { code: UINT32 },
  }),
  command('PolicyPhysicalPresence', { handles: { policySession: plain(TPMI_SH_POLICY) } }),
  command('PolicyCpHash', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { cpHashA: TPM2B_DIGEST },
  }),
  command('PolicyNameHash', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { nameHash: TPM2B_DIGEST },
  }),
  command('PolicyDuplicationSelect', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { objectName: TPM2B_NAME, newParentName: TPM2B_NAME, includeObject: TPMI_YES_NO },
  }),
  command('PolicyAuthorize', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: {
      approvedPolicy: TPM2B_DIGEST,
      policyRef: TPM2B_NONCE,
      keySign: TPM2B_NAME,
      checkTicket: TPMT_TK_VERIFIED,
    },
  }),
  command('PolicyAuthValue', { handles: { policySession: plain(TPMI_SH_POLICY) } }),
  command('PolicyPassword', { handles: { policySession: plain(TPMI_SH_POLICY) } }),
  command('PolicyGetDigest', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    response: { policyDigest: TPM2B_DIGEST },
  }),
  command('PolicyNvWritten', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { writtenSet: TPMI_YES_NO },
  }),
  command('PolicyTemplate', {
    handles: { policySession: plain(TPMI_SH_POLICY) },
    parameters: { templateHash: TPM2B_DIGEST },
  }),
  command('PolicyAuthorizeNV', {
    handles: {
      authHandle: user(TPMI_RH_NV_AUTH),
      nvIndex: plain(TPMI_RH_NV_INDEX),
      policySession: plain(TPMI_SH_POLICY),
    },
  }),
];
