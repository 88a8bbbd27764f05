import { TPM_RC } from 'tpm-core';
import { policySessionOf } from '../policies/policy-session.js';
import { restartPolicy } from '../sessions/session-table.js';
import { startAuthSession } from '../sessions/start-session.js';
import { TPMI_ALG_HASH, TPMT_SYM_DEF_OR_NULL } from '../structures/algorithms.js';
import { TPM2B_ENCRYPTED_SECRET, TPM2B_NONCE } from '../structures/buffers.js';
import { TPM_SE_TYPE } from '../structures/constants.js';
import {
  TPMI_DH_ENTITY_OR_NULL,
  TPMI_DH_OBJECT_OR_NULL,
  TPMI_SH_POLICY,
} from '../structures/handles.js';
import { type Command, command, plain } from './command.js';

/** Session commands (TPM 2.0 Library, Part 3, section 11). */
export const SESSION_COMMANDS: readonly Command[] = [
  command(
    'StartAuthSession',
    {
      handles: { tpmKey: plain(TPMI_DH_OBJECT_OR_NULL), bind: plain(TPMI_DH_ENTITY_OR_NULL) },
      parameters: {
        nonceCaller: TPM2B_NONCE,
        encryptedSalt: TPM2B_ENCRYPTED_SECRET,
        sessionType: TPM_SE_TYPE,
        symmetric: TPMT_SYM_DEF_OR_NULL,
        authHash: TPMI_ALG_HASH,
      },
      responseHandle: true,
      response: { nonceTPM: TPM2B_NONCE },
    },
    startAuthSession,
  ),
  command(
    'PolicyRestart',
    { handles: { sessionHandle: plain(TPMI_SH_POLICY) } },
    (tpm, { sessionHandle }) => {
      restartPolicy(tpm, policySessionOf(tpm, sessionHandle));
      return TPM_RC.SUCCESS;
    },
  ),
];
