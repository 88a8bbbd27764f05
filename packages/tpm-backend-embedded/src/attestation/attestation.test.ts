import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { toHex } from '@tpmdev/testing/scripted-backend';
import { readUint32, TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { freshTpm, ManualClock } from '../../test/fresh-tpm.js';
import { loadedKey } from '../../test/loaded-key.js';
import { extend } from '../../test/measurement-commands.js';
import { HIERARCHY, powerCycle, startSession, startup } from '../../test/owned-objects.js';
import { commandBytes } from '../../test/password-command.js';
import { transplantedTpm } from '../../test/transplant.js';
import { timeInfo } from '../clock.js';
import { findObject } from '../entity.js';
import { hierarchyNames, recordCreation } from '../objects/creation-data.js';
import { startHashSequence } from '../sequences.js';
import { findSession } from '../sessions/session-table.js';
import { verifySignature } from '../signing/signing-commands.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../structures/algorithms.js';
import {
  TPMS_ATTEST_HEAD,
  TPMS_CERTIFY_INFO,
  TPMS_CREATION_INFO,
  TPMS_QUOTE_INFO,
  TPMS_SESSION_AUDIT_INFO,
  TPMS_TIME_ATTEST_INFO,
} from '../structures/attest.js';
import { type PublicArea, TPM2B_PUBLIC } from '../structures/public-area.js';
import { marshalled, Unmarshaller, type WireType } from '../structures/wire-type.js';
import type { Tpm } from '../tpm.js';
import {
  certify,
  certifyCreation,
  getSessionAuditDigest,
  getTime,
  quote,
} from './attestation-commands.js';

const NOTHING = new Uint8Array(0);
const NONCE = utf8ToBytes('nonce');
const ECDSA: Scheme = { ...NO_SCHEME, scheme: TPM_ALG.ECDSA, hashAlg: TPM_ALG.SHA256 };
const RSASSA: Scheme = { ...ECDSA, scheme: TPM_ALG.RSASSA };
const PCRS = [{ hash: TPM_ALG.SHA256, pcrSelect: Uint8Array.of(0x80, 0, 0) }];

function startedTpm(): Tpm {
  const tpm = freshTpm();
  tpm.initialize();
  startup(tpm);
  return tpm;
}

/** @returns head and attested structure */
function parsed<T>(bytes: Uint8Array, type: WireType<T>) {
  const reader = new Unmarshaller(bytes);
  const head = TPMS_ATTEST_HEAD.unmarshal(reader);
  const attested = type.unmarshal(reader);
  expect([reader.failure, reader.remaining]).toEqual([0, 0]);
  return { head, attested };
}

function done<T extends object>(result: T | number): T {
  if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
  return result;
}

function quoted(tpm: Tpm, signHandle: number, inScheme: Scheme = ECDSA) {
  return done(quote(tpm, { signHandle, qualifyingData: NONCE, inScheme, PCRselect: PCRS }));
}

describe('quote()', () => {
  it('quote() names signer, nonce and PCR, and its signature is of the bytes it gives', () => {
    const tpm = startedTpm();
    extend(tpm, 7);
    const signHandle = loadedKey(tpm, 'ecc', { hierarchy: HIERARCHY.endorsement });
    const result = quoted(tpm, signHandle);
    const { head, attested } = parsed(result.quoted, TPMS_QUOTE_INFO);
    expect(head).toMatchObject({
      magic: 0xff544347,
      type: 0x8018,
      qualifiedSigner: findObject(tpm, signHandle)!.qualifiedName,
      extraData: NONCE,
    });
    const value = sha256(new Uint8Array([...new Uint8Array(32), ...new Uint8Array(32).fill(7)]));
    expect(attested).toEqual({ pcrSelect: PCRS, pcrDigest: sha256(value) });
    const input = { keyHandle: signHandle, digest: sha256(result.quoted) };
    expect(verifySignature(tpm, { ...input, signature: result.signature })).toBeTypeOf('object');
  });

  it('quote() leaves PCR out that are not in use', () => {
    const tpm = freshTpm({ pcrBanks: [TPM_ALG.SHA256] });
    tpm.initialize();
    startup(tpm);
    const all = Uint8Array.of(0xff, 0xff, 0xff);
    const PCRselect = [{ hash: TPM_ALG.SHA1, pcrSelect: all }];
    const input = { signHandle: loadedKey(tpm, 'ecc'), qualifyingData: NONCE, inScheme: ECDSA };
    const { quoted: bytes } = done(quote(tpm, { ...input, PCRselect }));
    expect(parsed(bytes, TPMS_QUOTE_INFO).attested).toEqual({
      pcrSelect: [{ hash: TPM_ALG.SHA1, pcrSelect: new Uint8Array(3) }],
      pcrDigest: sha256(NOTHING),
    });
  });

  it('quote() refuses to go without a key, and keys and schemes as TPM2_Sign does', () => {
    const tpm = startedTpm();
    const code = (signHandle: number, inScheme: Scheme): unknown =>
      quote(tpm, { signHandle, qualifyingData: NONCE, inScheme, PCRselect: [] });
    expect(code(HIERARCHY.null, NO_SCHEME)).toBe(0x2d2);
    expect(code(HIERARCHY.null, ECDSA)).toBe(0x2d2);
    const key = loadedKey(tpm, 'ecc');
    expect(code(key, NO_SCHEME)).toBe(0x2d2);
    expect(code(key, RSASSA)).toBe(0x2d2);
    expect(code(loadedKey(tpm, 'ecc', { attributes: ['decrypt'] }), ECDSA)).toBe(0x19c);
    startHashSequence(tpm, NOTHING, TPM_ALG.SHA256);
    expect(code(0x8000_0002, ECDSA)).toBe(0x19c);
  });
});

describe('attest()', () => {
  it('attest() shows counters and version in clear to endorsement and platform keys only', () => {
    const tpm = startedTpm();
    powerCycle(tpm);
    powerCycle(tpm, 'restart');
    const clear = { resetCount: tpm.state.permanent.resetCount, restartCount: 1 };
    const shown = [HIERARCHY.endorsement, HIERARCHY.platform, HIERARCHY.owner].map((hierarchy) => {
      const { head } = parsed(
        quoted(tpm, loadedKey(tpm, 'ecc', { hierarchy })).quoted,
        TPMS_QUOTE_INFO,
      );
      return head;
    });
    expect(shown[0]).toMatchObject({ clockInfo: clear, firmwareVersion: 0x1_0000_0000n });
    expect(shown[1]).toMatchObject({ clockInfo: clear, firmwareVersion: 0x1_0000_0000n });
    expect(shown[2]!.clockInfo.resetCount).not.toBe(clear.resetCount);
    expect(shown[2]!.clockInfo.restartCount).not.toBe(clear.restartCount);
    expect(shown[2]!.firmwareVersion).not.toBe(0x1_0000_0000n);
    expect(shown[2]!.clockInfo.clock).toBe(shown[0]!.clockInfo.clock);
  });

  it('attest() shifts by the same amounts for a key, by others for other keys and seeds', () => {
    const tpm = startedTpm();
    const shift = (of: Tpm, type: 'ecc' | 'rsa'): bigint => {
      const key = loadedKey(of, type);
      const { quoted: bytes } = quoted(of, key, type === 'ecc' ? ECDSA : RSASSA);
      of.state.volatile.slots[key - 0x8000_0000] = undefined;
      return parsed(bytes, TPMS_QUOTE_INFO).head.firmwareVersion;
    };
    const first = shift(tpm, 'ecc');
    expect(shift(tpm, 'ecc')).toBe(first);
    expect(shift(tpm, 'rsa')).not.toBe(first);
    const other = startedTpm();
    other.state.permanent.storageProof = new Uint8Array(64).fill(1);
    expect(shift(other, 'ecc')).not.toBe(first);
  });
});

describe('attestations with the state of a recorded TPM', () => {
  const FIRMWARE = { firmwareVersion: [0x2019_1023, 0x0016_3636] } as const;
  const SIGNER: PublicArea = {
    type: TPM_ALG.ECC,
    nameAlg: TPM_ALG.SHA256,
    objectAttributes: 0x0005_0072,
    authPolicy: NOTHING,
    parameters: {
      symmetric: { algorithm: TPM_ALG.NULL, keyBits: 0, mode: TPM_ALG.NULL },
      scheme: ECDSA,
      curveID: 3,
      kdf: NO_SCHEME,
    },
    unique: { x: NOTHING, y: NOTHING },
  };
  const Q = utf8ToBytes('q');

  /** Makes the key that the recorded TPM made. @returns its handle */
  function createSigner(tpm: Tpm, hierarchy: number): number {
    const area = marshalled(TPM2B_PUBLIC, SIGNER);
    const parameters = Uint8Array.of(0, 4, 0, 0, 0, 0, ...area, 0, 0, 0, 0, 0, 0);
    const code = TPM_CC.CreatePrimary;
    const passwords = [NOTHING];
    const command = commandBytes({ code, handles: [hierarchy], passwords, parameters });
    return readUint32(tpm.execute(command, 0), 10);
  }

  /** Blanks the clock out, before resetCount. */
  function withoutClock(hex: string, resetCount: string): string {
    const at = hex.indexOf(resetCount);
    return `${hex.slice(0, at - 16)}${hex.slice(at)}`;
  }

  it('quote(), certify() give what libtpms gave but for the clock', () => {
    const tpm = transplantedTpm();
    Object.assign(tpm.identity, FIRMWARE);
    tpm.initialize();
    startup(tpm);
    const endorsement = createSigner(tpm, HIERARCHY.endorsement);
    const owner = createSigner(tpm, HIERARCHY.owner);
    const input = { qualifyingData: Q, inScheme: NO_SCHEME };
    const PCRselect = [{ hash: TPM_ALG.SHA256, pcrSelect: Uint8Array.of(1, 0, 0) }];
    const { quoted: bytes } = done(quote(tpm, { ...input, signHandle: owner, PCRselect }));
    expect(withoutClock(toHex(bytes), '77d456f0')).toBe(
      'ff54434780180022000bdad76a089317a3272e8e49f85569ed544ad70d93aa5348212d7abb325424b4ce000171' +
        '77d456f00bbd54320151c73d07286a498e00000001000b03010000' +
        '002066687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925',
    );
    const names =
      '0022000b1628ec369c6861066598d102cfa341cee45d03750169bbcf7de71c31acc38af2' +
      '0022000b2cc25d09c8522afd52d4ef1159f68215193c50cfe6d75ed4aff6669f36ec4c17';
    const unsigned = { ...input, objectHandle: endorsement, signHandle: HIERARCHY.null };
    const { certifyInfo } = done(certify(tpm, unsigned));
    expect(withoutClock(toHex(certifyInfo), '717db2ed')).toBe(
      `ff5443478017000440000007000171717db2ed9c2b852a01c5412d96dde8af91${names}`,
    );
    const signed = { ...input, objectHandle: owner, signHandle: endorsement };
    expect(withoutClock(toHex(done(certify(tpm, signed)).certifyInfo), '0000000200000000')).toBe(
      'ff54434780170022000b2cc25d09c8522afd52d4ef1159f68215193c50cfe6d75ed4aff6669f36ec4c17000171' +
        '0000000200000000012019102300163636' +
        '0022000bfa2f906f2b3cfa8b8860083f702d003e5f10d9be1235b043ed21e56496ca1935' +
        '0022000bdad76a089317a3272e8e49f85569ed544ad70d93aa5348212d7abb325424b4ce',
    );
  });
});

describe('certify()', () => {
  it('certify() names the object and its ancestors', () => {
    const tpm = startedTpm();
    const objectHandle = loadedKey(tpm, 'aes');
    const signHandle = loadedKey(tpm, 'ecc', { hierarchy: HIERARCHY.endorsement });
    const input = { objectHandle, signHandle, qualifyingData: NONCE, inScheme: ECDSA };
    const { head, attested } = parsed(done(certify(tpm, input)).certifyInfo, TPMS_CERTIFY_INFO);
    const { name, qualifiedName } = findObject(tpm, objectHandle)!;
    expect(head.type).toBe(0x8017);
    expect(attested).toEqual({ name, qualifiedName });
  });

  it('certify() without a key has no signature and the null handle as signer, whatever the scheme', () => {
    const tpm = startedTpm();
    const objectHandle = loadedKey(tpm, 'ecc');
    const input = { objectHandle, signHandle: HIERARCHY.null, qualifyingData: NONCE };
    for (const inScheme of [NO_SCHEME, RSASSA]) {
      const { certifyInfo, signature } = done(certify(tpm, { ...input, inScheme }));
      expect(signature).toEqual({ sigAlg: TPM_ALG.NULL });
      const { head } = parsed(certifyInfo, TPMS_CERTIFY_INFO);
      expect(head.qualifiedSigner).toEqual(Uint8Array.of(0x40, 0, 0, 7));
    }
  });

  it('certify() gives a sequence empty names, as libtpms does', () => {
    const tpm = startedTpm();
    startHashSequence(tpm, NOTHING, TPM_ALG.SHA256);
    const input = { objectHandle: 0x8000_0000, signHandle: HIERARCHY.null };
    const rest = { qualifyingData: NOTHING, inScheme: NO_SCHEME };
    const { certifyInfo } = done(certify(tpm, { ...input, ...rest }));
    const { attested } = parsed(certifyInfo, TPMS_CERTIFY_INFO);
    expect(attested).toEqual({ name: NOTHING, qualifiedName: NOTHING });
  });

  it('certify() refuses a key that does not sign on handle 2, its scheme on parameter 2', () => {
    const tpm = startedTpm();
    const objectHandle = loadedKey(tpm, 'ecc', { attributes: ['decrypt'] });
    const input = { objectHandle, qualifyingData: NONCE, inScheme: RSASSA };
    expect(certify(tpm, { ...input, signHandle: objectHandle })).toBe(0x29c);
    expect(certify(tpm, { ...input, signHandle: loadedKey(tpm, 'ecc') })).toBe(0x2d2);
  });
});

describe('getTime()', () => {
  it('getTime() attests time, counters and version in clear, whoever signs', () => {
    const clock = new ManualClock();
    const tpm = freshTpm({ clock });
    tpm.initialize();
    startup(tpm);
    clock.advance(1234);
    tpm.execute(commandBytes({ code: TPM_CC.ReadClock }), 0);
    const expected = { time: timeInfo(tpm), firmwareVersion: 0x1_0000_0000n };
    expect(expected.time.time).toBe(1234n);
    for (const signHandle of [HIERARCHY.null, loadedKey(tpm, 'ecc')]) {
      const input = { signHandle, qualifyingData: NONCE, inScheme: ECDSA };
      const { head, attested } = parsed(done(getTime(tpm, input)).timeInfo, TPMS_TIME_ATTEST_INFO);
      expect(head.type).toBe(0x8019);
      expect(head.firmwareVersion).not.toBe(expected.firmwareVersion);
      expect(attested).toEqual(expected);
    }
  });

  it('getTime() refuses keys on handle 2, schemes on parameter 2', () => {
    const tpm = startedTpm();
    const input = { qualifyingData: NONCE, inScheme: RSASSA };
    const decrypting = loadedKey(tpm, 'ecc', { attributes: ['decrypt'] });
    expect(getTime(tpm, { ...input, signHandle: decrypting })).toBe(0x29c);
    expect(getTime(tpm, { ...input, signHandle: loadedKey(tpm, 'ecc') })).toBe(0x2d2);
  });
});

describe('getSessionAuditDigest()', () => {
  it('getSessionAuditDigest() attests the digest, and whether the session is exclusive', () => {
    const tpm = startedTpm();
    const sessionHandle = startSession(tpm);
    const input = { sessionHandle, signHandle: HIERARCHY.null, qualifyingData: NONCE };
    const code = () => getSessionAuditDigest(tpm, { ...input, inScheme: NO_SCHEME });
    expect(code()).toBe(0x38a);
    const sessionDigest = new Uint8Array(32).fill(9);
    findSession(tpm, sessionHandle)!.auditDigest = sessionDigest;
    for (const exclusiveSession of [0, 1]) {
      tpm.state.volatile.exclusiveAuditSession = exclusiveSession * sessionHandle;
      const { head, attested } = parsed(done(code()).auditInfo, TPMS_SESSION_AUDIT_INFO);
      expect(head.type).toBe(0x8016);
      expect(attested).toEqual({ exclusiveSession, sessionDigest });
    }
  });

  it('getSessionAuditDigest() looks at the key and its scheme before the session', () => {
    const tpm = startedTpm();
    const input = { sessionHandle: startSession(tpm), qualifyingData: NONCE, inScheme: RSASSA };
    const decrypting = loadedKey(tpm, 'ecc', { attributes: ['decrypt'] });
    expect(getSessionAuditDigest(tpm, { ...input, signHandle: decrypting })).toBe(0x29c);
    const signing = loadedKey(tpm, 'ecc');
    expect(getSessionAuditDigest(tpm, { ...input, signHandle: signing })).toBe(0x2d2);
  });
});

describe('certifyCreation()', () => {
  function created(tpm: Tpm, hierarchy: number) {
    const objectHandle = loadedKey(tpm, 'ecc', { hierarchy });
    const object = findObject(tpm, objectHandle)!;
    const record = recordCreation(tpm, object, hierarchyNames(hierarchy), NOTHING, []);
    const { creationHash, creationTicket } = record;
    return { objectHandle, creationHash, creationTicket, qualifyingData: NONCE, inScheme: ECDSA };
  }

  it.each([
    ['owner', HIERARCHY.owner],
    ['null', HIERARCHY.null],
  ])('certifyCreation() takes the ticket of the %s hierarchy', (_name, hierarchy) => {
    const tpm = startedTpm();
    const input = created(tpm, hierarchy);
    const signHandle = input.objectHandle;
    const { certifyInfo } = done(certifyCreation(tpm, { ...input, signHandle }));
    const { head, attested } = parsed(certifyInfo, TPMS_CREATION_INFO);
    expect(head.type).toBe(0x801a);
    const objectName = findObject(tpm, signHandle)!.name;
    expect(attested).toEqual({ objectName, creationHash: input.creationHash });
  });

  it('certifyCreation() refuses another hash, object, hierarchy or ticket, after key and scheme', () => {
    const tpm = startedTpm();
    const input = { ...created(tpm, HIERARCHY.owner), signHandle: HIERARCHY.null };
    const { creationTicket, creationHash } = input;
    const code = (change: object): unknown => certifyCreation(tpm, { ...input, ...change });
    expect(code({})).toBeTypeOf('object');
    expect(code({ creationHash: creationHash.with(0, creationHash[0]! ^ 1) })).toBe(0x4e0);
    expect(code({ objectHandle: loadedKey(tpm, 'rsa') })).toBe(0x4e0);
    const other = { ...creationTicket, hierarchy: HIERARCHY.endorsement };
    expect(code({ creationTicket: other })).toBe(0x4e0);
    const empty = { ...creationTicket, digest: NOTHING };
    expect(code({ creationTicket: empty })).toBe(0x4e0);
    const signHandle = input.objectHandle;
    expect(code({ creationTicket: empty, signHandle, inScheme: RSASSA })).toBe(0x3d2);
    const cipher = loadedKey(tpm, 'aes');
    expect(code({ creationTicket: empty, signHandle: cipher, inScheme: RSASSA })).toBe(0x19c);
  });
});
