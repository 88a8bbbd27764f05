import type { AttachTpmOptions, TpmAttachment } from './attachment.js';
import { V86Error } from './error.js';
import type { V86Emulator } from './v86-members.js';

/**
 * Attaches a TPM to a v86 machine. Call it in the same turn as `new V86()`.
 *
 * @throws V86Error `ERR_V86_OPTION` when an option can't be used
 */
export function attachTpm(_emulator: V86Emulator, _options: AttachTpmOptions): TpmAttachment {
  throw new V86Error('ERR_V86_OPTION', 'Attaching a TPM is not available in this version');
}
