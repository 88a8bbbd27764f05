import { shutDown, startUp } from '../power-cycle.js';
import { TPM_SU_TYPE } from '../structures/buffers.js';
import { type Command, command } from './command.js';

/** Start-up (TPM 2.0 Library, Part 3, section 9). */
export const STARTUP: readonly Command[] = [
  command(
    'Startup',
    {
      sessions: 'none',
      beforeStartup: true,
      nv: true,
      parameters: { startupType: TPM_SU_TYPE },
    },
    (tpm, { startupType }) => startUp(tpm, startupType),
  ),
  command(
    'Shutdown',
    { nv: true, parameters: { shutdownType: TPM_SU_TYPE } },
    (tpm, { shutdownType }) => shutDown(tpm, shutdownType),
  ),
];
