import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { AES_BLOCK_SIZE, aesDecrypt, aesEncrypt, isCipherDataSize } from './symmetric.js';

const MODES = [
  ['ctr', TPM_ALG.CTR],
  ['ofb', TPM_ALG.OFB],
  ['cbc', TPM_ALG.CBC],
  ['cfb', TPM_ALG.CFB],
  ['ecb', TPM_ALG.ECB],
] as const;
const CASES = MODES.flatMap(([name, mode]) => [128, 256].map((bits) => ({ name, mode, bits })));
const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });

describe('AES modes, against node:crypto', () => {
  test.each(CASES)('$name with $bits bits', ({ name, mode, bits }) => {
    const data = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(bytes(bits / 8), bytes(AES_BLOCK_SIZE), data, (key, start, raw) => {
        const iv = mode === TPM_ALG.ECB ? new Uint8Array(0) : start;
        const excess = isCipherDataSize(mode, 1) ? 0 : raw.length % AES_BLOCK_SIZE;
        const plain = raw.slice(0, raw.length - excess);
        const cipher = createCipheriv(`aes-${bits}-${name}`, key, iv);
        cipher.setAutoPadding(false);
        const expected = new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final()]));
        expect(aesEncrypt(mode, key, iv, plain).data).toEqual(expected);
        expect(aesDecrypt(mode, key, iv, expected).data).toEqual(plain);
      }),
    );
  });
});
