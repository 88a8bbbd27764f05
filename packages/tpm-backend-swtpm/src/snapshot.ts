import { type BackendSnapshot, SnapshotError, type TpmVersion } from 'tpm-core';
import { STATE_BLOB_ENCRYPTED, STATE_BLOB_TYPE, type StateBlobName } from './control-codes.js';
import { stateBlobDefect } from './state-blob.js';

/** Name and version of the snapshot's layout. */
export const SNAPSHOT_FORMAT = 'tpm-backend-swtpm/1';

/** One state blob of a snapshot. */
export interface SwtpmStateBlob {
  /** Flags that GET_STATEBLOB gave and SET_STATEBLOB takes: 0, or 2 = encrypted with the file key. */
  readonly flags: number;
  /** The blob as swtpm gave it, empty when there is none. */
  readonly bytes: Uint8Array;
}

/**
 * State of a TPM behind swtpm: the three blobs that a QEMU save file carries in its section
 * `tpm-emulator`.
 */
export interface SwtpmSnapshot extends BackendSnapshot {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly tpmVersion: TpmVersion;
  /** NV memory, seeds, ownership. */
  readonly permanent: SwtpmStateBlob;
  /** PCRs, sessions, loaded objects, clock. */
  readonly volatile: SwtpmStateBlob;
  /** TPM 1.2 between TPM_SaveState and the next command; else empty. */
  readonly savestate: SwtpmStateBlob;
}

/** The blobs' names in the order in which they are read and set. */
export const STATE_BLOB_NAMES: readonly StateBlobName[] = ['permanent', 'volatile', 'savestate'];

/**
 * Checks a snapshot from outside before anything is changed.
 *
 * @param snapshot what `snapshot()` gave, possibly by way of a file
 * @param tpmVersion family of the TPM that should take it
 * @throws SnapshotError when it doesn't fit
 */
export function readSnapshot(snapshot: BackendSnapshot, tpmVersion: TpmVersion): SwtpmSnapshot {
  if (snapshot?.format !== SNAPSHOT_FORMAT) {
    throw new SnapshotError(
      `Snapshot of the TPM back end has format '${snapshot?.format}', expected '${SNAPSHOT_FORMAT}'`,
    );
  }
  const saved = snapshot.tpmVersion;
  if (saved !== tpmVersion) {
    throw new SnapshotError(
      `TPM version differs: configured ${tpmVersion}, saved ${String(saved)}; start swtpm for the saved one`,
    );
  }
  const [permanent, volatile, savestate] = STATE_BLOB_NAMES.map((name) =>
    readBlob(name, snapshot[name], tpmVersion),
  ) as [SwtpmStateBlob, SwtpmStateBlob, SwtpmStateBlob];
  if (permanent.bytes.length === 0 && volatile.bytes.length + savestate.bytes.length > 0) {
    throw new SnapshotError('Snapshot of the TPM back end has no permanent state');
  }
  return { format: SNAPSHOT_FORMAT, tpmVersion, permanent, volatile, savestate };
}

function readBlob(name: StateBlobName, value: unknown, tpmVersion: TpmVersion): SwtpmStateBlob {
  const { flags, bytes } = (value ?? {}) as Partial<SwtpmStateBlob>;
  if (!(bytes instanceof Uint8Array)) {
    throw new SnapshotError(`Snapshot of the TPM back end has no bytes for the ${name} state`);
  }
  if (flags !== 0 && flags !== STATE_BLOB_ENCRYPTED) {
    throw new SnapshotError(
      `Snapshot of the TPM back end has flags ${String(flags)} for the ${name} state, expected 0 or 2`,
    );
  }
  const defect = bytes.length === 0 ? undefined : stateBlobDefect(bytes, name, tpmVersion);
  if (defect !== undefined)
    throw new SnapshotError(`Saved ${name} state (type ${STATE_BLOB_TYPE[name]}) ${defect}`);
  return { flags, bytes };
}
