import fc from 'fast-check';
import { toBytes } from '../src/crypto/big-integer.js';
import { ellipticCurve } from '../src/crypto/ecc.js';
import { hashAlgorithm } from '../src/crypto/hash.js';
import { uniqueOfSecret } from '../src/crypto/primary-creation.js';
import { TPM_ALG } from '../src/structures/algorithm-ids.js';
import { RSA_1024 } from './key-pairs.js';
import { uint32 } from './owned-objects.js';
import { joined, sized, words } from './wire-bytes.js';

const NULL = TPM_ALG.NULL;
const EMPTY = new Uint8Array(0);

const hashAlg = fc.constantFrom(TPM_ALG.SHA1, TPM_ALG.SHA256, TPM_ALG.SHA384, TPM_ALG.SHA512);
const nameAlg = fc.oneof(
  { weight: 5, arbitrary: hashAlg },
  { weight: 1, arbitrary: fc.constant(NULL) },
);
const attributes = fc
  .record({
    fixed: fc.constantFrom(0, 0, 0, 0, 0, 0, 0x12, 0x10, 0x02),
    usage: fc.constantFrom(0, 1, 2, 2, 3, 4, 4, 4, 5, 6, 6, 7),
    others: fc.subarray([0x04, 0x20, 0x40, 0x80, 0x400, 0x800, 0x0008_0000], { maxLength: 2 }),
  })
  .map(
    ({ fixed, usage, others }) =>
      (fixed | (usage << 16) | others.reduce((all, bit) => all | bit, 0)) >>> 0,
  );
const symmetric = fc.oneof(
  { weight: 3, arbitrary: fc.constant(words(NULL)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(128, 256).map((bits) => words(TPM_ALG.AES, bits, TPM_ALG.CFB)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(TPM_ALG.CTR, NULL).map((mode) => words(TPM_ALG.AES, 128, mode)),
  },
);
/** Authorization values, also long ones. */
export const authValue: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constant(EMPTY),
  fc.uint8Array({ maxLength: 64 }),
);
const seedValue = fc.oneof(
  fc.constant(EMPTY),
  fc.constantFrom(20, 32, 48, 64).map((length) => new Uint8Array(length).fill(3)),
  fc.uint8Array({ maxLength: 64 }),
);

/** An object's two areas. */
export interface Areas {
  readonly area: Uint8Array;
  readonly type: number;
  readonly secret: Uint8Array;
  readonly seed: Uint8Array;
}

function publicArea(
  type: number,
  name: number,
  bits: number,
  policy: number,
  rest: Uint8Array,
): Uint8Array {
  return joined(words(type, name), uint32(bits), sized(new Uint8Array(policy).fill(1)), rest);
}

const head = fc.record({
  name: nameAlg,
  bits: attributes,
  policy: fc.constantFrom(0, 0, 0, 0, 0, 20, 32),
});

const ecc: fc.Arbitrary<Areas> = fc
  .record({
    head,
    symmetric,
    scheme: fc.oneof(
      fc.constant(words(NULL)),
      hashAlg.map((hash) => words(TPM_ALG.ECDSA, hash)),
      hashAlg.map((hash) => words(TPM_ALG.ECDH, hash)),
    ),
    curve: fc.constantFrom(3, 4, 5),
    kdf: fc.constantFrom(words(NULL), words(NULL), words(NULL), words(TPM_ALG.MGF1, TPM_ALG.SHA1)),
    secret: fc.uint8Array({ minLength: 66, maxLength: 66 }),
    seed: seedValue,
    defect: fc.constantFrom(
      'none',
      'none',
      'none',
      'none',
      'none',
      'x',
      'y',
      'short',
      'secret',
      'short secret',
      'zero',
    ),
  })
  .map((one) => {
    const curve = ellipticCurve(one.curve)!;
    const scalar = curve.randomScalar({
      fill: (target) => target.set(one.secret.subarray(0, target.length - 8)),
    });
    const point = curve.multiply(scalar);
    const x = toBytes(point.x, curve.size);
    const y = toBytes(point.y, curve.size);
    let secret: Uint8Array = toBytes(scalar, curve.size);
    if (one.defect === 'x') x[3]! ^= 1;
    if (one.defect === 'y') y.fill(0xff);
    if (one.defect === 'secret') secret[5]! ^= 1;
    if (one.defect === 'short secret') secret = secret.subarray(1);
    if (one.defect === 'zero') secret = new Uint8Array(curve.size);
    const unique = joined(sized(one.defect === 'short' ? x.subarray(1) : x), sized(y));
    const rest = joined(one.symmetric, one.scheme, words(one.curve), one.kdf, unique);
    const { name, bits, policy } = one.head;
    return { area: publicArea(0x23, name, bits, policy, rest), type: 0x23, secret, seed: one.seed };
  });

const rsa: fc.Arbitrary<Areas> = fc
  .record({
    head,
    symmetric,
    scheme: fc.oneof(
      fc.constant(words(NULL)),
      hashAlg.map((hash) => words(TPM_ALG.RSASSA, hash)),
      hashAlg.map((hash) => words(TPM_ALG.OAEP, hash)),
      fc.constant(words(TPM_ALG.RSAES)),
    ),
    exponent: fc.constantFrom(0, 0, 0, 0, 65_537, 65_539, 3, 2, 65_541, 1),
    keyBits: fc.constantFrom(1024, 1024, 1024, 1024, 2048),
    seed: seedValue,
    defect: fc.constantFrom(
      'none',
      'none',
      'none',
      'none',
      'modulus',
      'even',
      'top',
      'short',
      'secret',
      'short secret',
      'long secret',
    ),
  })
  .map((one) => {
    let modulus: Uint8Array = RSA_1024.modulus.slice();
    let secret: Uint8Array = RSA_1024.prime.slice();
    if (one.defect === 'modulus') modulus[3]! ^= 1;
    if (one.defect === 'even') modulus[127]! ^= 1;
    if (one.defect === 'top') modulus[0]! &= 0x7f;
    if (one.defect === 'short') modulus = modulus.subarray(1);
    if (one.defect === 'secret') secret[3]! ^= 1;
    if (one.defect === 'short secret') secret = secret.subarray(1);
    if (one.defect === 'long secret') secret = joined(secret, secret, secret, secret, secret);
    const rest = joined(
      one.symmetric,
      one.scheme,
      words(one.keyBits),
      uint32(one.exponent),
      sized(modulus),
    );
    const { name, bits, policy } = one.head;
    return { area: publicArea(1, name, bits, policy, rest), type: 1, secret, seed: one.seed };
  });

function uniqueFor(
  name: number,
  bits: number,
  seed: Uint8Array,
  secret: Uint8Array,
  defect: string,
): Uint8Array {
  const hash = hashAlgorithm(name);
  if (defect === 'empty' || hash === undefined) return EMPTY;
  const unique = uniqueOfSecret(hash, seed, secret, (bits & 0x0007_0000) === 0x0003_0000);
  if (defect === 'wrong') unique[0]! ^= 1;
  return defect === 'short'
    ? unique.subarray(1)
    : defect === 'long'
      ? joined(unique, unique).subarray(0, 64)
      : unique;
}

const uniqueDefect = fc.constantFrom(
  'none',
  'none',
  'none',
  'none',
  'none',
  'wrong',
  'empty',
  'short',
  'long',
);

const keyedHash: fc.Arbitrary<Areas> = fc
  .record({
    head,
    scheme: fc.oneof(
      fc.constant(words(NULL)),
      hashAlg.map((hash) => words(TPM_ALG.HMAC, hash)),
      hashAlg.map((hash) => words(TPM_ALG.XOR, hash, TPM_ALG.KDF1_SP800_108)),
    ),
    secret: fc.uint8Array({ maxLength: 128, size: 'max' }),
    seed: seedValue,
    defect: uniqueDefect,
  })
  .map((one) => {
    const { name, bits, policy } = one.head;
    const unique = uniqueFor(name, bits, one.seed, one.secret, one.defect);
    return {
      area: publicArea(8, name, bits, policy, joined(one.scheme, sized(unique))),
      type: 8,
      secret: one.secret,
      seed: one.seed,
    };
  });

const symcipher: fc.Arbitrary<Areas> = fc
  .record({
    head,
    keyBits: fc.constantFrom(128, 256),
    mode: fc.constantFrom(TPM_ALG.CFB, TPM_ALG.CTR, NULL),
    secret: fc.oneof(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 32 }),
    ),
    seed: seedValue,
    defect: uniqueDefect,
  })
  .map((one) => {
    const { name, bits, policy } = one.head;
    const unique = uniqueFor(name, bits, one.seed, one.secret, one.defect);
    const rest = joined(words(TPM_ALG.AES, one.keyBits, one.mode), sized(unique));
    return {
      area: publicArea(0x25, name, bits, policy, rest),
      type: 0x25,
      secret: one.secret,
      seed: one.seed,
    };
  });

/** Objects of all kinds, right and wrong ones. */
export const areas: fc.Arbitrary<Areas> = fc.oneof(ecc, rsa, keyedHash, symcipher);
