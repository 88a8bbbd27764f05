import { TPM_RC } from 'tpm-core';
import { extendAtLocality } from '../pcr/pcr-banks.js';
import { hmacStart } from '../primitives/symmetric-primitives.js';
import { isRefusal } from '../response-code.js';
import {
  completeSequence,
  endEventSequence,
  eventDigests,
  startHashSequence,
  updateSequence,
} from '../sequences.js';
import { TPMI_ALG_HASH_OR_NULL, TPMI_ALG_MAC_SCHEME_OR_NULL } from '../structures/algorithms.js';
import {
  TPM2B_AUTH,
  TPM2B_DIGEST,
  TPM2B_MAX_BUFFER,
  TPML_DIGEST_VALUES,
} from '../structures/buffers.js';
import { TPMI_DH_OBJECT, TPMI_DH_PCR_OR_NULL, TPMI_RH_HIERARCHY } from '../structures/handles.js';
import { TPMT_TK_HASHCHECK } from '../structures/tickets.js';
import { type Command, command, user } from './command.js';

/** Hash/HMAC/event sequences (TPM 2.0 Library, Part 3, section 17). */
export const HASH_HMAC_EVENT_SEQUENCES: readonly Command[] = [
  command(
    'HMAC_Start',
    {
      handles: { handle: user(TPMI_DH_OBJECT) },
      parameters: { auth: TPM2B_AUTH, hashAlg: TPMI_ALG_MAC_SCHEME_OR_NULL },
      responseHandle: true,
    },
    (tpm, { handle, auth, hashAlg }) => hmacStart(tpm, handle, auth, hashAlg),
  ),
  command(
    'HashSequenceStart',
    {
      parameters: { auth: TPM2B_AUTH, hashAlg: TPMI_ALG_HASH_OR_NULL },
      responseHandle: true,
    },
    (tpm, { auth, hashAlg }) => startHashSequence(tpm, auth, hashAlg),
  ),
  command(
    'SequenceUpdate',
    {
      handles: { sequenceHandle: user(TPMI_DH_OBJECT) },
      parameters: { buffer: TPM2B_MAX_BUFFER },
    },
    (tpm, { sequenceHandle, buffer }) => updateSequence(tpm, sequenceHandle, buffer),
  ),
  command(
    'SequenceComplete',
    {
      flushed: true,
      handles: { sequenceHandle: user(TPMI_DH_OBJECT) },
      parameters: { buffer: TPM2B_MAX_BUFFER, hierarchy: TPMI_RH_HIERARCHY },
      response: { result: TPM2B_DIGEST, validation: TPMT_TK_HASHCHECK },
    },
    (tpm, { sequenceHandle, buffer, hierarchy }) =>
      completeSequence(tpm, sequenceHandle, buffer, hierarchy),
  ),
  command(
    'EventSequenceComplete',
    {
      nv: true,
      flushed: true,
      handles: { pcrHandle: user(TPMI_DH_PCR_OR_NULL), sequenceHandle: user(TPMI_DH_OBJECT) },
      parameters: { buffer: TPM2B_MAX_BUFFER },
      response: { results: TPML_DIGEST_VALUES },
    },
    (tpm, { pcrHandle, sequenceHandle, buffer }) => {
      const results = eventDigests(tpm, sequenceHandle, 2, buffer);
      if (isRefusal(results)) return results;
      const refusal = extendAtLocality(tpm, pcrHandle, results);
      if (refusal !== TPM_RC.SUCCESS) return refusal;
      endEventSequence(tpm, sequenceHandle);
      return { results };
    },
  ),
];
