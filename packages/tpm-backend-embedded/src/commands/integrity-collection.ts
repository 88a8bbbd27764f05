import { TPM_RC, TPM_RC_FORMAT_ONE, TPM_RC_WARNING } from 'tpm-core';
import { hashAlgorithms } from '../crypto/hash.js';
import { withoutTrailingZeros } from '../entity.js';
import { undoShutdown } from '../orderly.js';
import { allocatePcrs } from '../pcr/pcr-allocation.js';
import { hasPcr, PCR_ATTRIBUTES } from '../pcr/pcr-attributes.js';
import { extendAtLocality, resetPcr } from '../pcr/pcr-banks.js';
import { readPcrs } from '../pcr/pcr-read.js';
import { atParameter } from '../response-code.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import {
  DIGEST_SIZE,
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
  command(
    'PCR_Extend',
    {
      nv: true,
      handles: { pcrHandle: user(TPMI_DH_PCR_OR_NULL) },
      parameters: { digests: TPML_DIGEST_VALUES },
    },
    (tpm, { pcrHandle, digests }) => extendAtLocality(tpm, pcrHandle, digests),
  ),
  command(
    'PCR_Event',
    {
      nv: true,
      handles: { pcrHandle: user(TPMI_DH_PCR_OR_NULL) },
      parameters: { eventData: TPM2B_EVENT },
      response: { digests: TPML_DIGEST_VALUES },
    },
    (tpm, { pcrHandle, eventData }) => {
      const digests = hashAlgorithms().map((hash) => ({
        hashAlg: hash.id,
        digest: hash.digest(eventData),
      }));
      const refusal = extendAtLocality(tpm, pcrHandle, digests);
      return refusal === TPM_RC.SUCCESS ? { digests } : refusal;
    },
  ),
  command(
    'PCR_Read',
    {
      parameters: { pcrSelectionIn: TPML_PCR_SELECTION },
      response: {
        pcrUpdateCounter: UINT32,
        pcrSelectionOut: TPML_PCR_SELECTION,
        pcrValues: TPML_DIGEST,
      },
    },
    (tpm, { pcrSelectionIn }) => readPcrs(tpm, pcrSelectionIn),
  ),
  command(
    'PCR_Allocate',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_PLATFORM) },
      parameters: { pcrAllocation: TPML_PCR_SELECTION },
      response: {
        allocationSuccess: TPMI_YES_NO,
        maxPCR: UINT32,
        sizeNeeded: UINT32,
        sizeAvailable: UINT32,
      },
    },
    (tpm, { pcrAllocation }) => allocatePcrs(tpm, pcrAllocation),
  ),
  command(
    'PCR_SetAuthPolicy',
    {
      nv: true,
      handles: { authHandle: user(TPMI_RH_PLATFORM) },
      parameters: { authPolicy: TPM2B_DIGEST, hashAlg: TPMI_ALG_HASH_OR_NULL, pcrNum: TPMI_DH_PCR },
    },
    (tpm, { authPolicy, hashAlg, pcrNum }) => {
      const size = hashAlg === TPM_ALG.NULL ? 0 : DIGEST_SIZE[hashAlg];
      if (authPolicy.length !== size) return atParameter(TPM_RC_FORMAT_ONE.SIZE, 1);
      if (!hasPcr(PCR_ATTRIBUTES.policy, pcrNum)) return atParameter(TPM_RC_FORMAT_ONE.VALUE, 3);
      tpm.state.permanent.pcrPolicy = { authPolicy, policyAlg: hashAlg };
      tpm.permanentChanged = true;
      return TPM_RC.SUCCESS;
    },
  ),
  command(
    'PCR_SetAuthValue',
    { handles: { pcrHandle: user(TPMI_DH_PCR) }, parameters: { auth: TPM2B_DIGEST } },
    (tpm, { pcrHandle, auth }) => {
      if (!hasPcr(PCR_ATTRIBUTES.auth, pcrHandle)) return TPM_RC_FORMAT_ONE.VALUE;
      undoShutdown(tpm);
      tpm.state.clear.pcrAuthValues.fill(withoutTrailingZeros(auth));
      return TPM_RC.SUCCESS;
    },
  ),
  command(
    'PCR_Reset',
    { nv: true, handles: { pcrHandle: user(TPMI_DH_PCR) } },
    (tpm, { pcrHandle }) => {
      if (!hasPcr(PCR_ATTRIBUTES.reset[tpm.locality]!, pcrHandle)) return TPM_RC_WARNING.LOCALITY;
      resetPcr(tpm, pcrHandle);
      return TPM_RC.SUCCESS;
    },
  ),
];
