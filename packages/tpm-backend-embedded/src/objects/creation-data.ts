import { hashAlgorithm } from '../crypto/hash.js';
import { selectedValues, usedSelections } from '../pcr/pcr-banks.js';
import type { ObjectState } from '../state/object-state.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import type { PcrSelection } from '../structures/buffers.js';
import { type CreationData, TPMS_CREATION_DATA } from '../structures/public-area.js';
import { type Ticket, TPM_ST_STRUCTURE } from '../structures/tickets.js';
import { marshalled } from '../structures/wire-type.js';
import { makeTicket } from '../tickets.js';
import type { Tpm } from '../tpm.js';
import { handleName } from './object-name.js';

/** The parent as creation data names it. */
export interface ParentNames {
  /** TPM_ALG_NULL of a hierarchy. */
  readonly nameAlg: number;
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
}

/** What a creation says of itself in its response. */
export interface CreationRecord {
  readonly creationData: CreationData;
  readonly creationHash: Uint8Array;
  readonly creationTicket: Ticket;
}

/** @returns the names of a hierarchy as the parent of a primary object: its handle */
export function hierarchyNames(hierarchy: number): ParentNames {
  const name = handleName(hierarchy);
  return { nameAlg: TPM_ALG.NULL, name, qualifiedName: name };
}

/**
 * Records the circumstances of a creation (Part 1, section 27.2, "Creation Data"): PCR, locality,
 * parent and the caller's data, with the ticket for TPM2_CertifyCreation.
 *
 * @param object the new object
 * @param pcrs PCR whose values go into the record; those that are not in use are left out
 */
export function recordCreation(
  tpm: Tpm,
  object: Pick<ObjectState, 'publicArea' | 'name' | 'hierarchy'>,
  parent: ParentNames,
  outsideInfo: Uint8Array,
  pcrs: readonly PcrSelection[],
): CreationRecord {
  const hash = hashAlgorithm(object.publicArea.nameAlg)!;
  const creationData = {
    pcrSelect: usedSelections(tpm, pcrs),
    pcrDigest: hash.digest(...selectedValues(tpm, pcrs)),
    locality: 1 << tpm.locality,
    parentNameAlg: parent.nameAlg,
    parentName: parent.name,
    parentQualifiedName: parent.qualifiedName,
    outsideInfo,
  };
  const creationHash = hash.digest(marshalled(TPMS_CREATION_DATA, creationData));
  return {
    creationData,
    creationHash,
    creationTicket: makeTicket(
      tpm,
      TPM_ST_STRUCTURE.CREATION,
      object.hierarchy,
      object.name,
      creationHash,
    ),
  };
}
