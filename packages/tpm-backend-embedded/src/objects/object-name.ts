import { concatBytes } from '@noble/hashes/utils.js';
import { WireWriter } from 'tpm-core';
import { hashAlgorithm } from '../crypto/hash.js';
import { type PublicArea, TPMT_PUBLIC_OR_NULL_NAME } from '../structures/public-area.js';
import { marshalled } from '../structures/wire-type.js';

/** @returns nameAlg ‖ digest over the parts; nothing when `nameAlg` is TPM_ALG_NULL */
export function tagged(nameAlg: number, ...parts: Uint8Array[]): Uint8Array {
  const hash = hashAlgorithm(nameAlg);
  if (hash === undefined) return new Uint8Array(0);
  return new WireWriter(2 + hash.digestSize)
    .uint16(nameAlg)
    .bytes(hash.digest(...parts))
    .finish();
}

/** @returns the Name of an object (Part 1, section 16); empty when its nameAlg is TPM_ALG_NULL */
export function objectName(area: PublicArea): Uint8Array {
  return tagged(area.nameAlg, marshalled(TPMT_PUBLIC_OR_NULL_NAME, area));
}

/**
 * @param parentName qualified name of the parent; of a hierarchy, its handle
 * @param name Name of the object
 * @returns the object's qualified name (Part 1, section 26.5), which tells of all its ancestors
 */
export function qualifiedName(
  nameAlg: number,
  parentName: Uint8Array,
  name: Uint8Array,
): Uint8Array {
  return tagged(nameAlg, concatBytes(parentName, name));
}

/** @returns the four bytes that are the Name of a hierarchy, PCR or session */
export function handleName(handle: number): Uint8Array {
  return new WireWriter(4).uint32(handle).finish();
}
