import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import {
  type PcrSelection,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPMI_YES_NO,
  TPML_PCR_SELECTION,
} from './buffers.js';
import { type ClockInfo, type TimeInfo, TPMS_CLOCK_INFO, TPMS_TIME_INFO } from './clock-info.js';
import { oneOf, structure, UINT16, UINT32, UINT64, type WireType } from './wire-type.js';

/** How structures begin that a TPM made itself and signs (Part 2, section 6.2). */
export const TPM_GENERATED_VALUE = 0xff54_4347;

/** TPMS_ATTEST up to `attested` (Part 2, section 10.12.12). */
export interface AttestHead {
  /** `TPM_ST_STRUCTURE.ATTEST_*`. */
  readonly type: number;
  /** Qualified name of the key that signs; the handle TPM_RH_NULL without one. */
  readonly qualifiedSigner: Uint8Array;
  /** What the caller gave. */
  readonly extraData: Uint8Array;
  readonly clockInfo: ClockInfo;
  readonly firmwareVersion: bigint;
}

const TPM_GENERATED = oneOf(UINT32, [TPM_GENERATED_VALUE], TPM_RC_FORMAT_ONE.VALUE);
const head = structure<AttestHead & { readonly magic: number }>({
  magic: TPM_GENERATED,
  type: UINT16,
  qualifiedSigner: TPM2B_NAME,
  extraData: TPM2B_DATA,
  clockInfo: TPMS_CLOCK_INFO,
  firmwareVersion: UINT64,
});
/** TPMS_ATTEST up to `attested`, with TPM_GENERATED_VALUE before it. */
export const TPMS_ATTEST_HEAD: WireType<AttestHead> = {
  unmarshal: (reader) => head.unmarshal(reader),
  marshal: (writer, value) => head.marshal(writer, { magic: TPM_GENERATED_VALUE, ...value }),
};

/** What Certify attests (Part 2, section 10.12.3). */
export interface CertifyInfo {
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
}
/** What Certify attests. */
export const TPMS_CERTIFY_INFO: WireType<CertifyInfo> = structure<CertifyInfo>({
  name: TPM2B_NAME,
  qualifiedName: TPM2B_NAME,
});

/** What CertifyCreation attests (Part 2, section 10.12.7). */
export interface CreationInfo {
  readonly objectName: Uint8Array;
  readonly creationHash: Uint8Array;
}
/** What CertifyCreation attests. */
export const TPMS_CREATION_INFO: WireType<CreationInfo> = structure<CreationInfo>({
  objectName: TPM2B_NAME,
  creationHash: TPM2B_DIGEST,
});

/** What GetTime attests (Part 2, section 10.12.2). */
export interface TimeAttestInfo {
  readonly time: TimeInfo;
  readonly firmwareVersion: bigint;
}
/** What GetTime attests. */
export const TPMS_TIME_ATTEST_INFO: WireType<TimeAttestInfo> = structure<TimeAttestInfo>({
  time: TPMS_TIME_INFO,
  firmwareVersion: UINT64,
});

/** What GetSessionAuditDigest attests (Part 2, section 10.12.6). */
export interface SessionAuditInfo {
  /** 1 while no other command came between. */
  readonly exclusiveSession: number;
  readonly sessionDigest: Uint8Array;
}
/** What GetSessionAuditDigest attests. */
export const TPMS_SESSION_AUDIT_INFO: WireType<SessionAuditInfo> = structure<SessionAuditInfo>({
  exclusiveSession: TPMI_YES_NO,
  sessionDigest: TPM2B_DIGEST,
});

/** What Quote attests (Part 2, section 10.12.4). */
export interface QuoteInfo {
  readonly pcrSelect: readonly PcrSelection[];
  readonly pcrDigest: Uint8Array;
}
/** What Quote attests. */
export const TPMS_QUOTE_INFO: WireType<QuoteInfo> = structure<QuoteInfo>({
  pcrSelect: TPML_PCR_SELECTION,
  pcrDigest: TPM2B_DIGEST,
});
