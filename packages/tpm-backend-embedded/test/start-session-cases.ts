import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, WireWriter } from 'tpm-core';
import { LOCKOUT } from './session-cases.js';
import { type Entity, password, type SessionClient } from './session-client.js';
import { clientHash, sized } from './session-cryptography.js';
import { makeSalt, type SaltKey } from './session-salt.js';
import { createStorageKey } from './storage-key.js';

// StartAuthSession with what it refuses and what it doesn't, for any TPM.

const EMPTY = new Uint8Array(0);
const NULL: Entity = { handle: 0x4000_0007 };
const GARBAGE = Uint8Array.of(1, 2, 3);
const NO_SYMMETRIC = Uint8Array.of(0, 0x10);
const AES_CBC = Uint8Array.of(0, 6, 0, 128, 0, 0x42);

interface StartFields {
  readonly tpmKey?: Entity;
  readonly bind?: Entity;
  readonly nonce?: Uint8Array;
  readonly salt?: Uint8Array;
  readonly type?: number;
  readonly symmetric?: Uint8Array;
  readonly hashAlg?: number;
}

async function start(client: SessionClient, fields: StartFields): Promise<number> {
  const { tpmKey = NULL, bind = NULL, nonce = new Uint8Array(16), salt = EMPTY } = fields;
  const { type = 0, symmetric = NO_SYMMETRIC, hashAlg = 0x000b } = fields;
  const rest = Uint8Array.of(0, hashAlg);
  const reply = await client.call({
    code: TPM_CC.StartAuthSession,
    handles: [tpmKey, bind],
    parameters: concatBytes(sized(nonce), sized(salt), Uint8Array.of(type), symmetric, rest),
    responseHandle: true,
  });
  if (reply.code === 0) await client.flush(reply);
  return reply.code;
}

/** What {@link START_CASES} work with. */
export interface StartBench {
  readonly client: SessionClient;
  readonly keys: { readonly ecc: SaltKey; readonly rsa: SaltKey };
}

type StartCase = (bench: StartBench) => Promise<number>;

function plain(fields: StartFields): StartCase {
  return ({ client }) => start(client, fields);
}

function salted(kind: 'ecc' | 'rsa', salt: Uint8Array, more: StartFields = {}): StartCase {
  return ({ client, keys }) => start(client, { tpmKey: keys[kind], salt, ...more });
}

/** The right secret for the ECC key, changed. */
function point(change: (secret: Uint8Array) => Uint8Array): StartCase {
  return ({ client, keys: { ecc } }) =>
    start(client, { tpmKey: ecc, salt: change(makeSalt(ecc).secret) });
}

/** With a primary of the null hierarchy that is made from a template and flushed afterwards. */
function withPrimary(template: Uint8Array, data: Uint8Array, salt: Uint8Array): StartCase {
  return async ({ client }) => {
    const { code, handle, parameters } = await client.call({
      code: TPM_CC.CreatePrimary,
      handles: [NULL],
      sessions: [password(NULL)],
      parameters: concatBytes(
        sized(concatBytes(sized(EMPTY), sized(data))),
        sized(template),
        new Uint8Array(6),
      ),
      responseHandle: true,
    });
    if (code !== 0) throw new Error(`CreatePrimary was refused with 0x${code.toString(16)}`);
    const publicArea = parameters.slice(2, 2 + ((parameters[0]! << 8) | parameters[1]!));
    const name = concatBytes(Uint8Array.of(0, 0x0b), clientHash(0x000b)(publicArea));
    const result = await start(client, { tpmKey: { handle, name }, salt });
    await client.flush({ handle });
    return result;
  };
}

/** With a hash sequence that is flushed afterwards. */
function withSequence(role: 'tpmKey' | 'bind', salt: Uint8Array): StartCase {
  return async ({ client }) => {
    const { handle } = await startSequence(client, Uint8Array.of(0x61));
    const result = await start(client, { [role]: { handle, name: EMPTY }, salt });
    await client.flush({ handle });
    return result;
  };
}

async function startSequence(client: SessionClient, authValue: Uint8Array): Promise<Entity> {
  const parameters = concatBytes(sized(authValue), Uint8Array.of(0, 0x0b));
  const code = TPM_CC.HashSequenceStart;
  const { handle } = await client.call({ code, parameters, responseHandle: true });
  return { handle, name: EMPTY, authValue };
}

const SIGNING_ECC = new WireWriter()
  .uint16(0x0023)
  .uint16(0x000b)
  .uint32(0x0004_0472)
  .uint16(0)
  .uint16(0x0010)
  .uint16(0x0010)
  .uint16(0x0003)
  .uint16(0x0010)
  .uint32(0)
  .finish();
const SEALED = new WireWriter()
  .uint16(0x0008)
  .uint16(0x000b)
  .uint32(0x0000_0452)
  .uint16(0)
  .uint16(0x0010)
  .uint16(0)
  .finish();

/** StartAuthSession with its response code. */
export const START_CASES: readonly (readonly [string, number, StartCase])[] = [
  ['a key without a salt', 0x2c4, salted('ecc', EMPTY)],
  ['a salt that is no point', 0x2c4, salted('ecc', GARBAGE)],
  ['a point off the curve', 0x2c4, point((secret) => secret.with(10, secret[10]! ^ 1))],
  ['a point with a byte behind it', 0, point((secret) => concatBytes(secret, Uint8Array.of(0)))],
  ['a point that is cut', 0x2c4, point((secret) => secret.slice(0, -1))],
  ['an empty point', 0x2c4, salted('ecc', new Uint8Array(4))],
  [
    'a coordinate that is too long',
    0x2c4,
    salted('ecc', Uint8Array.of(0, 100, ...new Uint8Array(102))),
  ],
  ['an RSA key without a salt', 0x2c4, salted('rsa', EMPTY)],
  ['an RSA salt that is short', 0x2c4, salted('rsa', GARBAGE)],
  ['an RSA salt that is no OAEP', 0x2c4, salted('rsa', new Uint8Array(256).fill(1))],
  ['an RSA salt above the modulus', 0x2c4, salted('rsa', new Uint8Array(256).fill(255))],
  ['a salt longer than every secret', 0x2d5, salted('rsa', new Uint8Array(400))],
  ['a salt without a key', 0x2c4, plain({ salt: GARBAGE })],
  ['a nonce of 15 bytes', 0x1d5, plain({ nonce: new Uint8Array(15) })],
  ['no nonce and a wrong salt', 0x1d5, salted('ecc', GARBAGE, { nonce: EMPTY })],
  ['no nonce and CBC', 0x1d5, plain({ nonce: EMPTY, symmetric: AES_CBC })],
  ['a nonce as long as SHA-1', 0, plain({ nonce: new Uint8Array(20), hashAlg: 4 })],
  ['a nonce longer than SHA-1', 0x1d5, plain({ nonce: new Uint8Array(21), hashAlg: 4 })],
  ['a nonce as long as SHA-512', 0, plain({ nonce: new Uint8Array(64), hashAlg: 13 })],
  ['a nonce longer than SHA-512', 0x1d5, plain({ nonce: new Uint8Array(65), hashAlg: 13 })],
  ['AES-CBC', 0x4c9, plain({ symmetric: AES_CBC })],
  ['AES-CBC and a salt without a key', 0x2c4, plain({ symmetric: AES_CBC, salt: GARBAGE })],
  ['AES-CBC and a wrong salt', 0x2c4, salted('ecc', GARBAGE, { symmetric: AES_CBC })],
  ['AES without a mode', 0x4c9, plain({ symmetric: Uint8Array.of(0, 6, 0, 128, 0, 0x10) })],
  ['XOR without a hash', 0x4c3, plain({ symmetric: Uint8Array.of(0, 0x0a, 0, 0x10) })],
  ['XOR with SHA-256', 0, plain({ symmetric: Uint8Array.of(0, 0x0a, 0, 0x0b) })],
  ['an unknown symmetric algorithm', 0x4d6, plain({ symmetric: Uint8Array.of(0, 0x0b, 0, 0x0b) })],
  ['an unknown type', 0x3c4, plain({ type: 2 })],
  ['a trial session', 0, plain({ type: 3 })],
  ['a binding to a PCR', 0, plain({ bind: { handle: 3 } })],
  ['a binding to PCR 24', 0x284, plain({ bind: { handle: 24 } })],
  ['a binding to lockout', 0, plain({ bind: LOCKOUT })],
  ['a binding to the password session', 0x284, plain({ bind: { handle: 0x4000_0009 } })],
  ['a binding to a session', 0x284, plain({ bind: { handle: 0x0200_0000 } })],
  ['a binding beyond the slots', 0x284, plain({ bind: { handle: 0x8000_0009 } })],
  ['a binding to an empty slot', 0x911, plain({ bind: { handle: 0x8000_0002 } })],
  ['a binding to no persistent object', 0x28b, plain({ bind: { handle: 0x8100_0009 } })],
  ['a key beyond the slots', 0x184, plain({ tpmKey: { handle: 0x8000_0009 } })],
  ['a key in an empty slot', 0x910, plain({ tpmKey: { handle: 0x8000_0002 } })],
  ['a key that is not persistent', 0x18b, plain({ tpmKey: { handle: 0x8100_0009 } })],
  [
    'a key beyond the slots and a binding to nothing',
    0x184,
    plain({ tpmKey: { handle: 0x8000_0009 }, bind: { handle: 0x8100_0009 } }),
  ],
  [
    'an empty slot and a binding to PCR 24',
    0x284,
    plain({ tpmKey: { handle: 0x8000_0002 }, bind: { handle: 24 } }),
  ],
  ['a key that signs', 0x182, withPrimary(SIGNING_ECC, EMPTY, GARBAGE)],
  ['sealed data as key', 0x19c, withPrimary(SEALED, GARBAGE, GARBAGE)],
  ['a sequence as key', 0x19c, withSequence('tpmKey', GARBAGE)],
  ['a binding to a sequence', 0, withSequence('bind', EMPTY)],
];

/**
 * Sequences have an authValue, no Name, and are gone when the response to SequenceComplete is made.
 *
 * @returns response codes: wrong password, wrong HMAC, update and completion by HMAC session
 */
export async function useSequence(client: SessionClient): Promise<number[]> {
  const sequence = await startSequence(client, Uint8Array.of(0x61, 0x62));
  const session = await client.startAuthSession({ bind: sequence });
  const other = await client.startAuthSession();
  const update = { code: TPM_CC.SequenceUpdate, handles: [sequence], parameters: sized(GARBAGE) };
  const complete = concatBytes(sized(EMPTY), Uint8Array.of(0x40, 0, 0, 7));
  const calls = [
    { ...update, sessions: [password(sequence, GARBAGE)] },
    { ...update, sessions: [{ session, authorizes: sequence, hmac: GARBAGE }] },
    { ...update, sessions: [{ session, authorizes: sequence }] },
    {
      code: TPM_CC.SequenceComplete,
      handles: [sequence],
      parameters: complete,
      sessions: [{ session: other, authorizes: sequence }],
    },
  ];
  const codes: number[] = [];
  for (const call of calls) codes.push((await client.call(call)).code);
  await client.flush(session);
  await client.flush(other);
  return codes;
}

/** @returns the keys that {@link START_CASES} want, in slots 0 and 1 */
export async function startBench(client: SessionClient): Promise<StartBench> {
  const ecc = await createStorageKey(client, 'ecc');
  return { client, keys: { ecc, rsa: await createStorageKey(client, 'rsa', { nameAlg: 0x000c }) } };
}
