import {
  policyAuthValue,
  policyCommandCode,
  policyLocality,
  policyNvWritten,
  policyOr,
  policyPassword,
  policyPcr,
  policyPhysicalPresence,
} from '../policies/assertions.js';
import {
  policyAuthorize,
  policySecret,
  policySigned,
  policyTicket,
} from '../policies/authorizations.js';
import {
  policyCpHash,
  policyDuplicationSelect,
  policyNameHash,
  policyTemplate,
} from '../policies/bindings.js';
import { policySessionOf } from '../policies/policy-session.js';
import { policyAuthorizeNv, policyCounterTimer, policyNv } from '../policies/values.js';
import {
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPM2B_NONCE,
  TPM2B_OPERAND,
  TPM2B_TIMEOUT,
  TPMI_YES_NO,
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
import { LIMIT } from '../structures/limits.js';
import { TPMT_SIGNATURE } from '../structures/signatures.js';
import { TPMT_TK_AUTH, TPMT_TK_VERIFIED } from '../structures/tickets.js';
import { INT32, list, UINT8, UINT16, UINT32 } from '../structures/wire-type.js';
import { type Command, command, plain, user } from './command.js';

/** The list of PolicyOR: two to eight digests. */
const POLICY_OR_LIST = list(TPM2B_DIGEST, LIMIT.POLICY_OR_DIGESTS, 2);

const SESSION = { policySession: plain(TPMI_SH_POLICY) };

/** Enhanced authorization (EA) commands (TPM 2.0 Library, Part 3, section 23). */
export const ENHANCED_AUTHORIZATION: readonly Command[] = [
  command(
    'PolicySigned',
    {
      handles: { authObject: plain(TPMI_DH_OBJECT), policySession: plain(TPMI_SH_POLICY) },
      parameters: {
        nonceTPM: TPM2B_NONCE,
        cpHashA: TPM2B_DIGEST,
        policyRef: TPM2B_NONCE,
        expiration: INT32,
        auth: TPMT_SIGNATURE,
      },
      response: { timeout: TPM2B_TIMEOUT, policyTicket: TPMT_TK_AUTH },
    },
    policySigned,
  ),
  command(
    'PolicySecret',
    {
      handles: { authHandle: user(TPMI_DH_ENTITY), policySession: plain(TPMI_SH_POLICY) },
      parameters: {
        nonceTPM: TPM2B_NONCE,
        cpHashA: TPM2B_DIGEST,
        policyRef: TPM2B_NONCE,
        expiration: INT32,
      },
      response: { timeout: TPM2B_TIMEOUT, policyTicket: TPMT_TK_AUTH },
    },
    policySecret,
  ),
  command(
    'PolicyTicket',
    {
      handles: SESSION,
      parameters: {
        timeout: TPM2B_TIMEOUT,
        cpHashA: TPM2B_DIGEST,
        policyRef: TPM2B_NONCE,
        authName: TPM2B_NAME,
        ticket: TPMT_TK_AUTH,
      },
    },
    policyTicket,
  ),
  command('PolicyOR', { handles: SESSION, parameters: { pHashList: POLICY_OR_LIST } }, policyOr),
  command(
    'PolicyPCR',
    { handles: SESSION, parameters: { pcrDigest: TPM2B_DIGEST, pcrs: TPML_PCR_SELECTION } },
    policyPcr,
  ),
  command('PolicyLocality', { handles: SESSION, parameters: { locality: UINT8 } }, policyLocality),
  command(
    'PolicyNV',
    {
      handles: {
        authHandle: user(TPMI_RH_NV_AUTH),
        nvIndex: plain(TPMI_RH_NV_INDEX),
        policySession: plain(TPMI_SH_POLICY),
      },
      parameters: { operandB: TPM2B_OPERAND, offset: UINT16, operation: TPM_EO_TYPE },
    },
    policyNv,
  ),
  command(
    'PolicyCounterTimer',
    {
      handles: SESSION,
      parameters: { operandB: TPM2B_OPERAND, offset: UINT16, operation: TPM_EO_TYPE },
    },
    policyCounterTimer,
  ),
  command(
    'PolicyCommandCode',
    { handles: SESSION, parameters: { code: UINT32 } },
    policyCommandCode,
  ),
  command('PolicyPhysicalPresence', { handles: SESSION }, policyPhysicalPresence),
  command(
    'PolicyCpHash',
    { handles: SESSION, parameters: { cpHashA: TPM2B_DIGEST } },
    policyCpHash,
  ),
  command(
    'PolicyNameHash',
    { handles: SESSION, parameters: { nameHash: TPM2B_DIGEST } },
    policyNameHash,
  ),
  command(
    'PolicyDuplicationSelect',
    {
      handles: SESSION,
      parameters: { objectName: TPM2B_NAME, newParentName: TPM2B_NAME, includeObject: TPMI_YES_NO },
    },
    policyDuplicationSelect,
  ),
  command(
    'PolicyAuthorize',
    {
      handles: SESSION,
      parameters: {
        approvedPolicy: TPM2B_DIGEST,
        policyRef: TPM2B_NONCE,
        keySign: TPM2B_NAME,
        checkTicket: TPMT_TK_VERIFIED,
      },
    },
    policyAuthorize,
  ),
  command('PolicyAuthValue', { handles: SESSION }, policyAuthValue),
  command('PolicyPassword', { handles: SESSION }, policyPassword),
  command(
    'PolicyGetDigest',
    {
      handles: SESSION,
      response: { policyDigest: TPM2B_DIGEST },
    },
    (tpm, { policySession }) => ({
      policyDigest: policySessionOf(tpm, policySession).policy.policyDigest,
    }),
  ),
  command(
    'PolicyNvWritten',
    { handles: SESSION, parameters: { writtenSet: TPMI_YES_NO } },
    policyNvWritten,
  ),
  command(
    'PolicyTemplate',
    { handles: SESSION, parameters: { templateHash: TPM2B_DIGEST } },
    policyTemplate,
  ),
  command(
    'PolicyAuthorizeNV',
    {
      handles: {
        authHandle: user(TPMI_RH_NV_AUTH),
        nvIndex: plain(TPMI_RH_NV_INDEX),
        policySession: plain(TPMI_SH_POLICY),
      },
    },
    policyAuthorizeNv,
  ),
];
