import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { startUp } from '../../test/measurement-commands.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { allocatePcrs } from './pcr-allocation.js';

const NONE = new Uint8Array(3);
const DIGESTS = { sha1: 24 * 20, sha256: 24 * 32, sha384: 24 * 48, sha512: 24 * 64 } as const;

describe('allocatePcrs()', () => {
  it('allocatePcrs() starts from the banks of now, not from an allocation that waits for the next start', () => {
    const tpm = freshTpm();
    startUp(tpm);
    const { sha1, sha256, sha384, sha512 } = DIGESTS;
    const without = (hash: number): unknown => allocatePcrs(tpm, [{ hash, pcrSelect: NONE }]);
    expect(without(TPM_ALG.SHA1)).toMatchObject({ sizeNeeded: sha256 + sha384 + sha512 });
    expect(without(TPM_ALG.SHA384)).toMatchObject({ sizeNeeded: sha1 + sha256 + sha512 });
    tpm.initialize();
    startUp(tpm);
    expect(without(TPM_ALG.SHA512)).toMatchObject({ sizeNeeded: sha1 + sha256 });
  });
});
