import { equalBytes } from '@noble/curves/utils.js';
import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { bitLength, toInteger } from '../crypto/big-integer.js';
import { ellipticCurve } from '../crypto/ecc.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { uniqueOfSecret } from '../crypto/primary-creation.js';
import { rsaPrivateKeyFromPrime } from '../crypto/rsa.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { DIGEST_SIZE } from '../structures/buffers.js';
import type {
  EccPublicArea,
  KeyedHashPublicArea,
  PublicArea,
  RsaPublicArea,
  SensitiveArea,
  SymcipherPublicArea,
} from '../structures/public-area.js';
import { checkObjectAttributes, checkScheme, isParent } from './object-attributes.js';

/** Public exponent that the value 0 in a public area stands for. */
const DEFAULT_EXPONENT = 65_537;

/** Numbers of the parameters that a command has the two areas of an object in. */
export interface AreaNumbers {
  readonly sensitive: number;
  readonly public: number;
}

/**
 * The checks of an object that comes from outside: each area on its own and, where there is a
 * sensitive area, whether both belong together (Part 3, section 12.2, TPM2_Load).
 *
 * @param numbers parameters of the two areas in the command
 * @param parent public area of the parent; undefined of an object without one
 * @returns `TPM_RC.SUCCESS`, or a code with the parameter's number; TPM_RC_BINDING carries none
 */
export function checkLoading(
  area: PublicArea,
  sensitive: SensitiveArea | undefined,
  numbers: AreaNumbers,
  parent?: PublicArea,
): ResponseCode {
  if (sensitive !== undefined && area.nameAlg !== TPM_ALG.NULL) {
    const refusal =
      atParameter(checkSizes(area, sensitive), numbers.sensitive) ||
      atParameter(checkObjectAttributes(area, parent), numbers.public);
    if (refusal !== TPM_RC.SUCCESS) return refusal;
  }
  const refusal = checkScheme(area, parent);
  if (refusal !== TPM_RC.SUCCESS) return atParameter(refusal, numbers.public);
  if (sensitive !== undefined && sensitive.sensitiveType !== area.type) {
    return atParameter(TPM_RC_FORMAT_ONE.TYPE, numbers.sensitive);
  }
  switch (area.type) {
    case TPM_ALG.RSA:
      return checkRsaKey(area, sensitive, numbers);
    case TPM_ALG.ECC:
      return checkEccKey(area, sensitive, numbers);
    default:
      return checkSymmetricKey(area, sensitive, numbers);
  }
}

/** Sizes of authValue and seed: at most a digest. */
function checkSizes(area: PublicArea, { authValue, seedValue }: SensitiveArea): ResponseCode {
  const digestSize = DIGEST_SIZE[area.nameAlg]!;
  if (authValue.length > digestSize) return TPM_RC_FORMAT_ONE.SIZE;
  return seedValue.length > digestSize ? TPM_RC_FORMAT_ONE.KEY_SIZE : TPM_RC.SUCCESS;
}

function checkRsaKey(
  { unique, parameters }: RsaPublicArea,
  sensitive: SensitiveArea | undefined,
  numbers: AreaNumbers,
): ResponseCode {
  const { keyBits } = parameters;
  const exponent = parameters.exponent || DEFAULT_EXPONENT;
  const modulus = toInteger(unique);
  if (unique.length !== keyBits / 8 || bitLength(modulus) !== keyBits) {
    return atParameter(TPM_RC_FORMAT_ONE.KEY, numbers.public);
  }
  if (exponent < DEFAULT_EXPONENT || exponent % 2 === 0) {
    return atParameter(TPM_RC_FORMAT_ONE.VALUE, numbers.public);
  }
  if (sensitive === undefined) return TPM_RC.SUCCESS;
  if (2 * sensitive.sensitive.length !== unique.length) {
    return atParameter(TPM_RC_FORMAT_ONE.KEY_SIZE, numbers.sensitive);
  }
  const prime = toInteger(sensitive.sensitive);
  return rsaPrivateKeyFromPrime(modulus, BigInt(exponent), prime) === undefined
    ? TPM_RC_FORMAT_ONE.BINDING
    : TPM_RC.SUCCESS;
}

/**
 * Of a key without a Name nobody can ask for its point, so that only sizes are looked at; and of a
 * key with its private part the point counts, not how it is written.
 */
function checkEccKey(
  { nameAlg, unique, parameters }: EccPublicArea,
  sensitive: SensitiveArea | undefined,
  numbers: AreaNumbers,
): ResponseCode {
  const curve = ellipticCurve(parameters.curveID)!;
  const hasName = nameAlg !== TPM_ALG.NULL;
  const isSized = unique.x.length === curve.size && unique.y.length === curve.size;
  const point = { x: toInteger(unique.x), y: toInteger(unique.y) };
  if (sensitive === undefined) {
    if (!isSized) return atParameter(TPM_RC_FORMAT_ONE.KEY, numbers.public);
    return hasName && !curve.isOnCurve(point)
      ? atParameter(TPM_RC_FORMAT_ONE.ECC_POINT, numbers.public)
      : TPM_RC.SUCCESS;
  }
  if (sensitive.sensitive.length > curve.size) {
    return atParameter(TPM_RC_FORMAT_ONE.KEY_SIZE, numbers.sensitive);
  }
  const scalar = toInteger(sensitive.sensitive);
  if (!curve.isScalar(scalar)) return TPM_RC_FORMAT_ONE.KEY_SIZE;
  if (!hasName) return TPM_RC.SUCCESS;
  const { x, y } = curve.multiply(scalar);
  return x === point.x && y === point.y ? TPM_RC.SUCCESS : TPM_RC_FORMAT_ONE.BINDING;
}

function checkSymmetricKey(
  area: KeyedHashPublicArea | SymcipherPublicArea,
  sensitive: SensitiveArea | undefined,
  numbers: AreaNumbers,
): ResponseCode {
  const hash = hashAlgorithm(area.nameAlg);
  const digestSize = hash?.digestSize ?? 0;
  if (sensitive === undefined) {
    return area.unique.length === digestSize
      ? TPM_RC.SUCCESS
      : atParameter(TPM_RC_FORMAT_ONE.KEY, numbers.public);
  }
  if (!isKeySize(area, sensitive.sensitive.length)) {
    return atParameter(TPM_RC_FORMAT_ONE.KEY_SIZE, numbers.sensitive);
  }
  if (hash === undefined) return TPM_RC.SUCCESS;
  if (sensitive.seedValue.length !== digestSize) {
    return atParameter(TPM_RC_FORMAT_ONE.KEY_SIZE, numbers.sensitive);
  }
  const unique = uniqueOfSecret(hash, sensitive.seedValue, sensitive.sensitive, isParent(area));
  return equalBytes(unique, area.unique) ? TPM_RC.SUCCESS : TPM_RC_FORMAT_ONE.BINDING;
}

/** A cipher's key has its size; a key for HMAC or XOR is at most a block of the scheme's hash. */
function isKeySize(area: KeyedHashPublicArea | SymcipherPublicArea, size: number): boolean {
  if (area.type === TPM_ALG.SYMCIPHER) return 8 * size === area.parameters.symmetric.keyBits;
  const hash = hashAlgorithm(area.parameters.scheme.hashAlg);
  return hash === undefined || size <= hash.blockSize;
}
