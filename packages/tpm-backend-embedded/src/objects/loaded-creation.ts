import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import type { Steps } from '../commands/command.js';
import { DerivedSource } from '../crypto/derived-source.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { findObject } from '../entity.js';
import { atHandle, atParameter, isRefusal, type ResponseCode } from '../response-code.js';
import { type ObjectState, SLOT_KIND } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { handleType, TPM_HT } from '../structures/handles.js';
import {
  type Derivation,
  type DerivationTemplate,
  type KeyedHashPublicArea,
  type PublicArea,
  type SensitiveCreate,
  TPMS_DERIVE,
  TPMT_DERIVATION_TEMPLATE,
  TPMT_PUBLIC,
} from '../structures/public-area.js';
import { Unmarshaller, type WireType } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { isDerivationParent, isParent } from './object-attributes.js';
import {
  type CreatedObject,
  checkCreation,
  checkDerivation,
  createObject,
} from './object-creation.js';
import { hasFreeSlot, occupySlot } from './object-slots.js';
import { createPrimaryObject, primaryObject } from './primary-objects.js';
import { protectSensitive } from './protection.js';
import { childOf } from './stored-objects.js';

const EMPTY: Uint8Array = new Uint8Array(0);

/** Handles and parameters of TPM2_CreateLoaded. */
export interface CreateLoadedInput {
  readonly parentHandle: number;
  readonly inSensitive: SensitiveCreate;
  /** Template as bytes: a public area, or one with a derivation in place of `unique`. */
  readonly inPublic: Uint8Array;
}

/** Response of TPM2_CreateLoaded. */
export interface CreateLoadedOutput {
  readonly responseHandle: number;
  /** Empty of a primary and of a derived object, which can be made again. */
  readonly outPrivate: Uint8Array;
  readonly outPublic: PublicArea;
  readonly name: Uint8Array;
}

/**
 * Makes and loads an object (Part 3, section 12.9): a primary one in a hierarchy, an ordinary one
 * beneath a storage key, or one derived from a derivation parent.
 */
export function* createLoaded(tpm: Tpm, input: CreateLoadedInput): Steps<CreateLoadedOutput> {
  const { parentHandle, inSensitive, inPublic } = input;
  const isPrimary = handleType(parentHandle) === TPM_HT.PERMANENT;
  const parent = isPrimary ? undefined : findObject(tpm, parentHandle);
  if (!isPrimary && (parent === undefined || !isParent(parent.publicArea))) {
    return atHandle(TPM_RC_FORMAT_ONE.TYPE, 1);
  }
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  if (parent === undefined) return yield* createLoadedPrimary(tpm, input);
  const isDerived = isDerivationParent(parent.publicArea);
  const created = isDerived
    ? yield* createDerived(parent, inSensitive, inPublic)
    : yield* createOrdinary(tpm, parent, inSensitive, inPublic);
  if (isRefusal(created)) return created;
  const object = childOf(parent, created.publicArea, created.sensitive);
  const outPrivate = isDerived
    ? EMPTY
    : protectSensitive(parent, object, created.sensitive, tpm.random);
  return loaded(tpm, object, outPrivate);
}

function* createLoadedPrimary(
  tpm: Tpm,
  { parentHandle, inSensitive, inPublic }: CreateLoadedInput,
): Steps<CreateLoadedOutput> {
  const template = readTemplate(TPMT_PUBLIC, inPublic);
  if (isRefusal(template)) return template;
  const refusal = checkCreation(template, inSensitive, undefined);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const created = yield* createPrimaryObject(tpm, parentHandle, template, inSensitive);
  if (isRefusal(created)) return created;
  return loaded(tpm, primaryObject(created, parentHandle), EMPTY);
}

function loaded(tpm: Tpm, object: ObjectState, outPrivate: Uint8Array): CreateLoadedOutput {
  const responseHandle = occupySlot(tpm, { kind: SLOT_KIND.OBJECT, object });
  return { responseHandle, outPrivate, outPublic: object.publicArea, name: object.name };
}

function* createOrdinary(
  tpm: Tpm,
  parent: ObjectState,
  given: SensitiveCreate,
  inPublic: Uint8Array,
): Steps<CreatedObject> {
  const template = readTemplate(TPMT_PUBLIC, inPublic);
  if (isRefusal(template)) return template;
  const refusal = checkCreation(template, given, parent.publicArea);
  return refusal === TPM_RC.SUCCESS ? yield* createObject(tpm.random, template, given) : refusal;
}

/** Label and context are the template's, or those of the caller's data where it has none. */
function* createDerived(
  parent: ObjectState,
  given: SensitiveCreate,
  inPublic: Uint8Array,
): Steps<CreatedObject> {
  const template = readTemplate(TPMT_DERIVATION_TEMPLATE, inPublic);
  if (isRefusal(template)) return template;
  const area = withoutDerivation(template);
  const refusal = checkDerivation(area, given, parent.publicArea);
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const own = readDerivation(given.data);
  if (isRefusal(own)) return own;
  const { scheme } = (parent.publicArea as KeyedHashPublicArea).parameters;
  const label = template.unique.label.length > 0 ? template.unique.label : own.label;
  const context = template.unique.context.length > 0 ? template.unique.context : own.context;
  const hash = hashAlgorithm(scheme.hashAlg)!;
  const source = new DerivedSource(hash, parent.sensitive!.sensitive, label, context);
  return yield* createObject(source, area, { userAuth: given.userAuth });
}

function withoutDerivation(template: DerivationTemplate): PublicArea {
  const unique = template.type === TPM_ALG.ECC ? { x: EMPTY, y: EMPTY } : EMPTY;
  return { ...template, unique } as PublicArea;
}

function readTemplate<T>(type: WireType<T>, bytes: Uint8Array): T | ResponseCode {
  const reader = new Unmarshaller(bytes);
  const template = type.unmarshal(reader);
  if (reader.failure !== TPM_RC.SUCCESS) return atParameter(reader.failure, 2);
  return reader.remaining > 0 ? atParameter(TPM_RC_FORMAT_ONE.SIZE, 2) : template;
}

/** libtpms: what follows the derivation is not looked at. */
function readDerivation(data: Uint8Array): Derivation | ResponseCode {
  if (data.length === 0) return { label: EMPTY, context: EMPTY };
  const reader = new Unmarshaller(data);
  const derivation = TPMS_DERIVE.unmarshal(reader);
  return reader.failure === TPM_RC.SUCCESS ? derivation : atParameter(reader.failure, 1);
}
