import { TPM_RC_FORMAT_ONE } from 'tpm-core';
import { TPM_ALG } from './algorithm-ids.js';
import {
  type Scheme,
  type SymmetricDefinition,
  TPMI_ALG_HASH,
  TPMI_ALG_HASH_OR_NULL,
  TPMI_ECC_CURVE,
  TPMI_RSA_KEY_BITS,
  TPMT_ECC_SCHEME_OR_NULL,
  TPMT_KDF_SCHEME_OR_NULL,
  TPMT_KEYEDHASH_SCHEME_OR_NULL,
  TPMT_RSA_SCHEME_OR_NULL,
  TPMT_SYM_DEF_OBJECT,
  TPMT_SYM_DEF_OBJECT_OR_NULL,
} from './algorithms.js';
import {
  type EccPoint,
  type PcrSelection,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_NAME,
  TPM2B_PUBLIC_KEY_RSA,
  TPM2B_SENSITIVE_DATA,
  TPML_PCR_SELECTION,
  TPMS_ECC_POINT,
} from './buffers.js';
import { LIMIT } from './limits.js';
import {
  attributes,
  oneOf,
  optionalStructure,
  selected,
  sizedBytes,
  sizedStructure,
  structure,
  UINT8,
  UINT16,
  UINT32,
  type WireType,
} from './wire-type.js';

/** Object attributes (Part 2, section 8.3, TPMA_OBJECT). */
export const TPMA_OBJECT = {
  fixedTPM: 0x0000_0002,
  stClear: 0x0000_0004,
  fixedParent: 0x0000_0010,
  sensitiveDataOrigin: 0x0000_0020,
  userWithAuth: 0x0000_0040,
  adminWithPolicy: 0x0000_0080,
  noDA: 0x0000_0400,
  encryptedDuplication: 0x0000_0800,
  restricted: 0x0001_0000,
  decrypt: 0x0002_0000,
  /** Sign; for a symmetric cipher object: encrypt. */
  sign: 0x0004_0000,
  x509sign: 0x0008_0000,
} as const;

const DEFINED_OBJECT_ATTRIBUTES = Object.values(TPMA_OBJECT).reduce((all, bit) => all | bit, 0);

interface PublicAreaHead {
  readonly nameAlg: number;
  /** {@link TPMA_OBJECT} bits. */
  readonly objectAttributes: number;
  readonly authPolicy: Uint8Array;
}

/** Parameters of an RSA key (Part 2, section 12.2.3.5). */
export interface RsaParameters {
  readonly symmetric: SymmetricDefinition;
  readonly scheme: Scheme;
  readonly keyBits: number;
  /** Public exponent; 0 stands for 65537. */
  readonly exponent: number;
}
/** Parameters of an ECC key (Part 2, section 12.2.3.6). */
export interface EccParameters {
  readonly symmetric: SymmetricDefinition;
  readonly scheme: Scheme;
  readonly curveID: number;
  readonly kdf: Scheme;
}

/** Public area of an RSA key. */
export interface RsaPublicArea extends PublicAreaHead {
  readonly type: typeof TPM_ALG.RSA;
  readonly parameters: RsaParameters;
  /** Modulus, big-endian. */
  readonly unique: Uint8Array;
}
/** Public area of an ECC key. */
export interface EccPublicArea extends PublicAreaHead {
  readonly type: typeof TPM_ALG.ECC;
  readonly parameters: EccParameters;
  readonly unique: EccPoint;
}
/** Public area of an HMAC key, a sealed data object or a derivation parent. */
export interface KeyedHashPublicArea extends PublicAreaHead {
  readonly type: typeof TPM_ALG.KEYEDHASH;
  readonly parameters: { readonly scheme: Scheme };
  /** Digest over seed and sensitive data. */
  readonly unique: Uint8Array;
}
/** Public area of a symmetric cipher object. */
export interface SymcipherPublicArea extends PublicAreaHead {
  readonly type: typeof TPM_ALG.SYMCIPHER;
  readonly parameters: { readonly symmetric: SymmetricDefinition };
  /** Digest over seed and key. */
  readonly unique: Uint8Array;
}
/** Public area of an object (Part 2, section 12.2.4, TPMT_PUBLIC). */
export type PublicArea = RsaPublicArea | EccPublicArea | KeyedHashPublicArea | SymcipherPublicArea;

/** Parameters of an object without the rest of the public area (TPMT_PUBLIC_PARMS). */
export type PublicParameters =
  | { readonly type: typeof TPM_ALG.RSA; readonly parameters: RsaParameters }
  | { readonly type: typeof TPM_ALG.ECC; readonly parameters: EccParameters }
  | {
      readonly type: typeof TPM_ALG.KEYEDHASH;
      readonly parameters: KeyedHashPublicArea['parameters'];
    }
  | {
      readonly type: typeof TPM_ALG.SYMCIPHER;
      readonly parameters: SymcipherPublicArea['parameters'];
    };

const rsaParameters = structure<RsaParameters>({
  symmetric: TPMT_SYM_DEF_OBJECT_OR_NULL,
  scheme: TPMT_RSA_SCHEME_OR_NULL,
  keyBits: TPMI_RSA_KEY_BITS,
  exponent: UINT32,
});
const eccParameters = structure<EccParameters>({
  symmetric: TPMT_SYM_DEF_OBJECT_OR_NULL,
  scheme: TPMT_ECC_SCHEME_OR_NULL,
  curveID: TPMI_ECC_CURVE,
  kdf: TPMT_KDF_SCHEME_OR_NULL,
});
const keyedHashParameters = structure<KeyedHashPublicArea['parameters']>({
  scheme: TPMT_KEYEDHASH_SCHEME_OR_NULL,
});
const symcipherParameters = structure<SymcipherPublicArea['parameters']>({
  symmetric: TPMT_SYM_DEF_OBJECT,
});

const TPMI_ALG_PUBLIC = oneOf(
  UINT16,
  [TPM_ALG.RSA, TPM_ALG.KEYEDHASH, TPM_ALG.ECC, TPM_ALG.SYMCIPHER],
  TPM_RC_FORMAT_ONE.TYPE,
);

/** What `unique` holds, by the kind of object. */
interface UniqueTypes {
  readonly rsa: WireType<unknown>;
  readonly point: WireType<unknown>;
  readonly digest: WireType<unknown>;
}

const UNIQUE: UniqueTypes = {
  rsa: TPM2B_PUBLIC_KEY_RSA,
  point: TPMS_ECC_POINT,
  digest: TPM2B_DIGEST,
};

function publicArea(nameAlg: WireType<number>, unique: UniqueTypes = UNIQUE): WireType<PublicArea> {
  const head = {
    nameAlg,
    objectAttributes: attributes(UINT32, DEFINED_OBJECT_ATTRIBUTES),
    authPolicy: TPM2B_DIGEST,
  };
  return selected<PublicArea, 'type'>('type', TPMI_ALG_PUBLIC as WireType<PublicArea['type']>, {
    [TPM_ALG.RSA]: structure<Omit<RsaPublicArea, 'type'>>({
      ...head,
      parameters: rsaParameters,
      unique: unique.rsa as WireType<Uint8Array>,
    }),
    [TPM_ALG.ECC]: structure<Omit<EccPublicArea, 'type'>>({
      ...head,
      parameters: eccParameters,
      unique: unique.point as WireType<EccPoint>,
    }),
    [TPM_ALG.KEYEDHASH]: structure<Omit<KeyedHashPublicArea, 'type'>>({
      ...head,
      parameters: keyedHashParameters,
      unique: unique.digest as WireType<Uint8Array>,
    }),
    [TPM_ALG.SYMCIPHER]: structure<Omit<SymcipherPublicArea, 'type'>>({
      ...head,
      parameters: symcipherParameters,
      unique: unique.digest as WireType<Uint8Array>,
    }),
  });
}

/** Public area of an object that has a Name. */
export const TPMT_PUBLIC: WireType<PublicArea> = publicArea(TPMI_ALG_HASH);
/** Public area whose Name algorithm may be TPM_ALG_NULL (LoadExternal). */
export const TPMT_PUBLIC_OR_NULL_NAME: WireType<PublicArea> = publicArea(TPMI_ALG_HASH_OR_NULL);
/** Public area with a size. */
export const TPM2B_PUBLIC: WireType<PublicArea> = sizedStructure(TPMT_PUBLIC);
/** Public area with a size whose Name algorithm may be TPM_ALG_NULL. */
export const TPM2B_PUBLIC_OR_NULL_NAME: WireType<PublicArea> =
  sizedStructure(TPMT_PUBLIC_OR_NULL_NAME);
/** A public area as bytes, which CreateLoaded reads by its parent. */
export const TPM2B_TEMPLATE: WireType<Uint8Array> = sizedBytes(1024);
/** What the secret of a derived object depends on (Part 2, section 11.1.11, TPMS_DERIVE). */
export interface Derivation {
  readonly label: Uint8Array;
  readonly context: Uint8Array;
}
/** What the secret of a derived object depends on. */
export const TPMS_DERIVE: WireType<Derivation> = structure<Derivation>({
  label: sizedBytes(LIMIT.LABEL),
  context: sizedBytes(LIMIT.LABEL),
});
/** Template of a derived object: a public area that has a {@link Derivation} as `unique`. */
export type DerivationTemplate = DistributedOmit<PublicArea, 'unique'> & {
  readonly unique: Derivation;
};
type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** Template of a derived object. */
export const TPMT_DERIVATION_TEMPLATE: WireType<DerivationTemplate> = publicArea(TPMI_ALG_HASH, {
  rsa: TPMS_DERIVE,
  point: TPMS_DERIVE,
  digest: TPMS_DERIVE,
}) as WireType<unknown> as WireType<DerivationTemplate>;
/** Parameters of a key, for TestParms. */
export const TPMT_PUBLIC_PARMS: WireType<PublicParameters> = selected<PublicParameters, 'type'>(
  'type',
  TPMI_ALG_PUBLIC as WireType<PublicParameters['type']>,
  {
    [TPM_ALG.RSA]: structure({ parameters: rsaParameters }),
    [TPM_ALG.ECC]: structure({ parameters: eccParameters }),
    [TPM_ALG.KEYEDHASH]: structure({ parameters: keyedHashParameters }),
    [TPM_ALG.SYMCIPHER]: structure({ parameters: symcipherParameters }),
  } as never,
);

/** Caller's part of a sensitive area (Part 2, section 11.1.15). */
export interface SensitiveCreate {
  readonly userAuth: Uint8Array;
  readonly data: Uint8Array;
}
/** Caller's part of a sensitive area with a size. */
export const TPM2B_SENSITIVE_CREATE: WireType<SensitiveCreate> = sizedStructure(
  structure<SensitiveCreate>({ userAuth: TPM2B_AUTH, data: TPM2B_SENSITIVE_DATA }),
);

/** Sensitive area of an object (Part 2, section 12.3.2, TPMT_SENSITIVE). */
export interface SensitiveArea {
  readonly sensitiveType: number;
  readonly authValue: Uint8Array;
  /** Seed of children of a parent, or the obfuscation value of the unique field. */
  readonly seedValue: Uint8Array;
  /** Prime factor, private scalar, key or sealed data. */
  readonly sensitive: Uint8Array;
}
const sensitiveRest = (
  secret: WireType<Uint8Array>,
): WireType<Omit<SensitiveArea, 'sensitiveType'>> =>
  structure({ authValue: TPM2B_AUTH, seedValue: TPM2B_DIGEST, sensitive: secret });
/** Sensitive area of an object. */
export const TPMT_SENSITIVE: WireType<SensitiveArea> = selected('sensitiveType', TPMI_ALG_PUBLIC, {
  [TPM_ALG.RSA]: sensitiveRest(sizedBytes(LIMIT.RSA_PRIVATE)),
  [TPM_ALG.ECC]: sensitiveRest(sizedBytes(LIMIT.ECC_KEY)),
  [TPM_ALG.KEYEDHASH]: sensitiveRest(sizedBytes(LIMIT.SYMMETRIC_DATA)),
  [TPM_ALG.SYMCIPHER]: sensitiveRest(sizedBytes(LIMIT.SYMMETRIC_KEY)),
});
/** Sensitive area with a size; empty for LoadExternal of a public area alone. */
export const TPM2B_SENSITIVE_OR_EMPTY: WireType<SensitiveArea | undefined> =
  optionalStructure(TPMT_SENSITIVE);

/** Circumstances of a creation (Part 2, section 15.1, TPMS_CREATION_DATA). */
export interface CreationData {
  readonly pcrSelect: readonly PcrSelection[];
  readonly pcrDigest: Uint8Array;
  /** Locality as a bit field. */
  readonly locality: number;
  readonly parentNameAlg: number;
  readonly parentName: Uint8Array;
  readonly parentQualifiedName: Uint8Array;
  readonly outsideInfo: Uint8Array;
}
/** Circumstances of a creation. */
export const TPMS_CREATION_DATA: WireType<CreationData> = structure<CreationData>({
  pcrSelect: TPML_PCR_SELECTION,
  pcrDigest: TPM2B_DIGEST,
  locality: UINT8,
  parentNameAlg: TPMI_ALG_HASH_OR_NULL,
  parentName: TPM2B_NAME,
  parentQualifiedName: TPM2B_NAME,
  outsideInfo: TPM2B_DATA,
});
/** Circumstances of a creation with a size. */
export const TPM2B_CREATION_DATA: WireType<CreationData> = sizedStructure(TPMS_CREATION_DATA);
