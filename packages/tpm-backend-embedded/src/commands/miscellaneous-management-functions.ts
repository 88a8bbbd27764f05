import { TPML_CC } from '../structures/buffers.js';
import { TPMI_RH_PLATFORM } from '../structures/handles.js';
import { UINT32 } from '../structures/wire-type.js';
import { type Command, command, user } from './command.js';

/** Miscellaneous management functions (TPM 2.0 Library, Part 3, section 26). */
export const MISCELLANEOUS_MANAGEMENT_FUNCTIONS: readonly Command[] = [
  command('PP_Commands', {
    nv: true,
    handles: { auth: user(TPMI_RH_PLATFORM) },
    parameters: { setList: TPML_CC, clearList: TPML_CC },
  }),
  command('SetAlgorithmSet', {
    nv: true,
    handles: { authHandle: user(TPMI_RH_PLATFORM) },
    parameters: { algorithmSet: UINT32 },
  }),
];
