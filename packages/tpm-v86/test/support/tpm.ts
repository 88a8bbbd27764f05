import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from 'tpm-backend-embedded';
import { launchSwtpm } from 'tpm-backend-swtpm';
import { HASH_ALGORITHM, type HashFunction, type TpmBackend } from 'tpm-integration/assembly';

/** Kinds of TPM that can be opened. */
export type TpmKind = 'embedded' | 'swtpm' | 'swtpm 1.2';

/** Opens a TPM that was never used. */
export async function openTpm(
  kind: TpmKind,
): Promise<{ backend: TpmBackend; close: () => Promise<void> }> {
  if (kind === 'embedded') {
    const backend = await openEmbedded();
    return { backend, close: () => backend.close() };
  }
  const stateDirectory = mkdtempSync(join(tmpdir(), 'tpm-v86-'));
  const remove = () => rmSync(stateDirectory, { recursive: true, force: true });
  try {
    const tpmVersion = kind === 'swtpm' ? '2.0' : '1.2';
    const backend = await launchSwtpm({ stateDirectory, tpmVersion });
    return {
      backend,
      close: async () => {
        await backend.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

const hash =
  (name: string): HashFunction =>
  (data) =>
    new Uint8Array(createHash(name).update(data).digest());

/** Hash functions of the PCR banks. */
export const HASHES = new Map([
  [HASH_ALGORITHM['SHA-1'], hash('sha1')],
  [HASH_ALGORITHM['SHA-256'], hash('sha256')],
  [HASH_ALGORITHM['SHA-384'], hash('sha384')],
  [HASH_ALGORITHM['SHA-512'], hash('sha512')],
]);
