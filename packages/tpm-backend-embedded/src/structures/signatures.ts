import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPM_ALG } from './algorithm-ids.js';
import { TPMI_ALG_HASH } from './algorithms.js';
import {
  type TaggedDigest,
  TPM2B_ECC_PARAMETER,
  TPM2B_PUBLIC_KEY_RSA,
  TPMT_HA,
} from './buffers.js';
import { constant, oneOf, selected, structure, UINT16, type WireType } from './wire-type.js';

/** A signature (Part 2, section 11.3.4, TPMT_SIGNATURE). */
export type Signature =
  | {
      readonly sigAlg: typeof TPM_ALG.RSASSA | typeof TPM_ALG.RSAPSS;
      readonly hash: number;
      readonly sig: Uint8Array;
    }
  | {
      readonly sigAlg: typeof TPM_ALG.ECDSA | typeof TPM_ALG.ECDAA | typeof TPM_ALG.ECSCHNORR;
      readonly hash: number;
      readonly signatureR: Uint8Array;
      readonly signatureS: Uint8Array;
    }
  | { readonly sigAlg: typeof TPM_ALG.HMAC; readonly hmac: TaggedDigest }
  | { readonly sigAlg: typeof TPM_ALG.NULL };

const rsa = structure({ hash: TPMI_ALG_HASH, sig: TPM2B_PUBLIC_KEY_RSA });
const ecc = structure({
  hash: TPMI_ALG_HASH,
  signatureR: TPM2B_ECC_PARAMETER,
  signatureS: TPM2B_ECC_PARAMETER,
});
const cases = {
  [TPM_ALG.RSASSA]: rsa,
  [TPM_ALG.RSAPSS]: rsa,
  [TPM_ALG.ECDSA]: ecc,
  [TPM_ALG.ECDAA]: ecc,
  [TPM_ALG.ECSCHNORR]: ecc,
  [TPM_ALG.HMAC]: structure({ hmac: TPMT_HA }),
};

function signature(table: Readonly<Record<number, unknown>>): WireType<Signature> {
  const algorithms = Object.keys(table).map(Number);
  return selected<Signature, 'sigAlg'>(
    'sigAlg',
    oneOf(UINT16, algorithms, TPM_RC_FORMAT_ONE.SCHEME) as WireType<Signature['sigAlg']>,
    table as never,
  );
}

/** A signature. */
export const TPMT_SIGNATURE: WireType<Signature> = signature(cases);
/** A signature or none (the answer of an attestation without a key). */
export const TPMT_SIGNATURE_OR_NULL: WireType<Signature> = signature({
  ...cases,
  [TPM_ALG.NULL]: constant({}),
});
