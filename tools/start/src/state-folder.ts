import { mkdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileStore } from 'tpm-backend-embedded/node';
import type { StartOptions } from './start-options.js';

/** @returns the folder for state of this user: `tpmdev` in `$XDG_STATE_HOME`, or in its default */
export function stateHome(environment: Readonly<Record<string, string | undefined>>): string {
  const base = environment.XDG_STATE_HOME;
  // The XDG base directory specification has relative paths ignored.
  return join(base && isAbsolute(base) ? base : join(homedir(), '.local', 'state'), 'tpmdev');
}

/** @returns the folder of the TPM that the options mean; each kind of TPM has one */
export function stateFolder(
  options: Pick<StartOptions, 'backend' | 'tpmVersion'>,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const name = options.backend === 'embedded' ? 'embedded' : `swtpm-${options.tpmVersion}`;
  return join(stateHome(environment), name);
}

/**
 * Makes the folder, without what was in it when a new TPM is wanted.
 *
 * @throws the error of the file system, or of the store when another process uses the TPM
 */
export async function prepareStateFolder(folder: string, options: StartOptions): Promise<void> {
  if (options.fresh && options.backend === 'embedded') {
    // Nobody's TPM disappears under their feet: the store is for one process at a time.
    const store = await fileStore(folder);
    await store.close();
  }
  if (options.fresh) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
}
