import { sign, verifySignature } from '../signing/signing-commands.js';
import { TPMT_SIG_SCHEME_OR_NULL } from '../structures/algorithms.js';
import { TPM2B_DIGEST } from '../structures/buffers.js';
import { TPMI_DH_OBJECT } from '../structures/handles.js';
import { TPMT_SIGNATURE } from '../structures/signatures.js';
import { TPMT_TK_HASHCHECK, TPMT_TK_VERIFIED } from '../structures/tickets.js';
import { type Command, command, plain, user } from './command.js';

/** Signing and signature verification (TPM 2.0 Library, Part 3, section 20). */
export const SIGNING_AND_SIGNATURE_VERIFICATION: readonly Command[] = [
  command(
    'VerifySignature',
    {
      handles: { keyHandle: plain(TPMI_DH_OBJECT) },
      parameters: { digest: TPM2B_DIGEST, signature: TPMT_SIGNATURE },
      response: { validation: TPMT_TK_VERIFIED },
    },
    verifySignature,
  ),
  command(
    'Sign',
    {
      handles: { keyHandle: user(TPMI_DH_OBJECT) },
      parameters: {
        digest: TPM2B_DIGEST,
        inScheme: TPMT_SIG_SCHEME_OR_NULL,
        validation: TPMT_TK_HASHCHECK,
      },
      response: { signature: TPMT_SIGNATURE },
    },
    sign,
  ),
];
