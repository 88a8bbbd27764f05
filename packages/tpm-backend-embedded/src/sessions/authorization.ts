import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import type { CommandContext } from '../command-context.js';
import { entityAuthValue } from '../entity.js';
import { atSession, type ResponseCode } from '../response-code.js';
import { TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';

/**
 * Checks every session of the command: what it may be used for, its HMAC or password, its policy.
 *
 * @returns `TPM_RC.SUCCESS`, or the code with the session's number
 */
export function checkAuthorizations(tpm: Tpm, context: CommandContext): ResponseCode {
  for (const use of context.sessions) {
    if (use.authorizes === undefined || use.handle !== TPM_RH.PW) {
      return atSession(TPM_RC_FORMAT_ONE.ATTRIBUTES, use.number);
    }
    const expected = entityAuthValue(tpm, context.handles[use.authorizes]!);
    if (!equalBytes(expected, use.hmac)) return atSession(TPM_RC_FORMAT_ONE.BAD_AUTH, use.number);
  }
  return TPM_RC.SUCCESS;
}

function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
