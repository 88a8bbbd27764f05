import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import {
  TPM2B_DIGEST,
  TPM2B_EVENT,
  TPMI_YES_NO,
  TPML_DIGEST,
  TPML_DIGEST_VALUES,
  TPML_PCR_SELECTION,
} from '../structures/buffers.js';
import { TPMI_DH_PCR, TPMI_DH_PCR_OR_NULL, TPMI_RH_PLATFORM } from '../structures/handles.js';
import { UINT32 } from '../structures/wire-type.js';
import { type Command, command, user } from './command.js';

/** Integrity collection (PCR) (TPM 2.0 Library, Part 3, section 22). */
export const INTEGRITY_COLLECTION: readonly Command[] = [
  command('PCR_Extend', {
    nv: true,
    handles: { pcrHandle: user(TPMI_DH_PCR_OR_NULL) },
    parameters: { digests: TPML_DIGEST_VALUES },
  }),
  command('PCR_Event', {
    nv: true,
    handles: { pcrHandle: user(TPMI_DH_PCR_OR_NULL) },
    parameters: { eventData: TPM2B_EVENT },
    response: { digests: TPML_DIGEST_VALUES },
  }),
  command('PCR_Read', {
    parameters: { pcrSelectionIn: TPML_PCR_SELECTION },
    response: {
      pcrUpdateCounter: UINT32,
      pcrSelectionOut: TPML_PCR_SELECTION,
      pcrValues: TPML_DIGEST,
    },
  }),
  command('PCR_Allocate', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_PLATFORM) },
    parameters: { pcrAllocation: TPML_PCR_SELECTION },
    response: {
      allocationSuccess: TPMI_YES_NO,
      maxPCR: UINT32,
      sizeNeeded: UINT32,
      sizeAvailable: UINT32,
    },
  }),
  command('PCR_SetAuthPolicy', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_PLATFORM) },
    parameters: { authPolicy: TPM2B_DIGEST, hashAlg: TPMI_ALG_HASH_OR_NULL, pcrNum: TPMI_DH_PCR },
  }),
  command('PCR_SetAuthValue', {
    handles: { pcrHandle: user(TPMI_DH_PCR) },
    parameters: { auth: TPM2B_DIGEST },
  }),
  command('PCR_Reset', { nv: true, handles: { pcrHandle: user(TPMI_DH_PCR) } }),
];
