import { memoryStore, openEmbedded } from 'tpm-backend-embedded';
import { TpmdevError } from 'tpm-core';

/** Largest file that is looked at, in bytes: many times what a TPM's state takes. */
export const STATE_FILE_LIMIT = 1_048_576;

/** A file that a person chose; a browser's `File` is one. */
export interface ChosenFile {
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Outcome of looking at a file: a TPM's state, or what is wrong. */
export type StateFile =
  | { readonly state: Uint8Array; readonly problem?: undefined }
  | { readonly state?: undefined; readonly problem: string };

/**
 * Reads a TPM's state out of a file and proves it by opening a TPM with it.
 *
 * @returns the state, or one line for people that says why this file has none
 */
export async function readStateFile(file: ChosenFile): Promise<StateFile> {
  const fail = (reason: string): StateFile => ({
    problem: `Can’t import “${file.name}”: ${reason}`,
  });
  if (file.size === 0) return fail('it is empty; choose a file that Export made');
  if (file.size > STATE_FILE_LIMIT) {
    return fail(`it has ${file.size} bytes, the state of a TPM is far smaller`);
  }
  try {
    const state = new Uint8Array(await file.arrayBuffer());
    const tpm = await openEmbedded({ store: memoryStore(state) });
    await tpm.close();
    return { state };
  } catch (error) {
    if (TpmdevError.isInstance(error) || error instanceof DOMException) return fail(error.message);
    throw error;
  }
}

/** @returns name of an exported file: `tpm2-20261125-142305.state` */
export function stateFileName(now: Date): string {
  const digits = now.toISOString().replaceAll(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `tpm2-${digits}.state`;
}
