import { TPM_SE } from '../structures/constants.js';
import { HANDLE_FIRST, handleType, TPM_HT, TPM_RH } from '../structures/handles.js';
import { LIMIT } from '../structures/limits.js';
import type { Tpm } from '../tpm.js';

const PERMANENT_HANDLES: readonly number[] = [
  TPM_RH.OWNER,
  TPM_RH.NULL,
  TPM_RH.PW,
  TPM_RH.LOCKOUT,
  TPM_RH.ENDORSEMENT,
  TPM_RH.PLATFORM,
  TPM_RH.PLATFORM_NV,
];
const PCR_HANDLES: readonly number[] = Array.from({ length: LIMIT.PCR }, (_, pcr) => pcr);

/**
 * @param handle any handle: its type says which list
 * @returns the handles of that type that there are, ascending by their low part, or `undefined`
 *   for an unknown type. Type 0x02 stands for loaded sessions of both kinds, 0x03 for saved ones,
 *   which show as 0x02 whatever they are.
 */
export function handlesOfType(tpm: Tpm, handle: number): readonly number[] | undefined {
  const { permanent, volatile } = tpm.state;
  switch (handleType(handle)) {
    case TPM_HT.PCR:
      return PCR_HANDLES;
    case TPM_HT.NV_INDEX:
      return permanent.nvIndexes.map(({ publicArea }) => publicArea.nvIndex);
    case TPM_HT.HMAC_SESSION:
      return loadedSessions(tpm);
    case TPM_HT.POLICY_SESSION:
      return savedSessions(tpm);
    case TPM_HT.PERMANENT:
      return PERMANENT_HANDLES;
    case TPM_HT.TRANSIENT:
      return volatile.slots.flatMap((slot, index) =>
        slot === undefined ? [] : [HANDLE_FIRST.TRANSIENT + index],
      );
    case TPM_HT.PERSISTENT:
      return ascending(permanent.persistentObjects.map((one) => one.handle));
    default:
      return undefined;
  }
}

/** @returns handles of the loaded sessions */
export function loadedSessions(tpm: Tpm): number[] {
  return tpm.state.volatile.sessions
    .flatMap(({ slot, session }) =>
      session === undefined
        ? []
        : [
            slot +
              (session.sessionType === TPM_SE.HMAC
                ? HANDLE_FIRST.HMAC_SESSION
                : HANDLE_FIRST.POLICY_SESSION),
          ],
    )
    .sort((one, other) => (one & 0xff_ffff) - (other & 0xff_ffff));
}

/** @returns handles of the sessions whose contexts are saved */
export function savedSessions(tpm: Tpm): number[] {
  return ascending(
    tpm.state.reset.savedSessions.map(({ slot }) => HANDLE_FIRST.HMAC_SESSION + slot),
  );
}

function ascending(handles: readonly number[]): number[] {
  return [...handles].sort((one, other) => one - other);
}
