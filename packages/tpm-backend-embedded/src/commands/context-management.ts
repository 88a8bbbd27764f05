import { TPMS_CONTEXT } from '../structures/contexts.js';
import {
  TPMI_DH_CONTEXT,
  TPMI_DH_OBJECT,
  TPMI_DH_PERSISTENT,
  TPMI_RH_PROVISION,
} from '../structures/handles.js';
import { type Command, command, plain, user } from './command.js';

/** Context management (TPM 2.0 Library, Part 3, section 28). */
export const CONTEXT_MANAGEMENT: readonly Command[] = [
  command('ContextSave', {
    sessions: 'none',
    handles: { saveHandle: plain(TPMI_DH_CONTEXT) },
    response: { context: TPMS_CONTEXT },
  }),
  command('ContextLoad', {
    sessions: 'none',
    parameters: { context: TPMS_CONTEXT },
    responseHandle: true,
  }),
  command('FlushContext', { sessions: 'none', parameters: { flushHandle: TPMI_DH_CONTEXT } }),
  command('EvictControl', {
    nv: true,
    handles: { auth: user(TPMI_RH_PROVISION), objectHandle: plain(TPMI_DH_OBJECT) },
    parameters: { persistentHandle: TPMI_DH_PERSISTENT },
  }),
];
