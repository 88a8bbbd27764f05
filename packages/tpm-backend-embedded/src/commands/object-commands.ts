import { TPM_RC } from 'tpm-core';
import { findObject } from '../entity.js';
import { activateCredential, makeCredential } from '../objects/credentials.js';
import { loadExternal } from '../objects/external-objects.js';
import { createLoaded } from '../objects/loaded-creation.js';
import { changeObjectAuth, createStored, loadStored, unseal } from '../objects/stored-objects.js';
import {
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_ID_OBJECT,
  TPM2B_NAME,
  TPM2B_PRIVATE,
  TPM2B_SENSITIVE_DATA,
  TPML_PCR_SELECTION,
} from '../structures/buffers.js';
import { TPMI_DH_OBJECT, TPMI_DH_PARENT, TPMI_RH_HIERARCHY } from '../structures/handles.js';
import {
  TPM2B_CREATION_DATA,
  TPM2B_PUBLIC,
  TPM2B_PUBLIC_OR_NULL_NAME,
  TPM2B_SENSITIVE_CREATE,
  TPM2B_SENSITIVE_OR_EMPTY,
  TPM2B_TEMPLATE,
} from '../structures/public-area.js';
import { TPMT_TK_CREATION } from '../structures/tickets.js';
import { admin, type Command, command, plain, user } from './command.js';

/** Object commands (TPM 2.0 Library, Part 3, section 12). */
export const OBJECT_COMMANDS: readonly Command[] = [
  command(
    'Create',
    {
      handles: { parentHandle: user(TPMI_DH_OBJECT) },
      parameters: {
        inSensitive: TPM2B_SENSITIVE_CREATE,
        inPublic: TPM2B_PUBLIC,
        outsideInfo: TPM2B_DATA,
        creationPCR: TPML_PCR_SELECTION,
      },
      response: {
        outPrivate: TPM2B_PRIVATE,
        outPublic: TPM2B_PUBLIC,
        creationData: TPM2B_CREATION_DATA,
        creationHash: TPM2B_DIGEST,
        creationTicket: TPMT_TK_CREATION,
      },
    },
    createStored,
  ),
  command(
    'Load',
    {
      handles: { parentHandle: user(TPMI_DH_OBJECT) },
      parameters: { inPrivate: TPM2B_PRIVATE, inPublic: TPM2B_PUBLIC },
      responseHandle: true,
      response: { name: TPM2B_NAME },
    },
    loadStored,
  ),
  command(
    'LoadExternal',
    {
      parameters: {
        inPrivate: TPM2B_SENSITIVE_OR_EMPTY,
        inPublic: TPM2B_PUBLIC_OR_NULL_NAME,
        hierarchy: TPMI_RH_HIERARCHY,
      },
      responseHandle: true,
      response: { name: TPM2B_NAME },
    },
    loadExternal,
  ),
  command(
    'ReadPublic',
    {
      handles: { objectHandle: plain(TPMI_DH_OBJECT) },
      response: {
        outPublic: TPM2B_PUBLIC_OR_NULL_NAME,
        name: TPM2B_NAME,
        qualifiedName: TPM2B_NAME,
      },
    },
    (tpm, { objectHandle }) => {
      const object = findObject(tpm, objectHandle);
      if (object === undefined) return TPM_RC.SEQUENCE;
      return {
        outPublic: object.publicArea,
        name: object.name,
        qualifiedName: object.qualifiedName,
      };
    },
  ),
  command(
    'ActivateCredential',
    {
      handles: { activateHandle: admin(TPMI_DH_OBJECT), keyHandle: user(TPMI_DH_OBJECT) },
      parameters: { credentialBlob: TPM2B_ID_OBJECT, secret: TPM2B_ENCRYPTED_SECRET },
      response: { certInfo: TPM2B_DIGEST },
    },
    activateCredential,
  ),
  command(
    'MakeCredential',
    {
      handles: { handle: plain(TPMI_DH_OBJECT) },
      parameters: { credential: TPM2B_DIGEST, objectName: TPM2B_NAME },
      response: { credentialBlob: TPM2B_ID_OBJECT, secret: TPM2B_ENCRYPTED_SECRET },
    },
    (tpm, { handle, credential, objectName }) =>
      makeCredential(tpm, handle, credential, objectName),
  ),
  command(
    'Unseal',
    {
      handles: { itemHandle: user(TPMI_DH_OBJECT) },
      response: { outData: TPM2B_SENSITIVE_DATA },
    },
    (tpm, { itemHandle }) => unseal(tpm, itemHandle),
  ),
  command(
    'ObjectChangeAuth',
    {
      handles: { objectHandle: admin(TPMI_DH_OBJECT), parentHandle: plain(TPMI_DH_OBJECT) },
      parameters: { newAuth: TPM2B_AUTH },
      response: { outPrivate: TPM2B_PRIVATE },
    },
    (tpm, { objectHandle, parentHandle, newAuth }) =>
      changeObjectAuth(tpm, objectHandle, parentHandle, newAuth),
  ),
  command(
    'CreateLoaded',
    {
      handles: { parentHandle: user(TPMI_DH_PARENT) },
      parameters: { inSensitive: TPM2B_SENSITIVE_CREATE, inPublic: TPM2B_TEMPLATE },
      responseHandle: true,
      response: { outPrivate: TPM2B_PRIVATE, outPublic: TPM2B_PUBLIC, name: TPM2B_NAME },
    },
    createLoaded,
  ),
];
