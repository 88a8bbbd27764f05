import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { freshTpm } from '../../test/fresh-tpm.js';
import { type KeyOptions, loadedKey } from '../../test/loaded-key.js';
import { HIERARCHY, startup } from '../../test/owned-objects.js';
import { hashTicket, startHashSequence } from '../sequences.js';
import { TPM_ALG } from '../structures/algorithm-ids.js';
import { NO_SCHEME, type Scheme } from '../structures/algorithms.js';
import type { Signature } from '../structures/signatures.js';
import type { Ticket } from '../structures/tickets.js';
import type { Tpm } from '../tpm.js';
import { sign, verifySignature } from './signing-commands.js';

const NOTHING = new Uint8Array(0);
const MESSAGE = utf8ToBytes('abcd');
const DIGEST = sha256(MESSAGE);
const NULL_TICKET: Ticket = { tag: 0x8024, hierarchy: HIERARCHY.null, digest: NOTHING };
const { SHA1, SHA256, SHA512, RSASSA, RSAPSS, ECDSA, ECDAA, ECSCHNORR, HMAC } = TPM_ALG;

function startedTpm(): Tpm {
  const tpm = freshTpm();
  tpm.initialize();
  startup(tpm);
  return tpm;
}

function scheme(id: number, hashAlg: number = SHA256): Scheme {
  return { ...NO_SCHEME, scheme: id, hashAlg };
}

type Kind = Parameters<typeof loadedKey>[1];

/** Signs with a new key. @returns the signature, or the response code */
function signed(
  type: Kind,
  options: KeyOptions,
  inScheme: Scheme = NO_SCHEME,
  digest: Uint8Array = DIGEST,
  validation: Ticket = NULL_TICKET,
): Signature | number {
  const tpm = startedTpm();
  const result = sign(tpm, {
    keyHandle: loadedKey(tpm, type, options),
    digest,
    inScheme,
    validation,
  });
  return typeof result === 'number' ? result : result.signature;
}

describe('sign()', () => {
  it.each([
    ['rsa', RSASSA, SHA256],
    ['rsa', RSAPSS, SHA256],
    ['rsa', RSASSA, SHA512],
    ['rsa', RSAPSS, SHA512],
    ['ecc', ECDSA, SHA256],
    ['ecc', ECDSA, SHA512],
    ['ecc', ECSCHNORR, SHA1],
  ] as const)(
    'sign() with %s and scheme %d, hash %d, is accepted by verifySignature()',
    (type, id, hash) => {
      const tpm = startedTpm();
      const keyHandle = loadedKey(tpm, type);
      const digest = new Uint8Array({ [SHA1]: 20, [SHA256]: 32, [SHA512]: 64 }[hash]).fill(7);
      const inScheme = scheme(id, hash);
      const result = sign(tpm, { keyHandle, digest, inScheme, validation: NULL_TICKET });
      if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
      expect(result.signature).toMatchObject({ sigAlg: id, hash });
      const { signature } = result;
      expect(verifySignature(tpm, { keyHandle, digest, signature })).toMatchObject({
        validation: { tag: 0x8022, hierarchy: HIERARCHY.null, digest: NOTHING },
      });
      const other = digest.with(3, 0);
      expect(verifySignature(tpm, { keyHandle, digest: other, signature })).toBe(0x2db);
    },
  );

  it('sign() with an HMAC key needs no scheme and makes the HMAC of the digest', () => {
    const tpm = startedTpm();
    const keyHandle = loadedKey(tpm, 'hmac', { scheme: scheme(HMAC) });
    const input = { keyHandle, digest: DIGEST };
    const result = sign(tpm, { ...input, inScheme: NO_SCHEME, validation: NULL_TICKET });
    expect(result).toMatchObject({ signature: { sigAlg: HMAC, hmac: { hashAlg: SHA256 } } });
    const { signature } = result as { readonly signature: Signature };
    expect(verifySignature(tpm, { ...input, signature })).not.toBeTypeOf('number');
    expect(verifySignature(tpm, { keyHandle, digest: MESSAGE, signature })).toBe(0x2db);
  });

  const own = { scheme: scheme(ECDSA) };
  it.each([
    ['no scheme in key and command', 'ecc', {}, NO_SCHEME, 0x2d2],
    ['a scheme of another type of key', 'ecc', {}, scheme(RSASSA), 0x2d2],
    ['ECC schemes with an RSA key', 'rsa', {}, scheme(ECDSA), 0x2d2],
    ["another scheme than the key's", 'ecc', own, scheme(ECSCHNORR), 0x2d2],
    ["another hash than the key's", 'ecc', own, scheme(ECDSA, SHA1), 0x2d2],
    ['ECDAA left to the key', 'ecc', { scheme: scheme(ECDAA) }, NO_SCHEME, 0x2d2],
    ['ECDAA without TPM2_Commit', 'ecc', {}, scheme(ECDAA), 0x084],
    ['a key that decrypts', 'ecc', { attributes: ['decrypt'] }, scheme(ECDSA), 0x19c],
    ['a cipher key', 'aes', { attributes: ['sign', 'decrypt'] }, NO_SCHEME, 0x19c],
    ['a certificate key', 'ecc', { attributes: ['sign', 'x509sign'] }, scheme(ECDSA), 0x182],
  ] as const)('sign() refuses %s as libtpms does', (_what, type, options, inScheme, code) => {
    expect(signed(type, options, inScheme)).toBe(code);
  });

  it('sign() looks at key, scheme, ticket and size of the digest in this order', () => {
    const bad = { ...NULL_TICKET, digest: new Uint8Array(64) };
    const short = DIGEST.subarray(1);
    expect(signed('ecc', { attributes: [] }, NO_SCHEME, short, bad)).toBe(0x19c);
    expect(signed('ecc', {}, NO_SCHEME, short, bad)).toBe(0x2d2);
    expect(signed('ecc', {}, scheme(ECDSA), short, bad)).toBe(0x3e0);
    expect(signed('ecc', {}, scheme(ECDSA), short)).toBe(0x1d5);
  });

  it('sign() refuses a sequence with TPM_RC_KEY', () => {
    const tpm = startedTpm();
    startHashSequence(tpm, NOTHING, SHA256);
    const rest = { digest: DIGEST, inScheme: scheme(ECDSA), validation: NULL_TICKET };
    expect(sign(tpm, { keyHandle: 0x8000_0000, ...rest })).toBe(0x19c);
  });

  it('sign() with a restricted key wants the ticket of that digest and hash', () => {
    const tpm = startedTpm();
    const options = { attributes: ['sign', 'restricted'], scheme: scheme(ECDSA) } as const;
    const keyHandle = loadedKey(tpm, 'ecc', options);
    const withTicket = (validation: Ticket, digest = DIGEST): unknown =>
      sign(tpm, { keyHandle, digest, inScheme: NO_SCHEME, validation });
    const ticket = hashTicket(tpm, HIERARCHY.owner, SHA256, MESSAGE, DIGEST);
    expect(withTicket(ticket)).toMatchObject({ signature: { sigAlg: ECDSA } });
    expect(withTicket(ticket, DIGEST.with(0, 0))).toBe(0x3e0);
    expect(withTicket({ ...ticket, hierarchy: HIERARCHY.endorsement })).toBe(0x3e0);
    expect(withTicket({ ...ticket, digest: ticket.digest.subarray(1) })).toBe(0x3e0);
    expect(withTicket(hashTicket(tpm, HIERARCHY.owner, SHA1, MESSAGE, DIGEST))).toBe(0x3e0);
    expect(withTicket(NULL_TICKET)).toBe(0x3e0);
    expect(withTicket(hashTicket(tpm, HIERARCHY.null, SHA256, MESSAGE, DIGEST))).toBe(0x3e0);
  });
});

describe('verifySignature()', () => {
  const ecdsa: Signature = {
    sigAlg: ECDSA,
    hash: SHA256,
    signatureR: new Uint8Array(32).fill(1),
    signatureS: new Uint8Array(32).fill(2),
  };
  const rsa = (size: number): Signature => ({
    sigAlg: RSASSA,
    hash: SHA256,
    sig: new Uint8Array(size).fill(1),
  });
  const hmac: Signature = { sigAlg: HMAC, hmac: { hashAlg: SHA256, digest: DIGEST } };

  it.each([
    ['a key that does not sign', 'ecc', { attributes: ['decrypt'] }, ecdsa, 0x182],
    ['an RSA signature with an ECC key', 'ecc', {}, rsa(128), 0x2d2],
    ['an ECC signature with an RSA key', 'rsa', {}, ecdsa, 0x2d2],
    ['ECDAA', 'ecc', {}, { ...ecdsa, sigAlg: ECDAA }, 0x2d2],
    ['an HMAC with a cipher key', 'aes', {}, hmac, 0x2d2],
    ['an HMAC key without its secret', 'hmac', { isPublic: true }, hmac, 0x2cb],
    ['a wrong HMAC', 'hmac', {}, hmac, 0x2db],
    ['an RSA signature that is too short', 'rsa', {}, rsa(127), 0x2db],
    ['an empty RSA signature', 'rsa', {}, rsa(0), 0x2db],
    ['zeros', 'ecc', {}, { ...ecdsa, signatureR: NOTHING, signatureS: NOTHING }, 0x2db],
  ] as const)('verifySignature() refuses %s as libtpms does', (_what, type, options, one, code) => {
    const tpm = startedTpm();
    const keyHandle = loadedKey(tpm, type, options as KeyOptions);
    expect(verifySignature(tpm, { keyHandle, digest: DIGEST, signature: one as Signature })).toBe(
      code,
    );
  });

  it('verifySignature() finds no signature by a nameless key whose point is not on the curve', () => {
    const tpm = startedTpm();
    const point = { x: new Uint8Array(32).fill(1), y: NOTHING };
    const keyHandle = loadedKey(tpm, 'ecc', { nameAlg: TPM_ALG.NULL, point, isPublic: true });
    for (const sigAlg of [ECDSA, ECSCHNORR] as const) {
      const signature = { ...ecdsa, sigAlg } as Signature;
      expect(verifySignature(tpm, { keyHandle, digest: DIGEST, signature })).toBe(0x2db);
    }
  });

  it('verifySignature() gives a ticket for keys of a hierarchy that have a Name', () => {
    const tpm = startedTpm();
    const keyHandle = loadedKey(tpm, 'ecc');
    const rest = { digest: DIGEST, inScheme: scheme(ECDSA), validation: NULL_TICKET };
    const { signature } = sign(tpm, { keyHandle, ...rest }) as { readonly signature: Signature };
    const validation = (options: KeyOptions): Ticket => {
      const handle = loadedKey(tpm, 'ecc', { isPublic: true, ...options });
      const result = verifySignature(tpm, { keyHandle: handle, digest: DIGEST, signature });
      tpm.state.volatile.slots[handle - 0x8000_0000] = undefined;
      if (typeof result === 'number') throw new Error(`Refused with 0x${result.toString(16)}`);
      return result.validation;
    };
    const owner = validation({ hierarchy: HIERARCHY.owner });
    expect(owner).toMatchObject({ tag: 0x8022, hierarchy: HIERARCHY.owner });
    expect(owner.digest).toHaveLength(64);
    expect(validation({ hierarchy: HIERARCHY.endorsement }).digest).not.toEqual(owner.digest);
    const nameless = validation({ hierarchy: HIERARCHY.owner, nameAlg: TPM_ALG.NULL });
    expect(nameless).toMatchObject({ hierarchy: HIERARCHY.null, digest: NOTHING });
    // The key's own scheme is not asked for.
    expect(validation({ scheme: scheme(ECSCHNORR) }).digest).toHaveLength(0);
  });
});
