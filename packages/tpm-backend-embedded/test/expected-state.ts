import { ORDERLY } from '../src/state/permanent-state.js';
import type { StoredState } from '../src/state/tpm-state.js';

/** What a permanent state is expected to be, as far as the crash test changes it. */
export interface ExpectedState {
  /** Authorization value of the owner, as text. */
  readonly owner: string;
  readonly disableClear: boolean;
  /** The SHA-1 bank is allocated for the next start. */
  readonly hasSha1: boolean;
  /** Kind of the Shutdown right before: 0 CLEAR, 1 STATE; absent after any other command. */
  readonly orderly: number | undefined;
}

/** What a TPM is made with. */
export const FACTORY_STATE: ExpectedState = {
  owner: '',
  disableClear: false,
  hasSha1: true,
  orderly: undefined,
};

/** @returns those parts of a stored state */
export function expectedStateOf({ permanent, saved }: StoredState): ExpectedState {
  const { orderly } = permanent;
  const isOrderly = orderly === ORDERLY.CLEAR || (orderly === ORDERLY.STATE && saved !== undefined);
  const sha1 = permanent.pcrAllocation.find(({ hash }) => hash === 0x0004);
  return {
    owner: new TextDecoder().decode(permanent.owner.authValue),
    disableClear: permanent.disableClear,
    hasSha1: sha1?.pcrSelect.some((byte) => byte !== 0) ?? false,
    orderly: isOrderly ? orderly : undefined,
  };
}

/** @returns whether a stored state is what was expected */
export function isExpected(found: ExpectedState, expected: ExpectedState): boolean {
  return (
    found.owner === expected.owner &&
    found.disableClear === expected.disableClear &&
    found.hasSha1 === expected.hasSha1 &&
    (expected.orderly === undefined || found.orderly === expected.orderly)
  );
}
