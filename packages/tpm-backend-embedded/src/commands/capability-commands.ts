import { TPM_RC } from 'tpm-core';
import { getCapability } from '../capabilities/capability.js';
import { propertiesInFailureMode } from '../failure-mode.js';
import { TPMI_YES_NO } from '../structures/buffers.js';
import { TPMS_CAPABILITY_DATA } from '../structures/capability-data.js';
import { TPM_CAP_TYPE } from '../structures/constants.js';
import { TPMT_PUBLIC_PARMS } from '../structures/public-area.js';
import { UINT32 } from '../structures/wire-type.js';
import { type Command, command } from './command.js';

/** Capability commands (TPM 2.0 Library, Part 3, section 30). */
export const CAPABILITY_COMMANDS: readonly Command[] = [
  command(
    'GetCapability',
    {
      parameters: { capability: TPM_CAP_TYPE, property: UINT32, propertyCount: UINT32 },
      response: { moreData: TPMI_YES_NO, capabilityData: TPMS_CAPABILITY_DATA },
    },
    (tpm, { capability, property, propertyCount }) => {
      if (tpm.failure === undefined) {
        return getCapability(tpm, capability, property, propertyCount);
      }
      const count = propertiesInFailureMode(capability, property, propertyCount);
      return count === 0 ? TPM_RC.FAILURE : getCapability(tpm, capability, property, count);
    },
  ),
  // Reading the parameters checks all that there is to check: each algorithm, size and curve.
  command('TestParms', { parameters: { parameters: TPMT_PUBLIC_PARMS } }, () => TPM_RC.SUCCESS),
];
