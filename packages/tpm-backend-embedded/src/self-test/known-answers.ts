import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { RandomSource } from 'tpm-core';
import { type EccPoint, ellipticCurve } from '../crypto/ecc.js';
import { ecdsaSign, ecdsaVerify, ecSchnorrSign, ecSchnorrVerify } from '../crypto/ecc-schemes.js';
import { type HashAlgorithm, hashAlgorithm } from '../crypto/hash.js';
import { kdfa, kdfe } from '../crypto/kdf.js';
import { type RsaPrivateKey, rsaPrivateKey } from '../crypto/rsa.js';
import {
  oaepDecrypt,
  oaepEncrypt,
  rsaesDecrypt,
  rsaesEncrypt,
  rsapssSign,
  rsapssVerify,
  rsassaSign,
  rsassaVerify,
} from '../crypto/rsa-schemes.js';
import { aesDecrypt, aesEncrypt } from '../crypto/symmetric.js';
import { TPM_ALG, TPM_ECC } from '../structures/algorithm-ids.js';

/** A test of algorithms with a known answer. */
export interface KnownAnswerTest {
  /** What the test covers. */
  readonly algorithms: readonly number[];
  /** @returns whether the answer is the known one */
  passes(random: RandomSource): boolean;
}

const MESSAGE = utf8ToBytes('abc');
const EMPTY = new Uint8Array(0);

/** FIPS 180-4: digests of "abc". */
const DIGESTS: readonly (readonly [hash: number, digest: string])[] = [
  [TPM_ALG.SHA1, 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  [TPM_ALG.SHA256, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    TPM_ALG.SHA384,
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed' +
      '8086072ba1e7cc2358baeca134c825a7',
  ],
  [
    TPM_ALG.SHA512,
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
];

/** SP 800-38A, annex F, AES-128: first block of each mode. */
const AES = {
  key: '2b7e151628aed2a6abf7158809cf4f3c',
  iv: '000102030405060708090a0b0c0d0e0f',
  counter: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  plain: '6bc1bee22e409f96e93d7e117393172a',
} as const;
const CIPHER_BLOCKS: readonly (readonly [mode: number, iv: string, cipher: string])[] = [
  [TPM_ALG.CTR, AES.counter, '874d6191b620e3261bef6864990db6ce'],
  [TPM_ALG.OFB, AES.iv, '3b3fd92eb72dad20333449f8e83cfb4a'],
  [TPM_ALG.CBC, AES.iv, '7649abac8119b246cee98e9b12e9197d'],
  [TPM_ALG.CFB, AES.iv, '3b3fd92eb72dad20333449f8e83cfb4a'],
  [TPM_ALG.ECB, '', '3ad77bb40d7a3660a89ecaf32466ef97'],
];

/** A key made for this test, and what OpenSSL signed with it (RSASSA, SHA-256, "abc"). */
const RSA = {
  p:
    'df0dcbbe8b14f3b54d5740200fe7ea7d1c4fcf468298ce0820c681c31a08478c' +
    '250f507bd12ba0a265fd23728bc4a249511688c2695dbbe0eadd5527250591ff',
  q:
    'd1d688db042a91a22762b73acfbb02a3ccfcc0cd7452d40c71bc818ae18161c8' +
    '220d40cd71d29317acd1350d15599c33ea31e78b71f0f625ddd644e3999290bf',
  signature:
    '44b2385f4bb9a6b23c74d813ee1b9ed1abe6f5c2132207884be8da2797e4b2f6' +
    'c7cad88ada05746a8dd112f1a916e683f2816414df20ff35a28fab78bb6d4c44' +
    '505820d3f98515b3594cb627c399833fc9fc8da3e993401926d851d876cdc82b' +
    'ebc14e03673c8778dbed3f411f75495299e9b945fbb8635cbafda43836ee0864',
} as const;

/** RFC 6979, A.2.5: key and signature of "sample" on P-256 with SHA-256. */
const ECC = {
  key: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
  x: '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6',
  y: '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
  r: 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
  s: 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  message: 'sample',
} as const;

/** The tests, each of less than a few milliseconds but for the elliptic curves. */
export const KNOWN_ANSWER_TESTS: readonly KnownAnswerTest[] = [
  ...DIGESTS.map(([hash, digest]) => ({
    algorithms: [hash],
    passes: () => bytesToHex(hashOf(hash).digest(MESSAGE)) === digest,
  })),
  { algorithms: [TPM_ALG.HMAC], passes: hmacPasses },
  ...CIPHER_BLOCKS.map(([mode, iv, cipher]) => ({
    algorithms: [TPM_ALG.AES, mode],
    passes: () => cipherPasses(mode, iv, cipher),
  })),
  { algorithms: [TPM_ALG.KDF1_SP800_108, TPM_ALG.KDF1_SP800_56A], passes: derivationPasses },
  { algorithms: [TPM_ALG.RSA, TPM_ALG.RSASSA, TPM_ALG.RSAPSS], passes: rsaSignaturePasses },
  { algorithms: [TPM_ALG.RSAES, TPM_ALG.OAEP, TPM_ALG.MGF1], passes: rsaEncryptionPasses },
  { algorithms: [TPM_ALG.ECC, TPM_ALG.ECDH, TPM_ALG.ECDSA, TPM_ALG.ECSCHNORR], passes: eccPasses },
];

function hashOf(id: number): HashAlgorithm {
  return hashAlgorithm(id)!;
}

function number(hex: string): bigint {
  return BigInt(`0x${hex}`);
}

/** HMAC-SHA-256 over "abc" under the bytes 00 to 0f, computed with Python's hmac. */
function hmacPasses(): boolean {
  return (
    bytesToHex(hashOf(TPM_ALG.SHA256).hmac(hexToBytes(AES.iv), MESSAGE)) ===
    'd601cc177559b0248459787f7e804ed7f27689b5995c59b661802d9682fdf8d2'
  );
}

function cipherPasses(mode: number, iv: string, cipher: string): boolean {
  const [key, vector] = [hexToBytes(AES.key), hexToBytes(iv)];
  const encrypted = aesEncrypt(mode, key, vector, hexToBytes(AES.plain)).data;
  const decrypted = aesDecrypt(mode, key, vector, encrypted).data;
  return bytesToHex(encrypted) === cipher && bytesToHex(decrypted) === AES.plain;
}

/** KDFa and KDFe with SHA-256, computed with Python's hmac and hashlib. */
function derivationPasses(): boolean {
  const hash = hashOf(TPM_ALG.SHA256);
  const [u, v] = [utf8ToBytes('U'), utf8ToBytes('V')];
  return (
    bytesToHex(kdfa(hash, hexToBytes(AES.iv), 'TEST', u, v, 128)) ===
      '560671a41dd9e1d8a2ffa9d53167fb70' &&
    bytesToHex(kdfe(hash, utf8ToBytes('ZZZZ'), 'TEST', u, v, 128)) ===
      'f9f34024e937ff6b2c1b999675186c5e'
  );
}

function rsaKey(): RsaPrivateKey {
  return rsaPrivateKey(number(RSA.p), number(RSA.q), 65_537n)!;
}

function rsaSignaturePasses(random: RandomSource): boolean {
  const key = rsaKey();
  const hash = hashOf(TPM_ALG.SHA256);
  const digest = hash.digest(MESSAGE);
  const signature = rsassaSign(key, hash, digest)!;
  const pss = rsapssSign(key, hash, digest, random)!;
  return (
    bytesToHex(signature) === RSA.signature &&
    rsassaVerify(key, hash, digest, signature) &&
    rsapssVerify(key, hash, digest, pss)
  );
}

function rsaEncryptionPasses(random: RandomSource): boolean {
  const key = rsaKey();
  const hash = hashOf(TPM_ALG.SHA256);
  const oaep = oaepDecrypt(key, hash, EMPTY, oaepEncrypt(key, hash, EMPTY, MESSAGE, random)!);
  const rsaes = rsaesDecrypt(key, rsaesEncrypt(key, MESSAGE, random)!);
  const expected = bytesToHex(MESSAGE);
  return [oaep, rsaes].every((plain) => plain !== undefined && bytesToHex(plain) === expected);
}

function eccPasses(random: RandomSource): boolean {
  const curve = ellipticCurve(TPM_ECC.NIST_P256)!;
  const hash = hashOf(TPM_ALG.SHA256);
  const digest = hash.digest(utf8ToBytes(ECC.message));
  const key = number(ECC.key);
  const known: EccPoint = { x: number(ECC.x), y: number(ECC.y) };
  const point = curve.multiply(key);
  return (
    point.x === known.x &&
    point.y === known.y &&
    ecdsaVerify(curve, known, digest, { r: number(ECC.r), s: number(ECC.s) }) &&
    ecdsaVerify(curve, known, digest, ecdsaSign(curve, key, digest, random)) &&
    ecSchnorrVerify(curve, known, hash, digest, ecSchnorrSign(curve, key, hash, digest, random))
  );
}
