import {
  certify,
  certifyCreation,
  getSessionAuditDigest,
  getTime,
  quote,
} from '../attestation/attestation-commands.js';
import { TPMT_SIG_SCHEME_OR_NULL } from '../structures/algorithms.js';
import {
  TPM2B_ATTEST,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_MAX_CERTIFICATE,
  TPML_PCR_SELECTION,
} from '../structures/buffers.js';
import {
  TPMI_DH_OBJECT,
  TPMI_DH_OBJECT_OR_NULL,
  TPMI_RH_ENDORSEMENT,
  TPMI_SH_HMAC,
} from '../structures/handles.js';
import { TPMT_SIGNATURE_OR_NULL } from '../structures/signatures.js';
import { TPMT_TK_CREATION } from '../structures/tickets.js';
import { admin, type Command, command, plain, user } from './command.js';

/** Attestation commands (TPM 2.0 Library, Part 3, section 18). */
export const ATTESTATION_COMMANDS: readonly Command[] = [
  command(
    'Certify',
    {
      handles: { objectHandle: admin(TPMI_DH_OBJECT), signHandle: user(TPMI_DH_OBJECT_OR_NULL) },
      parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME_OR_NULL },
      response: { certifyInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
    },
    certify,
  ),
  command(
    'CertifyCreation',
    {
      handles: { signHandle: user(TPMI_DH_OBJECT_OR_NULL), objectHandle: plain(TPMI_DH_OBJECT) },
      parameters: {
        qualifyingData: TPM2B_DATA,
        creationHash: TPM2B_DIGEST,
        inScheme: TPMT_SIG_SCHEME_OR_NULL,
        creationTicket: TPMT_TK_CREATION,
      },
      response: { certifyInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
    },
    certifyCreation,
  ),
  command(
    'Quote',
    {
      handles: { signHandle: user(TPMI_DH_OBJECT_OR_NULL) },
      parameters: {
        qualifyingData: TPM2B_DATA,
        inScheme: TPMT_SIG_SCHEME_OR_NULL,
        PCRselect: TPML_PCR_SELECTION,
      },
      response: { quoted: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
    },
    quote,
  ),
  command(
    'GetSessionAuditDigest',
    {
      handles: {
        privacyAdminHandle: user(TPMI_RH_ENDORSEMENT),
        signHandle: user(TPMI_DH_OBJECT_OR_NULL),
        sessionHandle: plain(TPMI_SH_HMAC),
      },
      parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME_OR_NULL },
      response: { auditInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
    },
    getSessionAuditDigest,
  ),
  command('GetCommandAuditDigest', {
    nv: true,
    handles: { privacyHandle: user(TPMI_RH_ENDORSEMENT), signHandle: user(TPMI_DH_OBJECT_OR_NULL) },
    parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME_OR_NULL },
    response: { auditInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
  }),
  command(
    'GetTime',
    {
      handles: {
        privacyAdminHandle: user(TPMI_RH_ENDORSEMENT),
        signHandle: user(TPMI_DH_OBJECT_OR_NULL),
      },
      parameters: { qualifyingData: TPM2B_DATA, inScheme: TPMT_SIG_SCHEME_OR_NULL },
      response: { timeInfo: TPM2B_ATTEST, signature: TPMT_SIGNATURE_OR_NULL },
    },
    getTime,
  ),
  command('CertifyX509', {
    handles: { objectHandle: admin(TPMI_DH_OBJECT), signHandle: user(TPMI_DH_OBJECT_OR_NULL) },
    parameters: {
      reserved: TPM2B_DATA,
      inScheme: TPMT_SIG_SCHEME_OR_NULL,
      partialCertificate: TPM2B_MAX_CERTIFICATE,
    },
    response: {
      addedToCertificate: TPM2B_MAX_CERTIFICATE,
      tbsDigest: TPM2B_DIGEST,
      signature: TPMT_SIGNATURE_OR_NULL,
    },
  }),
];
