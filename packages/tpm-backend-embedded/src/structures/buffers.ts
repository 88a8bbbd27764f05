import { TPM_RC_FORMAT_ONE, TPM_SU } from 'tpm-core';
import { TPM_ALG } from './algorithm-ids.js';
import { TPMI_ALG_HASH, TPMI_ALG_HASH_OR_NULL } from './algorithms.js';
import { LIMIT } from './limits.js';
import {
  fixedBytes,
  list,
  oneOf,
  optionalStructure,
  restricted,
  selected,
  sizedBytes,
  sizedStructure,
  structure,
  UINT8,
  UINT16,
  UINT32,
  type WireType,
} from './wire-type.js';

/** 0 or 1 (Part 2, section 9.2, TPMI_YES_NO). */
export const TPMI_YES_NO: WireType<number> = oneOf(UINT8, [0, 1], TPM_RC_FORMAT_ONE.VALUE);
/** Kind of a startup or shutdown (Part 2, section 6.10). */
export const TPM_SU_TYPE: WireType<number> = oneOf(
  UINT16,
  [TPM_SU.CLEAR, TPM_SU.STATE],
  TPM_RC_FORMAT_ONE.VALUE,
);

/** A digest, at most as long as the longest one (Part 2, section 10.4). */
export const TPM2B_DIGEST: WireType<Uint8Array> = sizedBytes(LIMIT.DIGEST);
/** A nonce: a digest by another name. */
export const TPM2B_NONCE: WireType<Uint8Array> = TPM2B_DIGEST;
/** An authorization value: a digest by another name. */
export const TPM2B_AUTH: WireType<Uint8Array> = TPM2B_DIGEST;
/** A Name or a handle: at most an algorithm identifier and a digest. */
export const TPM2B_NAME: WireType<Uint8Array> = sizedBytes(2 + LIMIT.DIGEST);
/** Caller's data in creation data and attestations: at most the size of a Name. */
export const TPM2B_DATA: WireType<Uint8Array> = sizedBytes(2 + LIMIT.DIGEST);
/** A buffer for hashing or encryption. */
export const TPM2B_MAX_BUFFER: WireType<Uint8Array> = sizedBytes(LIMIT.INPUT_BUFFER);
/** An event to be measured. */
export const TPM2B_EVENT: WireType<Uint8Array> = sizedBytes(1024);
/** NV data of one command. */
export const TPM2B_MAX_NV_BUFFER: WireType<Uint8Array> = sizedBytes(LIMIT.NV_BUFFER);
/** Data that the caller keeps secret: sealed data, StirRandom's input. */
export const TPM2B_SENSITIVE_DATA: WireType<Uint8Array> = sizedBytes(LIMIT.SYMMETRIC_DATA);
/** Operand of PolicyNV. */
export const TPM2B_OPERAND: WireType<Uint8Array> = TPM2B_DIGEST;
/** Initial vector of a cipher. */
export const TPM2B_IV: WireType<Uint8Array> = sizedBytes(LIMIT.SYMMETRIC_BLOCK);
/** An RSA number: modulus, message or cipher text. */
export const TPM2B_PUBLIC_KEY_RSA: WireType<Uint8Array> = sizedBytes(LIMIT.RSA_KEY);
/** A coordinate or scalar of a curve. */
export const TPM2B_ECC_PARAMETER: WireType<Uint8Array> = sizedBytes(LIMIT.ECC_KEY);
/** A secret under an asymmetric key. */
export const TPM2B_ENCRYPTED_SECRET: WireType<Uint8Array> = sizedBytes(LIMIT.ENCRYPTED_SECRET);
/** An encrypted sensitive area. */
export const TPM2B_PRIVATE: WireType<Uint8Array> = sizedBytes(LIMIT.PRIVATE);
/** An encrypted credential. */
export const TPM2B_ID_OBJECT: WireType<Uint8Array> = sizedBytes(2 * (2 + LIMIT.DIGEST));
/** A time limit of a ticket: 64 bits. */
export const TPM2B_TIMEOUT: WireType<Uint8Array> = sizedBytes(8);
/** An attestation structure as bytes. */
export const TPM2B_ATTEST: WireType<Uint8Array> = sizedBytes(2048);
/** A symmetric key as the inner wrapper of duplication. */
export const TPM2B_SYM_KEY: WireType<Uint8Array> = sizedBytes(LIMIT.SYMMETRIC_KEY);
/** DER of a partial certificate. */
export const TPM2B_MAX_CERTIFICATE: WireType<Uint8Array> = sizedBytes(LIMIT.INPUT_BUFFER);

/** A curve point (Part 2, section 11.2.5.2). */
export interface EccPoint {
  /** Coordinate x, big-endian. */
  readonly x: Uint8Array;
  /** Coordinate y, big-endian. */
  readonly y: Uint8Array;
}
/** A curve point. */
export const TPMS_ECC_POINT: WireType<EccPoint> = structure<EccPoint>({
  x: TPM2B_ECC_PARAMETER,
  y: TPM2B_ECC_PARAMETER,
});
/** A curve point with a size. */
export const TPM2B_ECC_POINT: WireType<EccPoint> = sizedStructure(TPMS_ECC_POINT);
/** A curve point with a size, or none. */
export const TPM2B_ECC_POINT_OR_EMPTY: WireType<EccPoint | undefined> =
  optionalStructure(TPMS_ECC_POINT);

/** A digest with its algorithm, without a size field (Part 2, section 10.3.2, TPMT_HA). */
export interface TaggedDigest {
  readonly hashAlg: number;
  /** Empty when `hashAlg` is TPM_ALG_NULL. */
  readonly digest: Uint8Array;
}
/** Digest sizes in bytes of the implemented hashes. */
export const DIGEST_SIZE: Readonly<Record<number, number>> = {
  [TPM_ALG.SHA1]: 20,
  [TPM_ALG.SHA256]: 32,
  [TPM_ALG.SHA384]: 48,
  [TPM_ALG.SHA512]: 64,
};
const digestCases = Object.fromEntries(
  [...Object.entries(DIGEST_SIZE), [TPM_ALG.NULL, 0] as const].map(([hash, size]) => [
    hash,
    structure<Omit<TaggedDigest, 'hashAlg'>>({ digest: fixedBytes(Number(size)) }),
  ]),
);
/** A digest with its algorithm. */
export const TPMT_HA: WireType<TaggedDigest> = selected('hashAlg', TPMI_ALG_HASH, digestCases);
/** A digest with its algorithm, or TPM_ALG_NULL. */
export const TPMT_HA_OR_NULL: WireType<TaggedDigest> = selected(
  'hashAlg',
  TPMI_ALG_HASH_OR_NULL,
  digestCases,
);
/** Digests for the banks of a PCR. */
export const TPML_DIGEST_VALUES: WireType<readonly TaggedDigest[]> = list(
  TPMT_HA,
  LIMIT.PCR_SELECTIONS,
);
/** Digests, at most eight. */
export const TPML_DIGEST: WireType<readonly Uint8Array[]> = list(TPM2B_DIGEST, LIMIT.DIGEST_LIST);

/** PCR of a bank (Part 2, section 10.6.2, TPMS_PCR_SELECTION). */
export interface PcrSelection {
  readonly hash: number;
  /** A bit for each PCR, least significant bit of the first byte first; 3 bytes. */
  readonly pcrSelect: Uint8Array;
}
const selectSize = restricted(UINT8, (size) => size === LIMIT.PCR_SELECT, TPM_RC_FORMAT_ONE.VALUE);
const pcrSelect: WireType<Uint8Array> = {
  unmarshal: (reader) => reader.bytes(selectSize.unmarshal(reader)),
  marshal: (writer, value) => void writer.uint8(value.length).bytes(value),
};
/** PCR of a bank. */
export const TPMS_PCR_SELECTION: WireType<PcrSelection> = structure<PcrSelection>({
  hash: TPMI_ALG_HASH,
  pcrSelect,
});
/** PCR without a bank. */
export const TPMS_PCR_SELECT: WireType<Uint8Array> = pcrSelect;
/** PCR of several banks. */
export const TPML_PCR_SELECTION: WireType<readonly PcrSelection[]> = list(
  TPMS_PCR_SELECTION,
  LIMIT.PCR_SELECTIONS,
);

/** Algorithms. */
export const TPML_ALG: WireType<readonly number[]> = list(UINT16, LIMIT.ALGORITHMS);
/** Command codes. */
export const TPML_CC: WireType<readonly number[]> = list(UINT32, LIMIT.COMMAND_CODES);
/** Handles. */
export const TPML_HANDLE: WireType<readonly number[]> = list(UINT32, LIMIT.CAPABILITY_BUFFER / 4);
