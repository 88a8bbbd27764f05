import { TPMI_ALG_HASH_OR_NULL } from '../structures/algorithms.js';
import { TPML_CC } from '../structures/buffers.js';
import { TPMI_RH_PROVISION } from '../structures/handles.js';
import { type Command, command, user } from './command.js';

/** Command audit (TPM 2.0 Library, Part 3, section 21). */
export const COMMAND_AUDIT: readonly Command[] = [
  command('SetCommandCodeAuditStatus', {
    nv: true,
    handles: { auth: user(TPMI_RH_PROVISION) },
    parameters: { auditAlg: TPMI_ALG_HASH_OR_NULL, setList: TPML_CC, clearList: TPML_CC },
  }),
];
