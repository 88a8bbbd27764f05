import fc from 'fast-check';
import { TPM_ALG, TPM_ECC } from '../src/structures/algorithm-ids.js';
import { TPMA_OBJECT } from '../src/structures/public-area.js';
import { uint32 } from './owned-objects.js';
import { joined, sized, words } from './wire-bytes.js';

const NULL = TPM_ALG.NULL;

/** An implemented hash. */
export const hashAlg: fc.Arbitrary<number> = fc.constantFrom(
  TPM_ALG.SHA1,
  TPM_ALG.SHA256,
  TPM_ALG.SHA384,
  TPM_ALG.SHA512,
);
const mode = fc.constantFrom(TPM_ALG.CFB, TPM_ALG.CFB, TPM_ALG.CTR, TPM_ALG.ECB, NULL);
const aes = fc.tuple(fc.constantFrom(128, 256), mode);
const symmetric = fc.oneof(
  fc.constant(words(NULL)),
  aes.map(([bits, cipherMode]) => words(TPM_ALG.AES, bits, cipherMode)),
);
const noScheme = fc.constant(words(NULL));
const kdfs = [TPM_ALG.KDF1_SP800_108, TPM_ALG.KDF1_SP800_56A, TPM_ALG.MGF1] as const;

/** Attributes, most of them as a usable object has them. */
const objectAttributes = fc
  .record({
    fixed: fc.constantFrom(0x12, 0x12, 0x12, 0x12, 0, 0, 0x10, 0x02),
    origin: fc.boolean(),
    usage: fc.constantFrom(0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7),
    others: fc.subarray([0x04, 0x40, 0x80, 0x400, 0x800, 0x0008_0000], { maxLength: 2 }),
  })
  .map(
    ({ fixed, origin, usage, others }) =>
      (fixed |
        (origin ? TPMA_OBJECT.sensitiveDataOrigin : 0) |
        (usage << 16) |
        others.reduce((all, bit) => all | bit, 0)) >>>
      0,
  );

const parametersAndUnique = fc.oneof(
  fc
    .tuple(
      symmetric,
      fc.oneof(
        noScheme,
        hashAlg.map((hash) => words(TPM_ALG.ECDSA, hash)),
        hashAlg.map((hash) => words(TPM_ALG.ECDH, hash)),
        hashAlg.map((hash) => words(TPM_ALG.ECDAA, hash, 7)),
      ),
      fc.constantFrom(TPM_ECC.NIST_P256, TPM_ECC.NIST_P384, TPM_ECC.NIST_P521),
      fc.constantFrom(words(NULL), words(NULL), words(NULL), words(TPM_ALG.MGF1, TPM_ALG.SHA1)),
      fc.uint8Array({ maxLength: 66 }),
    )
    .map(([cipher, scheme, curve, kdf, x]) => ({
      type: TPM_ALG.ECC as number,
      rest: joined(cipher, scheme, words(curve), kdf, sized(x), sized(x)),
    })),
  fc
    .tuple(
      fc.oneof(
        noScheme,
        hashAlg.map((hash) => words(TPM_ALG.HMAC, hash)),
        fc.tuple(hashAlg, fc.constantFrom(...kdfs)).map(([hash, kdf]) => {
          return words(TPM_ALG.XOR, hash, kdf);
        }),
      ),
      fc.uint8Array({ maxLength: 64 }),
    )
    .map(([scheme, unique]) => ({
      type: TPM_ALG.KEYEDHASH as number,
      rest: joined(scheme, sized(unique)),
    })),
  fc
    .tuple(
      symmetric,
      fc.oneof(
        noScheme,
        hashAlg.map((hash) => words(TPM_ALG.RSASSA, hash)),
        hashAlg.map((hash) => words(TPM_ALG.OAEP, hash)),
        fc.constant(words(TPM_ALG.RSAES)),
      ),
      fc.constantFrom(0, 0, 65_537, 65_539, 3),
      fc.uint8Array({ maxLength: 200 }),
    )
    .map(([cipher, scheme, exponent, unique]) => ({
      type: TPM_ALG.RSA as number,
      rest: joined(cipher, scheme, words(1024), uint32(exponent), sized(unique)),
    })),
  fc.tuple(aes, fc.uint8Array({ maxLength: 64 })).map(([[bits, cipherMode], unique]) => ({
    type: TPM_ALG.SYMCIPHER as number,
    rest: joined(words(TPM_ALG.AES, bits, cipherMode), sized(unique)),
  })),
);

/** Templates of all kinds, right and wrong ones. */
export const template: fc.Arbitrary<Uint8Array> = fc
  .record({
    body: parametersAndUnique,
    nameAlg: hashAlg,
    objectAttributes,
    policy: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 20, 32, 64),
  })
  .map(({ body, nameAlg, objectAttributes: bits, policy }) =>
    joined(
      words(body.type, nameAlg),
      uint32(bits),
      sized(new Uint8Array(policy).fill(1)),
      body.rest,
    ),
  );
