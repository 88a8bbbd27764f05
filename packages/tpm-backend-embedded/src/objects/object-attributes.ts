import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import type { ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { SymmetricDefinition } from '../structures/algorithms.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import { type PublicArea, TPMA_OBJECT } from '../structures/public-area.js';

type ObjectAttribute = keyof typeof TPMA_OBJECT;

/** @returns whether an attribute of the object is set (Part 2, section 8.3) */
export function hasAttribute(area: PublicArea, attribute: ObjectAttribute): boolean {
  return (area.objectAttributes & TPMA_OBJECT[attribute]) !== 0;
}

/** @returns whether other objects can be beneath the object: restricted and decrypt, not sign */
export function isParent(area: PublicArea): boolean {
  return (
    hasAttribute(area, 'restricted') && hasAttribute(area, 'decrypt') && !hasAttribute(area, 'sign')
  );
}

/** @returns whether it is a key pair, for which somebody else can make a secret */
export function isAsymmetric({ type }: PublicArea): boolean {
  return type === TPM_ALG.RSA || type === TPM_ALG.ECC;
}

/** @returns whether objects are derived from it, rather than stored beneath it */
export function isDerivationParent(area: PublicArea): boolean {
  return isParent(area) && area.type === TPM_ALG.KEYEDHASH;
}

/** @returns whether it is sealed data: a keyed-hash object that neither signs nor decrypts */
export function isSealedData(area: PublicArea): boolean {
  return (
    area.type === TPM_ALG.KEYEDHASH && !hasAttribute(area, 'sign') && !hasAttribute(area, 'decrypt')
  );
}

/**
 * The checks of a public area on its own and against its parent, for every command that makes or
 * takes an object (Part 1, section "Object Attributes"; Part 2, section 8.3). The order is that of
 * libtpms.
 *
 * @param parent public area of the parent; undefined of a primary object
 * @returns `TPM_RC.SUCCESS`, or a code without a number
 */
export function checkObjectAttributes(
  area: PublicArea,
  parent: PublicArea | undefined,
): ResponseCode {
  const policySize = area.authPolicy.length;
  if (policySize !== 0 && policySize !== DIGEST_SIZE[area.nameAlg]) return TPM_RC_FORMAT_ONE.SIZE;
  return suitsParent(area, parent) && isUsable(area)
    ? TPM_RC.SUCCESS
    : TPM_RC_FORMAT_ONE.ATTRIBUTES;
}

/** fixedTPM, fixedParent and encryptedDuplication; a hierarchy is like a parent with fixedTPM. */
function suitsParent(area: PublicArea, parent: PublicArea | undefined): boolean {
  const fixedTPM = hasAttribute(area, 'fixedTPM');
  const fixedParent = hasAttribute(area, 'fixedParent');
  const encrypted = hasAttribute(area, 'encryptedDuplication');
  const isParentFixed = parent === undefined || hasAttribute(parent, 'fixedTPM');
  if (fixedTPM !== (fixedParent && isParentFixed)) return false;
  if (isParentFixed) return !(fixedTPM && encrypted);
  return encrypted === hasAttribute(parent, 'encryptedDuplication');
}

function isUsable(area: PublicArea): boolean {
  const sign = hasAttribute(area, 'sign');
  const decrypt = hasAttribute(area, 'decrypt');
  if (hasAttribute(area, 'restricted')) return sign !== decrypt;
  return sign || decrypt || area.type === TPM_ALG.KEYEDHASH;
}

/**
 * Whether sensitiveDataOrigin agrees with what the caller of a creation gives. It is only asked of
 * symmetric and keyed-hash objects whether they got data; the secret of other keys is always the
 * TPM's own, and so is that of restricted keys that stay with their parent.
 *
 * @param hasData the caller gives the secret
 */
export function isDataOriginRight(area: PublicArea, hasData: boolean): boolean {
  const isOwnSecret = hasAttribute(area, 'sensitiveDataOrigin');
  if (area.type === TPM_ALG.RSA || area.type === TPM_ALG.ECC) return isOwnSecret;
  const isFixed = hasAttribute(area, 'fixedParent') || hasAttribute(area, 'fixedTPM');
  if (hasAttribute(area, 'restricted') && isFixed && !isOwnSecret) return false;
  return isSealedData(area) ? !isOwnSecret && hasData : isOwnSecret || hasData;
}

/**
 * The checks of scheme, symmetric algorithm and key derivation function (Part 2, sections 12.2.3).
 *
 * @param parent public area of the parent; undefined of a primary object
 * @returns `TPM_RC.SUCCESS`, or a code without a number
 */
export function checkScheme(area: PublicArea, parent: PublicArea | undefined): ResponseCode {
  if (area.type === TPM_ALG.KEYEDHASH) return checkKeyedHashScheme(area);
  if (area.type !== TPM_ALG.SYMCIPHER) {
    const refusal = checkAsymmetricScheme(area);
    if (refusal !== TPM_RC.SUCCESS) return refusal;
  }
  return parent !== undefined && isParent(area) && hasAttribute(area, 'fixedParent')
    ? checkSameProtection(area, parent)
    : TPM_RC.SUCCESS;
}

/** A storage key that can't leave its parent protects its children as the parent protects it. */
function checkSameProtection(area: PublicArea, parent: PublicArea): ResponseCode {
  if (area.nameAlg !== parent.nameAlg) return TPM_RC_FORMAT_ONE.HASH;
  const one = symmetricOf(area);
  const other = symmetricOf(parent);
  return one?.algorithm === other?.algorithm &&
    one?.keyBits === other?.keyBits &&
    one?.mode === other?.mode
    ? TPM_RC.SUCCESS
    : TPM_RC_FORMAT_ONE.SYMMETRIC;
}

/** @returns the cipher of a storage key or of a symmetric cipher object */
export function symmetricOf(area: PublicArea): SymmetricDefinition | undefined {
  return area.type === TPM_ALG.KEYEDHASH ? undefined : area.parameters.symmetric;
}

function checkKeyedHashScheme(area: PublicArea & { type: typeof TPM_ALG.KEYEDHASH }): ResponseCode {
  const { scheme, kdf } = area.parameters.scheme;
  const sign = hasAttribute(area, 'sign');
  const decrypt = hasAttribute(area, 'decrypt');
  const expected = sign === decrypt ? TPM_ALG.NULL : sign ? TPM_ALG.HMAC : TPM_ALG.XOR;
  if (scheme !== expected) return TPM_RC_FORMAT_ONE.SCHEME;
  return isDerivationParent(area) && kdf !== TPM_ALG.KDF1_SP800_108
    ? TPM_RC_FORMAT_ONE.SCHEME
    : TPM_RC.SUCCESS;
}

const DECRYPTION_SCHEMES: readonly number[] = [TPM_ALG.RSAES, TPM_ALG.OAEP, TPM_ALG.ECDH];

function checkAsymmetricScheme(
  area: PublicArea & { type: typeof TPM_ALG.RSA | typeof TPM_ALG.ECC },
): ResponseCode {
  const { scheme } = area.parameters.scheme;
  const sign = hasAttribute(area, 'sign');
  const decrypt = hasAttribute(area, 'decrypt');
  const isRestricted = hasAttribute(area, 'restricted');
  // Of a public area that is only loaded nobody asks whether it signs at the same time.
  const protects = isRestricted && decrypt;
  if (scheme === TPM_ALG.NULL) {
    if (sign && isRestricted && !decrypt) return TPM_RC_FORMAT_ONE.SCHEME;
  } else if (protects || sign === decrypt || DECRYPTION_SCHEMES.includes(scheme) !== decrypt) {
    return TPM_RC_FORMAT_ONE.SCHEME;
  }
  const hasSymmetric = area.parameters.symmetric.algorithm !== TPM_ALG.NULL;
  if (hasSymmetric && !protects) return TPM_RC_FORMAT_ONE.SYMMETRIC;
  if (area.type === TPM_ALG.ECC && area.parameters.kdf.scheme !== TPM_ALG.NULL) {
    return TPM_RC_FORMAT_ONE.KDF;
  }
  return protects && !hasSymmetric ? TPM_RC_FORMAT_ONE.SYMMETRIC : TPM_RC.SUCCESS;
}
