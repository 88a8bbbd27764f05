import {
  type BackendSnapshot,
  type FrontEndSnapshot,
  type PpiSnapshot,
  SnapshotError,
} from 'tpm-integration/assembly';
import { fromStateField, toStateField } from './state-fields.js';
import type { V86State } from './v86-members.js';

/** Layout of the TPM's field in a state of v86. */
export const SAVED_TPM_FORMAT = 'tpm-v86/1';

/** Index of the TPM's field. v86 0.5.462 uses 0 to 91, and ignores what it doesn't know. */
export const STATE_SLOT = 255;

/** A TPM as it is saved with its machine. */
export interface SavedTpm {
  readonly format: typeof SAVED_TPM_FORMAT;
  readonly model: string;
  /** How firmware was told of the TPM: tables and place of the event log. */
  readonly firmware: string;
  readonly frontEnd: FrontEndSnapshot;
  readonly backend: BackendSnapshot;
  /** PPI memory; `null` without it. */
  readonly ppi: PpiSnapshot | null;
  /** What {@link FirmwareSide} has beyond guest memory; `null` for nothing. */
  readonly firmwareState: unknown;
}

/** What a saved TPM has to agree with. */
export type SavedTpmConfiguration = Pick<SavedTpm, 'model' | 'firmware'> & {
  readonly hasPpi: boolean;
};

/** Puts a TPM into a state of v86. @throws V86Error when a snapshot isn't plain data */
export function writeSavedTpm(state: V86State, saved: SavedTpm): void {
  state[STATE_SLOT] = toStateField(saved);
}

function checkConfigured(what: string, configured: unknown, saved: unknown): void {
  if (configured === saved) return;
  throw new SnapshotError(`${what}: configured ${String(configured)}, saved ${String(saved)}`);
}

/**
 * @param state untrusted
 * @returns the TPM in a state of v86; `undefined` when it was saved without one
 * @throws TpmdevError when it isn't readable or doesn't fit
 */
export function readSavedTpm(
  state: V86State,
  configured: SavedTpmConfiguration,
): SavedTpm | undefined {
  const field = state[STATE_SLOT];
  if (field === undefined || field === null) return undefined;
  const saved = fromStateField(field) as SavedTpm;
  checkConfigured('Snapshot format', SAVED_TPM_FORMAT, saved?.format);
  checkConfigured('TPM device', configured.model, saved.model);
  checkConfigured('Firmware tables', configured.firmware, saved.firmware);
  checkConfigured('Physical presence interface', configured.hasPpi, saved.ppi !== null);
  return saved;
}
