import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPM_ALG, TPM_ECC } from './algorithm-ids.js';
import { constant, oneOf, selected, structure, UINT16, type WireType } from './wire-type.js';

/** The implemented hashes, in the order in which lists show them. */
export const HASHES: readonly number[] = [
  TPM_ALG.SHA1,
  TPM_ALG.SHA256,
  TPM_ALG.SHA384,
  TPM_ALG.SHA512,
];

/** The implemented curves. */
export const CURVES: readonly number[] = [TPM_ECC.NIST_P256, TPM_ECC.NIST_P384, TPM_ECC.NIST_P521];

/** The implemented RSA key sizes in bits. */
export const RSA_KEY_BITS: readonly number[] = [1024, 2048, 3072];

/** The implemented AES key sizes in bits. */
export const AES_KEY_BITS: readonly number[] = [128, 256];

const NULL = TPM_ALG.NULL;
const RC = TPM_RC_FORMAT_ONE;

/** An implemented hash. */
export const TPMI_ALG_HASH: WireType<number> = oneOf(UINT16, HASHES, RC.HASH);
/** An implemented hash or TPM_ALG_NULL. */
export const TPMI_ALG_HASH_OR_NULL: WireType<number> = oneOf(UINT16, [...HASHES, NULL], RC.HASH);
/** Hash of an HMAC, or TPM_ALG_NULL; refused as libtpms does it, which has other MAC too. */
export const TPMI_ALG_MAC_SCHEME_OR_NULL: WireType<number> = oneOf(
  UINT16,
  [...HASHES, NULL],
  RC.SYMMETRIC,
);
/** An implemented curve. */
export const TPMI_ECC_CURVE: WireType<number> = oneOf(UINT16, CURVES, RC.CURVE);
/** An implemented RSA key size. */
export const TPMI_RSA_KEY_BITS: WireType<number> = oneOf(UINT16, RSA_KEY_BITS, RC.VALUE);

const MODES = [TPM_ALG.CTR, TPM_ALG.OFB, TPM_ALG.CBC, TPM_ALG.CFB, TPM_ALG.ECB];
/** A cipher mode or TPM_ALG_NULL. */
export const TPMI_ALG_CIPHER_MODE_OR_NULL: WireType<number> = oneOf(
  UINT16,
  [...MODES, NULL],
  RC.MODE,
);

/** A key derivation function or TPM_ALG_NULL. */
export const TPMI_ALG_KDF_OR_NULL: WireType<number> = oneOf(
  UINT16,
  [TPM_ALG.MGF1, TPM_ALG.KDF1_SP800_56A, TPM_ALG.KDF1_SP800_108, NULL],
  RC.KDF,
);

/** A symmetric algorithm with its key size and mode (Part 2, section 11.1.6, TPMT_SYM_DEF). */
export interface SymmetricDefinition {
  /** TPM_ALG_AES, TPM_ALG_XOR or TPM_ALG_NULL. */
  readonly algorithm: number;
  /** Key size in bits; of TPM_ALG_XOR the hash; 0 of TPM_ALG_NULL. */
  readonly keyBits: number;
  /** Cipher mode; TPM_ALG_NULL where there is none. */
  readonly mode: number;
}

const noSymmetric = structure<Omit<SymmetricDefinition, 'algorithm'>>({
  keyBits: constant(0),
  mode: constant<number>(NULL),
});
const aes = structure<Omit<SymmetricDefinition, 'algorithm'>>({
  keyBits: oneOf(UINT16, AES_KEY_BITS, RC.VALUE),
  mode: TPMI_ALG_CIPHER_MODE_OR_NULL,
});
const xor = structure<Omit<SymmetricDefinition, 'algorithm'>>({
  keyBits: TPMI_ALG_HASH,
  mode: constant<number>(NULL),
});

function symmetricDefinition(
  cases: Readonly<Record<number, WireType<Omit<SymmetricDefinition, 'algorithm'>>>>,
): WireType<SymmetricDefinition> {
  const algorithms = Object.keys(cases).map(Number);
  return selected('algorithm', oneOf(UINT16, algorithms, RC.SYMMETRIC), cases);
}

/** Symmetric algorithm of a session; null means that nothing can be encrypted. */
export const TPMT_SYM_DEF_OR_NULL: WireType<SymmetricDefinition> = symmetricDefinition({
  [TPM_ALG.AES]: aes,
  [TPM_ALG.XOR]: xor,
  [NULL]: noSymmetric,
});
/** Symmetric algorithm of an object or none. */
export const TPMT_SYM_DEF_OBJECT_OR_NULL: WireType<SymmetricDefinition> = symmetricDefinition({
  [TPM_ALG.AES]: aes,
  [NULL]: noSymmetric,
});
/** Symmetric algorithm of an object. */
export const TPMT_SYM_DEF_OBJECT: WireType<SymmetricDefinition> = symmetricDefinition({
  [TPM_ALG.AES]: aes,
});

/** A scheme with its hash (Part 2, sections 11.1.17 to 11.2.3). */
export interface Scheme {
  /** Scheme, or TPM_ALG_NULL for none. */
  readonly scheme: number;
  /** Hash of the scheme; TPM_ALG_NULL where the scheme has none. */
  readonly hashAlg: number;
  /** Commit counter of TPM_ALG_ECDAA; 0 for the others. */
  readonly count: number;
  /** Key derivation function of TPM_ALG_XOR; TPM_ALG_NULL for the others. */
  readonly kdf: number;
}

type SchemeDetails = Omit<Scheme, 'scheme'>;

const zero = constant(0);
const none = constant<number>(NULL);
const noDetails = structure<SchemeDetails>({ hashAlg: none, count: zero, kdf: none });
const withHash = structure<SchemeDetails>({ hashAlg: TPMI_ALG_HASH, count: zero, kdf: none });
const withHashAndCount = structure<SchemeDetails>({
  hashAlg: TPMI_ALG_HASH,
  count: UINT16,
  kdf: none,
});
const withHashAndKdf = structure<SchemeDetails>({
  hashAlg: TPMI_ALG_HASH,
  count: zero,
  kdf: oneOf(UINT16, [TPM_ALG.MGF1, TPM_ALG.KDF1_SP800_56A, TPM_ALG.KDF1_SP800_108], RC.KDF),
});

function scheme(
  cases: Readonly<Record<number, WireType<SchemeDetails>>>,
  code: number,
): WireType<Scheme> {
  return selected('scheme', oneOf(UINT16, Object.keys(cases).map(Number), code), cases);
}

const RSA_SIGNING = { [TPM_ALG.RSASSA]: withHash, [TPM_ALG.RSAPSS]: withHash };
const RSA_DECRYPTION = { [TPM_ALG.RSAES]: noDetails, [TPM_ALG.OAEP]: withHash };
const ECC_SIGNING = {
  [TPM_ALG.ECDSA]: withHash,
  [TPM_ALG.ECDAA]: withHashAndCount,
  [TPM_ALG.ECSCHNORR]: withHash,
};

/** Scheme of an RSA key. */
export const TPMT_RSA_SCHEME_OR_NULL: WireType<Scheme> = scheme(
  { ...RSA_SIGNING, ...RSA_DECRYPTION, [NULL]: noDetails },
  RC.VALUE,
);
/** Scheme of RSA_Encrypt and RSA_Decrypt. */
export const TPMT_RSA_DECRYPT_OR_NULL: WireType<Scheme> = scheme(
  { ...RSA_DECRYPTION, [NULL]: noDetails },
  RC.VALUE,
);
/** Scheme of an ECC key. */
export const TPMT_ECC_SCHEME_OR_NULL: WireType<Scheme> = scheme(
  { ...ECC_SIGNING, [TPM_ALG.ECDH]: withHash, [NULL]: noDetails },
  RC.SCHEME,
);
/** Scheme of a keyed-hash object. */
export const TPMT_KEYEDHASH_SCHEME_OR_NULL: WireType<Scheme> = scheme(
  { [TPM_ALG.HMAC]: withHash, [TPM_ALG.XOR]: withHashAndKdf, [NULL]: noDetails },
  RC.VALUE,
);
/** Scheme of a signature. */
export const TPMT_SIG_SCHEME_OR_NULL: WireType<Scheme> = scheme(
  { ...RSA_SIGNING, ...ECC_SIGNING, [TPM_ALG.HMAC]: withHash, [NULL]: noDetails },
  RC.SCHEME,
);
/** Key derivation scheme of an ECC key. */
export const TPMT_KDF_SCHEME_OR_NULL: WireType<Scheme> = scheme(
  {
    [TPM_ALG.MGF1]: withHash,
    [TPM_ALG.KDF1_SP800_56A]: withHash,
    [TPM_ALG.KDF1_SP800_108]: withHash,
    [NULL]: noDetails,
  },
  RC.KDF,
);
/** Key exchange scheme of ZGen_2Phase. */
export const TPMI_ECC_KEY_EXCHANGE: WireType<number> = oneOf(UINT16, [TPM_ALG.ECDH], RC.SCHEME);

/** No scheme. */
export const NO_SCHEME: Scheme = { scheme: NULL, hashAlg: NULL, count: 0, kdf: NULL };
