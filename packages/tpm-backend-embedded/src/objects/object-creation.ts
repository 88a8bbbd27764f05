import { type RandomSource, TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { toBytes } from '../crypto/big-integer.js';
import { ellipticCurve } from '../crypto/ecc.js';
import { hashAlgorithm } from '../crypto/hash.js';
import {
  createSecret,
  type Secret,
  type SecretKind,
  uniqueOfSecret,
} from '../crypto/primary-creation.js';
import { isRsaExponent } from '../crypto/rsa.js';
import { withoutTrailingZeros } from '../entity.js';
import { atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import type { PublicArea, SensitiveArea, SensitiveCreate } from '../structures/public-area.js';
import {
  checkObjectAttributes,
  checkScheme,
  hasAttribute,
  isDataOriginRight,
  isParent,
  isSealedData,
} from './object-attributes.js';

/** Public exponent that the value 0 in a public area stands for. */
const DEFAULT_EXPONENT = 65_537;

/** What a caller gives; without `data` the secret is drawn in any case. */
export type GivenSecret = Pick<SensitiveCreate, 'userAuth'> & Partial<SensitiveCreate>;

/** A new object's two areas. */
export interface CreatedObject {
  readonly publicArea: PublicArea;
  readonly sensitive: SensitiveArea;
}

/**
 * The checks of TPM2_CreatePrimary, TPM2_Create and TPM2_CreateLoaded (Part 3, section 12.1), in
 * whose commands inSensitive is the first parameter and inPublic the second.
 *
 * @param parent public area of the parent; undefined of a primary object
 * @returns `TPM_RC.SUCCESS`, or a code with the parameter's number
 */
export function checkCreation(
  template: PublicArea,
  given: SensitiveCreate,
  parent: PublicArea | undefined,
): ResponseCode {
  const hasData = given.data.length > 0;
  // Beneath a parent nobody's data may pass for the TPM's; in a hierarchy libtpms ignores them.
  const isContradiction =
    parent !== undefined && hasData && hasAttribute(template, 'sensitiveDataOrigin');
  if (isContradiction || !isDataOriginRight(template, hasData)) {
    return atParameter(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  const refusal = checkObjectAttributes(template, parent) || checkScheme(template, parent);
  if (refusal !== TPM_RC.SUCCESS) return atParameter(refusal, 2);
  return withoutTrailingZeros(given.userAuth).length > DIGEST_SIZE[template.nameAlg]!
    ? atParameter(TPM_RC_FORMAT_ONE.SIZE, 1)
    : TPM_RC.SUCCESS;
}

/**
 * The checks of a derived object, in TPM2_CreateLoaded (Part 3, section 12.9): its secret is neither
 * drawn nor given, and it can't leave its parent.
 *
 * @param parent public area of the derivation parent
 * @returns `TPM_RC.SUCCESS`, or a code with the parameter's number
 */
export function checkDerivation(
  template: PublicArea,
  given: SensitiveCreate,
  parent: PublicArea,
): ResponseCode {
  if (template.type === TPM_ALG.RSA) return atParameter(TPM_RC_FORMAT_ONE.TYPE, 2);
  if (hasAttribute(template, 'sensitiveDataOrigin')) return TPM_RC_FORMAT_ONE.ATTRIBUTES;
  const isFixed = hasAttribute(template, 'fixedParent');
  const refusal =
    checkObjectAttributes(template, parent) ||
    (isFixed ? checkScheme(template, parent) : TPM_RC_FORMAT_ONE.ATTRIBUTES);
  if (refusal !== TPM_RC.SUCCESS) return atParameter(refusal, 2);
  return withoutTrailingZeros(given.userAuth).length > DIGEST_SIZE[template.nameAlg]!
    ? atParameter(TPM_RC_FORMAT_ONE.SIZE, 1)
    : TPM_RC.SUCCESS;
}

/**
 * Makes the secret of an object and what follows from it. The template has passed
 * {@link checkCreation}; sizes of the caller's key and the RSA exponent are looked at here, before
 * the first step.
 *
 * libtpms: their codes carry no parameter number.
 *
 * @param random where the secret comes from
 * @param beforeSeedValue runs between the drawing of secret and seedValue
 * @returns through the generator's result, the object or a response code
 */
export function* createObject(
  random: RandomSource,
  template: PublicArea,
  given: GivenSecret,
  beforeSeedValue: () => void = () => {},
): Generator<void, CreatedObject | ResponseCode> {
  const kind = secretKind(template, given.data);
  if (isRefusal(kind)) return kind;
  const { secret, seedValue } = yield* createSecret(random, kind, {
    size: keepsSeedValue(template) ? DIGEST_SIZE[template.nameAlg]! : 0,
    before: beforeSeedValue,
  });
  return {
    publicArea: withUnique(template, secret, seedValue),
    sensitive: {
      sensitiveType: template.type,
      authValue: withoutTrailingZeros(given.userAuth),
      seedValue,
      sensitive: sensitiveBytes(template, secret),
    },
  };
}

/** A key pair that is no parent has nothing to protect or to hide with a seed. */
function keepsSeedValue(area: PublicArea): boolean {
  return isParent(area) || area.type === TPM_ALG.KEYEDHASH || area.type === TPM_ALG.SYMCIPHER;
}

function secretKind(area: PublicArea, data: Uint8Array | undefined): SecretKind | ResponseCode {
  if (area.type === TPM_ALG.RSA) {
    const exponent = area.parameters.exponent || DEFAULT_EXPONENT;
    if (!isRsaExponent(exponent)) return TPM_RC_FORMAT_ONE.RANGE;
    return { type: 'rsa', bits: area.parameters.keyBits, exponent: BigInt(exponent) };
  }
  if (area.type === TPM_ALG.ECC) {
    return { type: 'ecc', curve: ellipticCurve(area.parameters.curveID)! };
  }
  const given = hasAttribute(area, 'sensitiveDataOrigin') ? undefined : data;
  const taken = given && { given };
  if (area.type === TPM_ALG.SYMCIPHER) {
    const size = area.parameters.symmetric.keyBits / 8;
    return given !== undefined && given.length !== size
      ? TPM_RC_FORMAT_ONE.KEY_SIZE
      : { type: 'bytes', size, ...taken };
  }
  const hash = hashAlgorithm(area.parameters.scheme.hashAlg) ?? hashAlgorithm(area.nameAlg)!;
  return given !== undefined && !isSealedData(area) && given.length > hash.blockSize
    ? TPM_RC_FORMAT_ONE.SIZE
    : { type: 'bytes', size: hash.digestSize, ...taken };
}

function withUnique(template: PublicArea, secret: Secret, seedValue: Uint8Array): PublicArea {
  if (template.type === TPM_ALG.RSA && secret.type === 'rsa') {
    return { ...template, unique: toBytes(secret.key.modulus, secret.key.size) };
  }
  if (template.type === TPM_ALG.ECC && secret.type === 'ecc') {
    const { size } = ellipticCurve(template.parameters.curveID)!;
    const { x, y } = secret.point;
    return { ...template, unique: { x: toBytes(x, size), y: toBytes(y, size) } };
  }
  const bytes = sensitiveBytes(template, secret);
  const hash = hashAlgorithm(template.nameAlg)!;
  const unique = uniqueOfSecret(hash, seedValue, bytes, isParent(template));
  return { ...template, unique } as PublicArea;
}

/** `sensitive` of TPMT_SENSITIVE: one prime, the private scalar, the key or the data. */
function sensitiveBytes(area: PublicArea, secret: Secret): Uint8Array {
  if (secret.type === 'rsa') return toBytes(secret.key.p, secret.key.size / 2);
  if (secret.type === 'bytes') return secret.bytes;
  const { curveID } = (area as PublicArea & { type: typeof TPM_ALG.ECC }).parameters;
  return toBytes(secret.privateKey, ellipticCurve(curveID)!.size);
}
