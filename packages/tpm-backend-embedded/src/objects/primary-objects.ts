import { bytesToHex } from '@noble/hashes/utils.js';
import { hashAlgorithm } from '../crypto/hash.js';
import { primaryGenerator, reseedWithProofs } from '../crypto/primary-creation.js';
import { hierarchySeed, withoutTrailingZeros } from '../entity.js';
import { isRefusal, type ResponseCode } from '../response-code.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { TPM_RH } from '../structures/handles.js';
import { type PublicArea, type SensitiveCreate, TPM2B_PUBLIC } from '../structures/public-area.js';
import { marshalled } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import { hasAttribute } from './object-attributes.js';
import { type CreatedObject, createObject } from './object-creation.js';
import { handleName, objectName, qualifiedName } from './object-name.js';

/** Primary objects that are kept: more than the keys that one guest asks for again and again. */
const CAPACITY = 16;

/**
 * The primary objects that were made last. They are a function of hierarchy seed, template and the
 * caller's data, and callers make the same few before every use; for an RSA key it is the
 * difference between 0.2 s and nothing.
 */
export class PrimaryCache {
  /** In the order of use, the least recent first. */
  readonly #objects = new Map<string, CreatedObject>();

  /** @returns the object, with the authorization value of whoever asked first */
  get(key: string): CreatedObject | undefined {
    const object = this.#objects.get(key);
    if (object !== undefined) this.set(key, object);
    return object;
  }

  /** Keeps an object, in place of the one that was not asked for the longest time. */
  set(key: string, object: CreatedObject): void {
    this.#objects.delete(key);
    this.#objects.set(key, object);
    if (this.#objects.size <= CAPACITY) return;
    const [oldest] = this.#objects.keys();
    this.#objects.delete(oldest!);
  }

  /** Forgets all objects: a seed is gone, and what came from it should not outlive it. */
  clear(): void {
    this.#objects.clear();
  }

  /** Number of objects that are kept. */
  get size(): number {
    return this.#objects.size;
  }
}

/**
 * Makes the primary object of a hierarchy for a template: always the same one for as long as the
 * hierarchy's seed lives (Part 1, section 27.6). The template has passed `checkCreation`.
 *
 * @returns through the generator's result, the object or a response code
 */
export function* createPrimaryObject(
  tpm: Tpm,
  hierarchy: number,
  template: PublicArea,
  given: SensitiveCreate,
): Generator<void, CreatedObject | ResponseCode> {
  const seed = hierarchySeed(tpm, hierarchy);
  const { storageProof, endorsementProof } = tpm.state.permanent;
  const isEndorsement = hierarchy === TPM_RH.ENDORSEMENT;
  const key = bytesToHex(
    hashAlgorithm(TPM_ALG.SHA256)!.digest(
      seed,
      ...(isEndorsement ? [storageProof, endorsementProof] : []),
      marshalled(TPM2B_PUBLIC, template),
      given.data,
    ),
  );
  const known = tpm.primaries.get(key);
  if (known !== undefined) {
    const authValue = withoutTrailingZeros(given.userAuth);
    return { ...known, sensitive: { ...known.sensitive, authValue } };
  }
  const generator = primaryGenerator(seed, objectName(template), given.data);
  const created = yield* createObject(generator, template, given, () => {
    if (isEndorsement) reseedWithProofs(generator, storageProof, endorsementProof);
  });
  if (!isRefusal(created)) tpm.primaries.set(key, created);
  return created;
}

/** @returns a created object as a primary one of a hierarchy */
export function primaryObject(
  { publicArea, sensitive }: CreatedObject,
  hierarchy: number,
): ObjectState {
  const name = objectName(publicArea);
  return {
    publicArea,
    sensitive,
    name,
    qualifiedName: qualifiedName(publicArea.nameAlg, handleName(hierarchy), name),
    hierarchy,
    stClear: hasAttribute(publicArea, 'stClear'),
    external: false,
  };
}
