import { hmac as hmacOf } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { fixtureJson } from '@tpmdev/testing/fixture';
import { toHex } from '@tpmdev/testing/scripted-backend';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { P256 } from '../../test/key-pairs.js';
import { type KeyOptions, loadedKey, SECRET } from '../../test/loaded-key.js';
import { startup } from '../../test/owned-objects.js';
import { completeSequence, startHashSequence, updateSequence } from '../sequences.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../structures/algorithms.js';
import { TPM_RH } from '../structures/handles.js';
import type { Tpm } from '../tpm.js';
import { curveDetail, ecdhKeyGen, ecdhZGen } from './ecdh-primitives.js';
import { rsaDecrypt, rsaEncrypt } from './rsa-primitives.js';
import { encryptDecrypt, hmac, hmacStart } from './symmetric-primitives.js';

const NOTHING = new Uint8Array(0);
const { NULL, SHA1, SHA256, SHA512, OAEP, RSAES, CBC, CFB, CTR, ECB, OFB } = TPM_ALG;
const MESSAGE = utf8ToBytes('message');
const LABEL = Uint8Array.of(0x61, 0);

function startedTpm(): Tpm {
  const tpm = freshTpm();
  tpm.initialize();
  startup(tpm);
  return tpm;
}

function scheme(id: number, hashAlg: number = NULL): Scheme {
  return { ...NO_SCHEME, scheme: id, hashAlg };
}

function done<T extends object>(result: T | number): T {
  if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
  return result;
}

describe('rsaEncrypt() and rsaDecrypt()', () => {
  const DECRYPT: KeyOptions = { attributes: ['decrypt'] };

  it.each([
    ['OAEP', scheme(OAEP, SHA256), LABEL],
    ['OAEP without label', scheme(OAEP, SHA1), NOTHING],
    ['RSAES', scheme(RSAES), NOTHING],
  ])('rsaDecrypt() undoes rsaEncrypt() with %s, in key or command', (_name, inScheme, label) => {
    const tpm = startedTpm();
    const open = loadedKey(tpm, 'rsa', DECRYPT);
    const fixed = loadedKey(tpm, 'rsa', { ...DECRYPT, scheme: inScheme });
    for (const [one, other] of [
      [open, fixed],
      [fixed, open],
    ] as const) {
      const choice = (handle: number): Scheme => (handle === open ? inScheme : NO_SCHEME);
      const encrypted = { keyHandle: one, inScheme: choice(one), label, message: MESSAGE };
      const { outData } = done(rsaEncrypt(tpm, encrypted));
      expect(outData).toHaveLength(128);
      const decrypted = { keyHandle: other, inScheme: choice(other), label, cipherText: outData };
      expect(done(rsaDecrypt(tpm, decrypted)).message).toEqual(MESSAGE);
      const damaged = { ...decrypted, cipherText: outData.with(9, outData[9]! ^ 1) };
      expect(rsaDecrypt(tpm, damaged)).toBe(0x084);
    }
  });

  it('rsaDecrypt() refuses the label of another message with TPM_RC_VALUE', () => {
    const tpm = startedTpm();
    const key = { keyHandle: loadedKey(tpm, 'rsa', DECRYPT), inScheme: scheme(OAEP, SHA1) };
    const { outData } = done(rsaEncrypt(tpm, { ...key, label: LABEL, message: MESSAGE }));
    expect(rsaDecrypt(tpm, { ...key, label: NOTHING, cipherText: outData })).toBe(0x084);
  });

  it('rsaEncrypt() without scheme is the plain operation, which rsaDecrypt() undoes', () => {
    const tpm = startedTpm();
    const rest = {
      keyHandle: loadedKey(tpm, 'rsa', DECRYPT),
      inScheme: NO_SCHEME,
      label: NOTHING,
    };
    const number = new Uint8Array(128).fill(5, 100);
    const { outData } = done(rsaEncrypt(tpm, { ...rest, message: number.subarray(100) }));
    expect(done(rsaDecrypt(tpm, { ...rest, cipherText: outData })).message).toEqual(number);
    const zeros = done(rsaEncrypt(tpm, { ...rest, message: NOTHING })).outData;
    expect(zeros).toEqual(new Uint8Array(128));
    const great = new Uint8Array(128).fill(0xff);
    expect(rsaEncrypt(tpm, { ...rest, message: great })).toBe(0x084);
    expect(rsaDecrypt(tpm, { ...rest, cipherText: great })).toBe(0x084);
  });

  it('rsaEncrypt() refuses a message that leaves no room for the padding with TPM_RC_VALUE', () => {
    const tpm = startedTpm();
    const keyHandle = loadedKey(tpm, 'rsa', DECRYPT);
    const code = (inScheme: Scheme, size: number): unknown =>
      rsaEncrypt(tpm, { keyHandle, inScheme, label: NOTHING, message: new Uint8Array(size) });
    expect(code(scheme(RSAES), 117)).toBeTypeOf('object');
    expect(code(scheme(RSAES), 118)).toBe(0x084);
    expect(code(scheme(OAEP, SHA256), 62)).toBeTypeOf('object');
    expect(code(scheme(OAEP, SHA256), 63)).toBe(0x084);
    expect(code(scheme(OAEP, SHA512), 0)).toBe(0x084);
  });

  it('rsaDecrypt() looks at type, attributes, label, scheme and size in this order', () => {
    const tpm = startedTpm();
    const code = (type: 'rsa' | 'ecc', options: KeyOptions, label: string, inScheme: Scheme) => {
      const keyHandle = loadedKey(tpm, type, options);
      const input = { keyHandle, inScheme, label: utf8ToBytes(label), cipherText: NOTHING };
      const result = rsaDecrypt(tpm, input);
      tpm.state.volatile.slots[keyHandle - 0x8000_0000] = undefined;
      return result;
    };
    const fixed: KeyOptions = { ...DECRYPT, scheme: scheme(RSAES) };
    const wrong = scheme(OAEP, SHA1);
    expect(code('ecc', { attributes: ['sign'] }, 'a', wrong)).toBe(0x19c);
    expect(code('rsa', { attributes: ['sign'] }, 'a', wrong)).toBe(0x182);
    expect(code('rsa', { attributes: ['decrypt', 'restricted'] }, 'a', wrong)).toBe(0x182);
    expect(code('rsa', fixed, 'a', wrong)).toBe(0x3c4);
    expect(code('rsa', fixed, 'a\0', wrong)).toBe(0x2d2);
    expect(code('rsa', fixed, 'a\0', NO_SCHEME)).toBe(0x095);
  });

  it('rsaEncrypt() works with a storage key, whose private part rsaDecrypt() does not use', () => {
    const tpm = startedTpm();
    const keyHandle = loadedKey(tpm, 'rsa', { attributes: ['decrypt', 'restricted'] });
    const input = { keyHandle, inScheme: NO_SCHEME, label: NOTHING };
    expect(rsaEncrypt(tpm, { ...input, message: MESSAGE })).toBeTypeOf('object');
    expect(rsaDecrypt(tpm, { ...input, cipherText: new Uint8Array(128) })).toBe(0x182);
  });
});

describe('ecdhZGen() and ecdhKeyGen()', () => {
  it('ecdhZGen() finds the point that ecdhKeyGen() made', () => {
    const tpm = startedTpm();
    const key = loadedKey(tpm, 'ecc', { attributes: ['decrypt'] });
    const { zPoint, pubPoint } = done(ecdhKeyGen(tpm, key));
    expect(done(ecdhZGen(tpm, key, pubPoint)).outPoint).toEqual(zPoint);
    expect(done(ecdhKeyGen(tpm, key)).pubPoint).not.toEqual(pubPoint);
  });

  it('ecdhZGen() refuses other keys, schemes and points, in this order', () => {
    const tpm = startedTpm();
    const off = { x: P256.x, y: P256.x };
    const code = (type: 'rsa' | 'ecc', options: KeyOptions): unknown => {
      const key = loadedKey(tpm, type, options);
      const result = ecdhZGen(tpm, key, off);
      tpm.state.volatile.slots[key - 0x8000_0000] = undefined;
      return result;
    };
    const ecdsa = scheme(TPM_ALG.ECDSA, SHA256);
    expect(code('rsa', { attributes: ['decrypt'] })).toBe(0x19c);
    expect(code('ecc', { attributes: ['sign'], scheme: ecdsa })).toBe(0x182);
    expect(code('ecc', { attributes: ['decrypt', 'restricted'] })).toBe(0x182);
    expect(code('ecc', { attributes: ['decrypt'], scheme: ecdsa })).toBe(0x192);
    expect(code('ecc', { attributes: ['decrypt'] })).toBe(0x1e7);
    const key = loadedKey(tpm, 'ecc', { attributes: ['decrypt'] });
    expect(ecdhZGen(tpm, key, { x: NOTHING, y: NOTHING })).toBe(0x1e7);
    expect(ecdhKeyGen(tpm, loadedKey(tpm, 'rsa'))).toBe(0x19c);
    const nameless = loadedKey(tpm, 'ecc', { nameAlg: NULL, point: off });
    expect(ecdhKeyGen(tpm, nameless)).toBe(0x19c);
  });
});

interface Capabilities {
  readonly eccCurves: readonly ({ readonly id: number; readonly keySize: number } & Readonly<
    Record<'kdfHash' | 'p' | 'a' | 'b' | 'gX' | 'gY' | 'n' | 'h', string>
  >)[];
}
const { eccCurves } = await fixtureJson<Capabilities>(
  new URL('../../fixtures/capabilities.json.gz', import.meta.url),
);

describe('curveDetail()', () => {
  it.each([3, 4, 5])('curveDetail() of curve %d is what libtpms shows', (id) => {
    const { kdf, sign, p, a, b, gX, gY, n, h, ...rest } = curveDetail(id);
    const recorded = eccCurves.find((curve) => curve.id === id)!;
    expect(rest).toEqual({ curveID: id, keySize: recorded.keySize });
    expect([kdf.scheme, sign.scheme]).toEqual([TPM_ALG.KDF1_SP800_56A, NULL]);
    expect(kdf.hashAlg).toBe(TPM_ALG[recorded.kdfHash as 'SHA256' | 'SHA384' | 'SHA512']);
    for (const [name, bytes] of Object.entries({ p, a, b, gX, gY, n, h })) {
      expect([name, toHex(bytes)]).toEqual([name, recorded[name as 'p']]);
    }
  });
});

describe('encryptDecrypt()', () => {
  const BOTH: KeyOptions = { attributes: ['sign', 'decrypt'] };
  const NUMBERS = { mode: 3, ivIn: 4, inData: 1 };
  const IV = new Uint8Array(16).fill(3);

  function run(tpm: Tpm, keyHandle: number, decrypt: number, mode: number, data: Uint8Array) {
    const ivIn = mode === ECB ? NOTHING : IV;
    return encryptDecrypt(tpm, { keyHandle, decrypt, mode, ivIn, inData: data }, NUMBERS);
  }

  it.each([
    ['CTR', CTR],
    ['OFB', OFB],
    ['CBC', CBC],
    ['CFB', CFB],
    ['ECB', ECB],
  ])('encryptDecrypt() undoes itself in mode %s, and goes on with ivOut', (_name, mode) => {
    const tpm = startedTpm();
    const key = loadedKey(tpm, 'aes', BOTH);
    const data = Uint8Array.from({ length: 64 }, (_, index) => index);
    const whole = done(run(tpm, key, 0, mode, data)).outData;
    expect(done(run(tpm, key, 1, mode, whole)).outData).toEqual(data);
    const first = done(run(tpm, key, 0, mode, data.subarray(0, 32)));
    const input = { keyHandle: key, decrypt: 0, mode, inData: data.subarray(32) };
    const second = done(encryptDecrypt(tpm, { ...input, ivIn: first.ivOut }, NUMBERS));
    expect([...first.outData, ...second.outData]).toEqual([...whole]);
  });

  it('encryptDecrypt() takes the mode of the key, which the caller may repeat only', () => {
    const tpm = startedTpm();
    const key = loadedKey(tpm, 'aes', { ...BOTH, mode: CTR });
    const { outData } = done(run(tpm, key, 0, NULL, MESSAGE));
    expect(done(run(tpm, key, 0, CTR, MESSAGE)).outData).toEqual(outData);
    expect(run(tpm, key, 0, CFB, MESSAGE)).toBe(0x3c9);
    expect(run(tpm, loadedKey(tpm, 'aes', BOTH), 0, NULL, MESSAGE)).toBe(0x3c9);
  });

  it('encryptDecrypt() refuses by key, attributes, mode, IV and size with the number in the command', () => {
    const tpm = startedTpm();
    const key = loadedKey(tpm, 'aes', { attributes: ['decrypt'] });
    const rest = { keyHandle: key, ivIn: MESSAGE, inData: MESSAGE };
    const code = (change: object, numbers = NUMBERS): unknown =>
      encryptDecrypt(tpm, { ...rest, decrypt: 1, mode: CBC, ...change }, numbers);
    expect(code({ keyHandle: loadedKey(tpm, 'hmac') })).toBe(0x19c);
    expect(code({ decrypt: 0, mode: NULL })).toBe(0x182);
    expect(code({ mode: NULL })).toBe(0x3c9);
    expect(code({})).toBe(0x4d5);
    expect(code({ mode: ECB })).toBe(0x4d5);
    expect(code({ ivIn: IV })).toBe(0x1d5);
    expect(code({ ivIn: IV }, { mode: 2, ivIn: 3, inData: 4 })).toBe(0x4d5);
    const restricted = loadedKey(tpm, 'aes', { attributes: ['decrypt', 'restricted'] });
    expect(code({ keyHandle: restricted })).toBe(0x182);
  });
});

describe('hmac() and hmacStart()', () => {
  it('hmac() is the HMAC by the key, and a sequence gives the same', () => {
    const tpm = startedTpm();
    const key = loadedKey(tpm, 'hmac', { scheme: scheme(TPM_ALG.HMAC, SHA256) });
    const expected = hmacOf(sha256, SECRET, MESSAGE);
    for (const hashAlg of [NULL, SHA256]) {
      expect(done(hmac(tpm, key, hashAlg, MESSAGE)).outHMAC).toEqual(expected);
      const { responseHandle } = done(hmacStart(tpm, key, NOTHING, hashAlg));
      updateSequence(tpm, responseHandle, MESSAGE.subarray(0, 3));
      const last = MESSAGE.subarray(3);
      const { result, validation } = done(
        completeSequence(tpm, responseHandle, last, TPM_RH.OWNER),
      );
      expect(result).toEqual(expected);
      expect(validation).toMatchObject({ hierarchy: TPM_RH.NULL, digest: NOTHING });
    }
  });

  it('hmacStart() refuses when no slot is free', () => {
    const tpm = startedTpm();
    const key = loadedKey(tpm, 'hmac', { scheme: scheme(TPM_ALG.HMAC, SHA256) });
    hmacStart(tpm, key, NOTHING, NULL);
    hmacStart(tpm, key, NOTHING, NULL);
    expect(hmacStart(tpm, key, NOTHING, NULL)).toBe(0x902);
  });

  const own = { scheme: scheme(TPM_ALG.HMAC, SHA256) };
  it.each([
    ["another hash than the key's", 'hmac', own, SHA1, 0x2c4],
    ['no hash in key and command', 'hmac', {}, NULL, 0x2c4],
    ['a restricted key', 'hmac', { ...own, attributes: ['sign', 'restricted'] }, NULL, 0x182],
    ['a key that does not sign', 'hmac', { attributes: ['decrypt'] }, SHA256, 0x19c],
    ['an ECC key', 'ecc', {}, SHA256, 0x18a],
    ['a cipher key without mode', 'aes', {}, NULL, 0x2c4],
    ['a cipher key without mode, given a hash', 'aes', {}, SHA256, 0x2d2],
    ['a cipher key with a mode', 'aes', { mode: CFB }, NULL, 0x2d2],
    ['a cipher key with a mode, given a hash', 'aes', { mode: CFB }, SHA256, 0x2c4],
  ] as const)(
    'hmac() and hmacStart() refuse %s as libtpms does',
    (_what, type, options, hash, code) => {
      const tpm = startedTpm();
      const key = loadedKey(tpm, type, options);
      expect(hmac(tpm, key, hash, MESSAGE)).toBe(code);
      expect(hmacStart(tpm, key, NOTHING, hash)).toBe(code);
    },
  );

  it('hmac() refuses a sequence with TPM_RC_TYPE', () => {
    const tpm = startedTpm();
    startHashSequence(tpm, NOTHING, SHA256);
    expect(hmac(tpm, 0x8000_0000, SHA256, MESSAGE)).toBe(0x18a);
  });
});
