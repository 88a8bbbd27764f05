import { equalBytes } from '@noble/curves/utils.js';
import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { timeInfo } from '../clock.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { entityName, findObject } from '../entity.js';
import { selectedValues, usedSelections } from '../pcr/pcr-banks.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { findSession } from '../sessions/session-table.js';
import type { Scheme } from '../structures/algorithms.js';
import {
  TPMS_CERTIFY_INFO,
  TPMS_CREATION_INFO,
  TPMS_QUOTE_INFO,
  TPMS_SESSION_AUDIT_INFO,
  TPMS_TIME_ATTEST_INFO,
} from '../structures/attest.js';
import type { PcrSelection } from '../structures/buffers.js';
import type { Signature } from '../structures/signatures.js';
import { type Ticket, TPM_ST_STRUCTURE } from '../structures/tickets.js';
import { marshalled } from '../structures/wire-type.js';
import { makeTicket } from '../tickets.js';
import type { Tpm } from '../tpm.js';
import { attest, findSigner, firmwareVersion } from './attestation.js';

/** What every attestation command is told. */
interface AttestationInput {
  readonly signHandle: number;
  readonly qualifyingData: Uint8Array;
  readonly inScheme: Scheme;
}

/** Response of Certify and CertifyCreation. */
interface Certified {
  readonly certifyInfo: Uint8Array;
  readonly signature: Signature;
}

/**
 * TPM2_Certify (Part 3, section 18.2): the object with that Name is loaded. A sequence is certified
 * too, as libtpms does it: with empty names.
 */
export function certify(
  tpm: Tpm,
  input: AttestationInput & { readonly objectHandle: number },
): Certified | ResponseCode {
  const signer = findSigner(tpm, [input.signHandle, 2], [input.inScheme, 2]);
  if (isRefusal(signer)) return signer;
  const attested = marshalled(TPMS_CERTIFY_INFO, {
    name: entityName(tpm, input.objectHandle),
    qualifiedName: findObject(tpm, input.objectHandle)?.qualifiedName ?? new Uint8Array(0),
  });
  const type = TPM_ST_STRUCTURE.ATTEST_CERTIFY;
  const result = attest(tpm, signer, type, input.qualifyingData, attested);
  return isRefusal(result) ? result : { certifyInfo: result.attest, signature: result.signature };
}

/** TPM2_CertifyCreation (Part 3, section 18.3): the TPM made the object in these circumstances. */
export function certifyCreation(
  tpm: Tpm,
  input: AttestationInput & {
    readonly objectHandle: number;
    readonly creationHash: Uint8Array;
    readonly creationTicket: Ticket;
  },
): Certified | ResponseCode {
  const signer = findSigner(tpm, [input.signHandle, 1], [input.inScheme, 3]);
  if (isRefusal(signer)) return signer;
  const { creationHash, creationTicket } = input;
  const objectName = entityName(tpm, input.objectHandle);
  const { hierarchy, digest } = creationTicket;
  const right = makeTicket(tpm, TPM_ST_STRUCTURE.CREATION, hierarchy, objectName, creationHash);
  if (!equalBytes(digest, right.digest)) return atParameter(TPM_RC_FORMAT_ONE.TICKET, 4);
  const attested = marshalled(TPMS_CREATION_INFO, { objectName, creationHash });
  const type = TPM_ST_STRUCTURE.ATTEST_CREATION;
  const result = attest(tpm, signer, type, input.qualifyingData, attested);
  return isRefusal(result) ? result : { certifyInfo: result.attest, signature: result.signature };
}

/**
 * TPM2_Quote (Part 3, section 18.4): the PCR have these values. The scheme's hash makes the digest
 * of them, so that a quote without a key isn't possible.
 */
export function quote(
  tpm: Tpm,
  input: AttestationInput & { readonly PCRselect: readonly PcrSelection[] },
): { readonly quoted: Uint8Array; readonly signature: Signature } | ResponseCode {
  const signer = findSigner(tpm, [input.signHandle, 1], [input.inScheme, 2]);
  if (isRefusal(signer)) return signer;
  const hash = hashAlgorithm(signer.scheme.hashAlg);
  if (hash === undefined) return atParameter(TPM_RC_FORMAT_ONE.SCHEME, 2);
  const attested = marshalled(TPMS_QUOTE_INFO, {
    pcrSelect: usedSelections(tpm, input.PCRselect),
    pcrDigest: hash.digest(...selectedValues(tpm, input.PCRselect)),
  });
  const type = TPM_ST_STRUCTURE.ATTEST_QUOTE;
  const result = attest(tpm, signer, type, input.qualifyingData, attested);
  return isRefusal(result) ? result : { quoted: result.attest, signature: result.signature };
}

/**
 * TPM2_GetTime (Part 3, section 18.7): time and clock are these. The privacy administrator allows it,
 * so that counters and version are in clear in what is attested, whoever signs.
 */
export function getTime(
  tpm: Tpm,
  input: AttestationInput,
): { readonly timeInfo: Uint8Array; readonly signature: Signature } | ResponseCode {
  const signer = findSigner(tpm, [input.signHandle, 2], [input.inScheme, 2]);
  if (isRefusal(signer)) return signer;
  const attested = marshalled(TPMS_TIME_ATTEST_INFO, {
    time: timeInfo(tpm),
    firmwareVersion: firmwareVersion(tpm),
  });
  const type = TPM_ST_STRUCTURE.ATTEST_TIME;
  const result = attest(tpm, signer, type, input.qualifyingData, attested);
  return isRefusal(result) ? result : { timeInfo: result.attest, signature: result.signature };
}

/** TPM2_GetSessionAuditDigest (Part 3, section 18.5): these commands went through the session. */
export function getSessionAuditDigest(
  tpm: Tpm,
  input: AttestationInput & { readonly sessionHandle: number },
): { readonly auditInfo: Uint8Array; readonly signature: Signature } | ResponseCode {
  const signer = findSigner(tpm, [input.signHandle, 2], [input.inScheme, 2]);
  if (isRefusal(signer)) return signer;
  const sessionDigest = findSession(tpm, input.sessionHandle)?.auditDigest;
  if (sessionDigest === undefined) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 3);
  const isExclusive = tpm.state.volatile.exclusiveAuditSession === input.sessionHandle;
  const attested = marshalled(TPMS_SESSION_AUDIT_INFO, {
    exclusiveSession: isExclusive ? 1 : 0,
    sessionDigest,
  });
  const type = TPM_ST_STRUCTURE.ATTEST_SESSION_AUDIT;
  const result = attest(tpm, signer, type, input.qualifyingData, attested);
  return isRefusal(result) ? result : { auditInfo: result.attest, signature: result.signature };
}
