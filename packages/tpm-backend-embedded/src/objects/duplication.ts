import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { findObject } from '../entity.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { recoverSecret } from '../sessions/salt.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { SymmetricDefinition } from '../structures/algorithms.js';
import { TPM_RH } from '../structures/handles.js';
import type { PublicArea } from '../structures/public-area.js';
import type { Tpm } from '../tpm.js';
import { hasAttribute, isAsymmetric } from './object-attributes.js';
import { checkLoading } from './object-loading.js';
import { objectName } from './object-name.js';
import {
  innerUnwrap,
  innerWrap,
  protectSensitive,
  readSensitive,
  sensitiveBytes,
  unwrap,
  wrap,
  wrappingOf,
} from './protection.js';
import { makeSecret } from './secret-exchange.js';
import { findStorageParent } from './stored-objects.js';

const EMPTY: Uint8Array = new Uint8Array(0);
const LABEL = 'DUPLICATE\0';

/** Handles and parameters of TPM2_Duplicate. */
export interface DuplicateInput {
  readonly objectHandle: number;
  readonly newParentHandle: number;
  readonly encryptionKeyIn: Uint8Array;
  readonly symmetricAlg: SymmetricDefinition;
}

/** Response of TPM2_Duplicate. */
export interface DuplicateOutput {
  readonly encryptionKeyOut: Uint8Array;
  readonly duplicate: Uint8Array;
  readonly outSymSeed: Uint8Array;
}

/** Makes a copy of a loaded object for another parent (Part 3, section 13.1). */
export function duplicateObject(tpm: Tpm, input: DuplicateInput): DuplicateOutput | ResponseCode {
  const object = findObject(tpm, input.objectHandle);
  if (object === undefined) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  const parent = newParent(tpm, input.newParentHandle);
  const refusal = checkDuplication(object, parent, input);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const { publicArea, name } = object;
  let duplicate = sensitiveBytes(publicArea.nameAlg, object.sensitive!);
  let encryptionKeyOut = EMPTY;
  if (input.symmetricAlg.algorithm !== TPM_ALG.NULL) {
    let key = input.encryptionKeyIn;
    if (key.length === 0) {
      key = tpm.random.generate(input.symmetricAlg.keyBits / 8);
      encryptionKeyOut = key;
    }
    duplicate = innerWrap({ nameAlg: publicArea.nameAlg, name, key }, duplicate);
  }
  if (parent === undefined || isRefusal(parent)) {
    return { encryptionKeyOut, duplicate, outSymSeed: EMPTY };
  }
  const made = makeSecret(tpm.random, parent.publicArea, LABEL);
  if (isRefusal(made)) return atHandle(made, 2);
  duplicate = wrap(wrappingOf(parent, name, made.seed), duplicate);
  return { encryptionKeyOut, duplicate, outSymSeed: made.secret };
}

/** @returns the new parent, undefined of none, or a code */
function newParent(tpm: Tpm, handle: number): ObjectState | undefined | ResponseCode {
  if (handle === TPM_RH.NULL) return undefined;
  const parent = findStorageParent(tpm, handle);
  const isParent = !isRefusal(parent) && isAsymmetric(parent.publicArea);
  return isParent ? parent : atHandle(TPM_RC_FORMAT_ONE.TYPE, 2);
}

function checkDuplication(
  { publicArea }: ObjectState,
  parent: ObjectState | undefined | ResponseCode,
  { symmetricAlg, encryptionKeyIn }: DuplicateInput,
): ResponseCode {
  if (hasAttribute(publicArea, 'fixedParent')) return atHandle(TPM_RC_FORMAT_ONE.ATTRIBUTES, 1);
  if (publicArea.nameAlg === TPM_ALG.NULL) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  if (isRefusal(parent)) return parent;
  if (hasAttribute(publicArea, 'encryptedDuplication')) {
    if (symmetricAlg.algorithm === TPM_ALG.NULL) return atParameter(TPM_RC_FORMAT_ONE.SYMMETRIC, 2);
    if (parent === undefined) return atHandle(TPM_RC_FORMAT_ONE.HIERARCHY, 2);
  }
  const isKeySize =
    encryptionKeyIn.length === 0 || 8 * encryptionKeyIn.length === symmetricAlg.keyBits;
  return isKeySize ? TPM_RC.SUCCESS : atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
}

/** Handles and parameters of TPM2_Import. */
export interface ImportInput {
  readonly parentHandle: number;
  readonly encryptionKey: Uint8Array;
  readonly objectPublic: PublicArea;
  readonly duplicate: Uint8Array;
  readonly inSymSeed: Uint8Array;
  readonly symmetricAlg: SymmetricDefinition;
}

/** Makes a duplicate a private area beneath a storage key (Part 3, section 13.3). */
export function importObject(
  tpm: Tpm,
  input: ImportInput,
): { readonly outPrivate: Uint8Array } | ResponseCode {
  const { objectPublic, symmetricAlg, encryptionKey } = input;
  const isFixed =
    hasAttribute(objectPublic, 'fixedTPM') || hasAttribute(objectPublic, 'fixedParent');
  if (isFixed) return atParameter(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  const parent = findStorageParent(tpm, input.parentHandle);
  if (isRefusal(parent)) return atHandle(parent, 1);
  if (8 * encryptionKey.length !== symmetricAlg.keyBits) {
    return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
  }
  const named = { publicArea: objectPublic, name: objectName(objectPublic) };
  const seed = importSeed(parent, input);
  if (isRefusal(seed)) return seed;
  const bytes = unwrapDuplicate(parent, named, input, seed);
  const sensitive = isRefusal(bytes) ? bytes : readSensitive(bytes);
  if (isRefusal(sensitive)) return atParameter(sensitive, 3);
  // Beneath a parent that may be copied itself TPM2_Load is the first to look at the object.
  if (hasAttribute(parent.publicArea, 'fixedTPM')) {
    const numbers = { sensitive: 3, public: 2 };
    const refusal = checkLoading(objectPublic, sensitive, numbers, parent.publicArea);
    if (refusal !== TPM_RC.SUCCESS) return refusal;
  }
  return { outPrivate: protectSensitive(parent, named, sensitive, tpm.random) };
}

/** @returns the seed of the outer wrapper, empty without one, or a code */
function importSeed(
  parent: ObjectState,
  { objectPublic, inSymSeed, symmetricAlg }: ImportInput,
): Uint8Array | ResponseCode {
  if (hasAttribute(objectPublic, 'encryptedDuplication')) {
    const { ATTRIBUTES } = TPM_RC_FORMAT_ONE;
    if (symmetricAlg.algorithm === TPM_ALG.NULL) return atParameter(ATTRIBUTES, 1);
    if (inSymSeed.length === 0) return atParameter(ATTRIBUTES, 4);
  }
  if (inSymSeed.length === 0) return EMPTY;
  if (!isAsymmetric(parent.publicArea)) return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  const seed = recoverSecret(parent, LABEL, inSymSeed);
  return isRefusal(seed) ? atParameter(seed, 4) : seed;
}

function unwrapDuplicate(
  parent: ObjectState,
  { publicArea, name }: Pick<ObjectState, 'publicArea' | 'name'>,
  { duplicate, encryptionKey, symmetricAlg }: ImportInput,
  seed: Uint8Array,
): Uint8Array | ResponseCode {
  const inner =
    seed.length === 0 ? duplicate : unwrap(wrappingOf(parent, name, seed), duplicate, false);
  if (isRefusal(inner) || symmetricAlg.algorithm === TPM_ALG.NULL) return inner;
  return innerUnwrap({ nameAlg: publicArea.nameAlg, name, key: encryptionKey }, inner);
}
