import { duplicateObject, importObject } from '../objects/duplication.js';
import { TPMT_SYM_DEF_OBJECT_OR_NULL } from '../structures/algorithms.js';
import {
  TPM2B_DATA,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_NAME,
  TPM2B_PRIVATE,
} from '../structures/buffers.js';
import { TPMI_DH_OBJECT, TPMI_DH_OBJECT_OR_NULL } from '../structures/handles.js';
import { TPM2B_PUBLIC } from '../structures/public-area.js';
import { type Command, command, dup, plain, user } from './command.js';

/** Duplication commands (TPM 2.0 Library, Part 3, section 13). */
export const DUPLICATION_COMMANDS: readonly Command[] = [
  command(
    'Duplicate',
    {
      handles: {
        objectHandle: dup(TPMI_DH_OBJECT),
        newParentHandle: plain(TPMI_DH_OBJECT_OR_NULL),
      },
      parameters: { encryptionKeyIn: TPM2B_DATA, symmetricAlg: TPMT_SYM_DEF_OBJECT_OR_NULL },
      response: {
        encryptionKeyOut: TPM2B_DATA,
        duplicate: TPM2B_PRIVATE,
        outSymSeed: TPM2B_ENCRYPTED_SECRET,
      },
    },
    duplicateObject,
  ),
  command('Rewrap', {
    handles: { oldParent: user(TPMI_DH_OBJECT_OR_NULL), newParent: plain(TPMI_DH_OBJECT_OR_NULL) },
    parameters: { inDuplicate: TPM2B_PRIVATE, name: TPM2B_NAME, inSymSeed: TPM2B_ENCRYPTED_SECRET },
    response: { outDuplicate: TPM2B_PRIVATE, outSymSeed: TPM2B_ENCRYPTED_SECRET },
  }),
  command(
    'Import',
    {
      handles: { parentHandle: user(TPMI_DH_OBJECT) },
      parameters: {
        encryptionKey: TPM2B_DATA,
        objectPublic: TPM2B_PUBLIC,
        duplicate: TPM2B_PRIVATE,
        inSymSeed: TPM2B_ENCRYPTED_SECRET,
        symmetricAlg: TPMT_SYM_DEF_OBJECT_OR_NULL,
      },
      response: { outPrivate: TPM2B_PRIVATE },
    },
    importObject,
  ),
];
