import { forgetFailures, setDaParameters } from '../sessions/dictionary-attack.js';
import { TPMI_RH_LOCKOUT } from '../structures/handles.js';
import { UINT32 } from '../structures/wire-type.js';
import { type Command, command, user } from './command.js';

/** Dictionary attack functions (TPM 2.0 Library, Part 3, section 25). */
export const DICTIONARY_ATTACK_FUNCTIONS: readonly Command[] = [
  command(
    'DictionaryAttackLockReset',
    { nv: true, handles: { lockHandle: user(TPMI_RH_LOCKOUT) } },
    forgetFailures,
  ),
  command(
    'DictionaryAttackParameters',
    {
      nv: true,
      handles: { lockHandle: user(TPMI_RH_LOCKOUT) },
      parameters: { newMaxTries: UINT32, newRecoveryTime: UINT32, lockoutRecovery: UINT32 },
    },
    (tpm, { newMaxTries, newRecoveryTime, lockoutRecovery }) =>
      setDaParameters(tpm, {
        maxTries: newMaxTries,
        recoveryTime: newRecoveryTime,
        lockoutRecovery,
      }),
  ),
];
