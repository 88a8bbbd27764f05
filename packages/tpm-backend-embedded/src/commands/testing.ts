import { TPM2B_MAX_BUFFER, TPMI_YES_NO, TPML_ALG } from '../structures/buffers.js';
import { UINT32 } from '../structures/wire-type.js';
import { type Command, command } from './command.js';

/** Testing (TPM 2.0 Library, Part 3, section 10). */
export const TESTING: readonly Command[] = [
  command('SelfTest', { nv: true, parameters: { fullTest: TPMI_YES_NO } }),
  command('IncrementalSelfTest', {
    nv: true,
    parameters: { toTest: TPML_ALG },
    response: { toDoList: TPML_ALG },
  }),
  command('GetTestResult', { response: { outData: TPM2B_MAX_BUFFER, testResult: UINT32 } }),
];
