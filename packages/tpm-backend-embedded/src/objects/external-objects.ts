import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import { isHierarchyEnabled } from '../entity.js';
import { atParameter, type ResponseCode } from '../response-code.js';
import { SLOT_KIND } from '../state/object-state.js';
import { TPM_RH } from '../structures/handles.js';
import type { PublicArea, SensitiveArea } from '../structures/public-area.js';
import type { Tpm } from '../tpm.js';
import { hasAttribute } from './object-attributes.js';
import { checkLoading } from './object-loading.js';
import { objectName } from './object-name.js';
import { hasFreeSlot, occupySlot } from './object-slots.js';

/** Handles and parameters of TPM2_LoadExternal. */
export interface LoadExternalInput {
  readonly inPrivate: SensitiveArea | undefined;
  readonly inPublic: PublicArea;
  readonly hierarchy: number;
}

/**
 * Loads an object that no parent of this TPM protects (Part 3, section 12.3): a public area for any
 * hierarchy, or a whole key, in clear, for the null hierarchy.
 *
 * @returns handle and Name, or a response code
 */
export function loadExternal(
  tpm: Tpm,
  { inPrivate, inPublic, hierarchy }: LoadExternalInput,
): { readonly responseHandle: number; readonly name: Uint8Array } | ResponseCode {
  if (!hasFreeSlot(tpm)) return TPM_RC_WARNING.OBJECT_MEMORY;
  if (!isHierarchyEnabled(tpm, hierarchy)) return atParameter(TPM_RC_FORMAT_ONE.HIERARCHY, 3);
  if (inPrivate !== undefined) {
    if (hierarchy !== TPM_RH.NULL) return atParameter(TPM_RC_FORMAT_ONE.HIERARCHY, 3);
    const isOfParent =
      hasAttribute(inPublic, 'fixedTPM') ||
      hasAttribute(inPublic, 'fixedParent') ||
      hasAttribute(inPublic, 'restricted');
    if (isOfParent) return atParameter(TPM_RC_FORMAT_ONE.ATTRIBUTES, 2);
  }
  const refusal = checkLoading(inPublic, inPrivate, { sensitive: 1, public: 2 });
  if (refusal !== TPM_RC.SUCCESS) return refusal;
  const name = objectName(inPublic);
  const object = {
    publicArea: inPublic,
    sensitive: inPrivate,
    name,
    // It has no ancestors to be qualified by.
    qualifiedName: name,
    hierarchy,
    stClear: hasAttribute(inPublic, 'stClear'),
    external: true,
  };
  return { responseHandle: occupySlot(tpm, { kind: SLOT_KIND.OBJECT, object }), name };
}
