import { toHex } from '@tpmdev/testing/scripted-backend';
import { readUint16, readUint32, TPM_CC, WireWriter } from 'tpm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TPM_ALG } from '../src/structures/algorithm-ids.js';
import type { Tpm } from '../src/tpm.js';
import { Dice } from './dice.js';
import { freshTpm } from './fresh-tpm.js';
import { type KeyOptions, type KeyType, loadCommand } from './loaded-key.js';
import { HIERARCHY, startup, uint32 } from './owned-objects.js';
import { commandBytes, NO_PASSWORD, responseCode } from './password-command.js';
import { SwtpmPeer } from './swtpm-peer.js';
import { transplantSeeds } from './transplanted-seeds.js';
import { joined, sized, words } from './wire-bytes.js';

const SEED = Number(process.env.TPMDEV_SEED ?? Date.now() & 0x7fff_ffff);
const { SHA1, SHA256, SHA384, SHA512, NULL } = TPM_ALG;
const HASHES = [SHA1, SHA256, SHA384, SHA512] as const;
const DIGEST_SIZE: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64 };
const NULL_TICKET = joined(words(0x8024), uint32(HIERARCHY.null), words(0));
const KEY = 0x8000_0000;
const NO_SESSIONS = 0x8001;

type Execute = (command: Uint8Array) => Promise<Uint8Array>;

/** A TPM and swtpm with the same seeds and proofs. */
class Twins {
  readonly ours: Execute;
  readonly theirs: Execute;

  constructor(tpm: Tpm, swtpm: SwtpmPeer) {
    this.ours = async (command) => tpm.execute(command, 0);
    this.theirs = (command) => swtpm.execute(command, 0);
  }

  /** Sends both the same. @returns the answers, which both have succeeded */
  async both(command: Uint8Array): Promise<readonly [Uint8Array, Uint8Array]> {
    const answers = [await this.ours(command), await this.theirs(command)] as const;
    expect(answers.map(responseCode)).toEqual([0, 0]);
    return answers;
  }

  /** Sends both the same. @returns the answer, which is the same too */
  async same(command: Uint8Array): Promise<Uint8Array> {
    const [one, other] = await this.both(command);
    expect(toHex(one)).toBe(toHex(other));
    return one;
  }

  /** Loads a key into the only slot in use. */
  async load(type: KeyType, options: KeyOptions): Promise<void> {
    await this.flush();
    await this.same(loadCommand(type, options));
  }

  /** Empties the slots. */
  async flush(): Promise<void> {
    for (const handle of [KEY, KEY + 1, KEY + 2]) {
      const command = commandBytes({ code: TPM_CC.FlushContext, parameters: uint32(handle) });
      await this.ours(command);
      await this.theirs(command);
    }
  }
}

function authorized(code: number, parameters: Uint8Array, ...handles: number[]): Uint8Array {
  const passwords = handles.map(() => NO_PASSWORD);
  return commandBytes({ code, handles, passwords, parameters });
}

function plain(code: number, parameters: Uint8Array, handle: number): Uint8Array {
  return commandBytes({ code, handles: [handle], parameters });
}

/** @returns the parameters of an answer */
function parametersOf(answer: Uint8Array): Uint8Array {
  if (readUint16(answer, 0) === NO_SESSIONS) return answer.subarray(10);
  return answer.subarray(14, 14 + readUint32(answer, 10));
}

/** @returns the TPM2B at an offset */
function sizedAt(bytes: Uint8Array, offset: number): Uint8Array {
  return bytes.slice(offset + 2, offset + 2 + readUint16(bytes, offset));
}

function signCommand(digest: Uint8Array, scheme: Uint8Array, ticket = NULL_TICKET): Uint8Array {
  return authorized(TPM_CC.Sign, joined(sized(digest), scheme, ticket), KEY);
}

function verifyCommand(digest: Uint8Array, signature: Uint8Array, key = KEY): Uint8Array {
  return plain(TPM_CC.VerifySignature, joined(sized(digest), signature), key);
}

let swtpm: SwtpmPeer;
let twins: Twins;
const dice = new Dice(SEED);

beforeAll(async () => {
  console.info(`signing.test.ts: TPMDEV_SEED=${SEED}`);
  swtpm = await SwtpmPeer.launch();
  await swtpm.init();
  const tpm = freshTpm({
    identity: { firmwareVersion: [0x2019_1023, 0x0016_3636] },
  });
  tpm.initialize();
  startup(tpm);
  await swtpm.execute(commandBytes({ code: TPM_CC.Startup, parameters: words(0) }), 0);
  const shutdown = commandBytes({ code: TPM_CC.Shutdown, parameters: words(0) });
  await swtpm.execute(shutdown, 0);
  transplantSeeds(tpm, await swtpm.readState());
  twins = new Twins(tpm, swtpm);
});

afterAll(() => swtpm?.close());

describe('signatures beside swtpm', () => {
  const schemes = [
    ['rsa', TPM_ALG.RSASSA],
    ['rsa', TPM_ALG.RSAPSS],
    ['ecc', TPM_ALG.ECDSA],
    ['ecc', TPM_ALG.ECSCHNORR],
    ['hmac', TPM_ALG.HMAC],
  ] as const;
  const all = schemes.flatMap(([type, scheme]) =>
    HASHES.map((hash) => [type, scheme, hash] as const),
  );

  it.each(all)(
    'Sign with %s, scheme %d, hash %d: each TPM verifies what the other signed',
    async (type, scheme, hash) => {
      const ofKey = type === 'hmac' || dice.once(2) ? { scheme: { scheme, hashAlg: hash } } : {};
      await twins.load(type, { ...ofKey, hierarchy: HIERARCHY.null });
      const digest = dice.bytes(DIGEST_SIZE[hash]!);
      const answers = await twins.both(signCommand(digest, words(scheme, hash)));
      if (scheme === TPM_ALG.RSASSA || scheme === TPM_ALG.HMAC) {
        expect(toHex(answers[0])).toBe(toHex(answers[1]));
      }
      const isPublic = type !== 'hmac';
      if (isPublic) await twins.load(type, { isPublic, hierarchy: HIERARCHY.owner });
      for (const signature of answers.map(parametersOf)) {
        await twins.same(verifyCommand(digest, signature));
        const changed = signature.with(-1, signature.at(-1)! ^ 1);
        for (const command of [
          verifyCommand(digest.with(0, digest[0]! ^ 1), signature),
          verifyCommand(digest, changed),
        ]) {
          const codes = [await twins.ours(command), await twins.theirs(command)].map(responseCode);
          expect(codes).toEqual([0x2db, 0x2db]);
        }
      }
    },
  );

  it('a restricted key signs by a ticket of the other TPM', async () => {
    await twins.flush();
    await createSigner(HIERARCHY.owner, 0x0005_0072);
    const data = joined(sized(dice.bytes(40)), words(SHA256), uint32(HIERARCHY.platform));
    const hashed = parametersOf(
      await twins.same(commandBytes({ code: TPM_CC.Hash, parameters: data })),
    );
    const digest = sizedAt(hashed, 0);
    await twins.both(signCommand(digest, words(NULL), hashed.subarray(34)));
  });
});

/** Makes the same primary ECDSA key in both. @returns the parameters of the answer */
async function createSigner(hierarchy: number, attributes: number): Promise<Uint8Array> {
  const area = joined(
    words(TPM_ALG.ECC, SHA256),
    uint32(attributes),
    words(0, NULL, TPM_ALG.ECDSA, SHA256, 3, NULL, 0, 0),
  );
  const parameters = joined(words(4, 0, 0), sized(area), words(0), uint32(0));
  const answer = await twins.same(authorized(TPM_CC.CreatePrimary, parameters, hierarchy));
  return answer.subarray(18);
}

describe('attestations beside swtpm', () => {
  /** Blanks the clock of an attestation out. */
  function withoutClock(attest: Uint8Array): string {
    const signerSize = readUint16(attest, 6);
    const clock = 8 + signerSize + 2 + readUint16(attest, 8 + signerSize);
    return toHex(attest.slice().fill(0, clock, clock + 8));
  }

  async function expectSame(command: Uint8Array, signer?: number): Promise<void> {
    const answers = (await twins.both(command)).map(parametersOf);
    const [one, other] = answers.map((answer) => sizedAt(answer, 0));
    expect(withoutClock(one!)).toBe(withoutClock(other!));
    for (const answer of answers) {
      const attest = sizedAt(answer, 0);
      const signature = answer.subarray(2 + attest.length);
      if (signer === undefined) {
        expect(toHex(signature)).toBe('0010');
        continue;
      }
      const hashed = commandBytes({
        code: TPM_CC.Hash,
        parameters: joined(sized(attest), words(SHA256), uint32(HIERARCHY.null)),
      });
      const digest = sizedAt(parametersOf(await twins.same(hashed)), 0);
      await twins.same(verifyCommand(digest, signature, signer));
    }
  }

  it('GetTime is the same but for time and clock', async () => {
    await twins.flush();
    await createSigner(HIERARCHY.owner, 0x0005_0072);
    const parameters = joined(sized(dice.bytes(20)), words(NULL));
    for (const signer of [KEY, HIERARCHY.null]) {
      const command = authorized(TPM_CC.GetTime, parameters, HIERARCHY.endorsement, signer);
      const [one, other] = (await twins.both(command)).map((answer) => {
        const attest = sizedAt(parametersOf(answer), 0);
        // Ends with time, clock, two counters, safe and version.
        const time = attest.length - 33;
        return withoutClock(attest.fill(0, time, time + 16));
      });
      expect(one).toBe(other);
    }
  });

  it.each([
    ['endorsement', HIERARCHY.endorsement],
    ['platform', HIERARCHY.platform],
    ['owner', HIERARCHY.owner],
  ])(
    'Quote, Certify and CertifyCreation by a key of %s are the same but for the clock',
    async (_name, hierarchy) => {
      await twins.flush();
      const created = await createSigner(hierarchy, 0x0005_0072);
      const nonce = sized(dice.bytes(20));
      const event = authorized(TPM_CC.PCR_Event, sized(dice.bytes(9)), 16);
      await twins.same(event);
      const selection = joined(words(SHA256), Uint8Array.of(3, 0xff, 0, 1));
      const other = joined(words(SHA1), Uint8Array.of(3, 0, 0xff, 1));
      const selections = joined(uint32(2), selection, other);
      await expectSame(authorized(TPM_CC.Quote, joined(nonce, words(NULL), selections), KEY), KEY);
      await expectSame(authorized(TPM_CC.Certify, joined(nonce, words(NULL)), KEY, KEY), KEY);
      const unsigned = authorized(TPM_CC.Certify, joined(nonce, words(NULL)), KEY, HIERARCHY.null);
      await expectSame(unsigned);
      // Public area, creation data, creation hash, ticket: each but the last with a size.
      const data = 2 + readUint16(created, 0);
      const hash = data + 2 + readUint16(created, data);
      const ticket = hash + 34;
      const parameters = joined(
        nonce,
        created.subarray(hash, ticket),
        words(NULL),
        created.subarray(ticket, ticket + 8 + 64),
      );
      for (const signer of [KEY, HIERARCHY.null]) {
        const command = commandBytes({
          code: TPM_CC.CertifyCreation,
          handles: [signer, KEY],
          passwords: [NO_PASSWORD],
          parameters,
        });
        await expectSame(command, signer === KEY ? KEY : undefined);
      }
    },
  );
});

describe('encryption and key agreement beside swtpm', () => {
  const schemes = [
    ['RSAES', words(TPM_ALG.RSAES), words(0)],
    ['no scheme', words(NULL), words(0)],
    ...HASHES.slice(0, 3).map(
      (hash) => [`OAEP, hash ${hash}`, words(TPM_ALG.OAEP, hash), words(0)] as const,
    ),
    ['OAEP, label', words(TPM_ALG.OAEP, SHA1), sized(Uint8Array.of(0x61, 0))],
    [
      'OAEP, label with a zero inside',
      words(TPM_ALG.OAEP, SHA1),
      sized(Uint8Array.of(0x61, 0, 0x62, 0)),
    ],
  ] as const;

  it.each(schemes)(
    'RSA_Decrypt with %s undoes what the other TPM encrypted',
    async (_name, scheme, label) => {
      await twins.load('rsa', { attributes: ['decrypt'] });
      const message = joined(Uint8Array.of(1), dice.bytes(dice.below(28)));
      const command = plain(TPM_CC.RSA_Encrypt, joined(sized(message), scheme, label), KEY);
      for (const answer of await twins.both(command)) {
        const cipherText = sizedAt(parametersOf(answer), 0);
        const parameters = joined(sized(cipherText), scheme, label);
        const decrypted = await twins.same(authorized(TPM_CC.RSA_Decrypt, parameters, KEY));
        const found = sizedAt(parametersOf(decrypted), 0);
        expect(toHex(found).endsWith(toHex(message))).toBe(true);
      }
    },
  );

  it('ECDH_ZGen finds what ECDH_KeyGen of the other TPM made', async () => {
    await twins.load('ecc', { attributes: ['decrypt'] });
    for (const answer of await twins.both(plain(TPM_CC.ECDH_KeyGen, new Uint8Array(0), KEY))) {
      const [z, pub] = [sizedAt(parametersOf(answer), 0), sizedAt(parametersOf(answer), 70)];
      const found = await twins.same(authorized(TPM_CC.ECDH_ZGen, sized(pub), KEY));
      expect(toHex(sizedAt(parametersOf(found), 0))).toBe(toHex(z));
    }
  });

  it.each([
    ['CTR', TPM_ALG.CTR],
    ['OFB', TPM_ALG.OFB],
    ['CBC', TPM_ALG.CBC],
    ['CFB', TPM_ALG.CFB],
    ['ECB', TPM_ALG.ECB],
  ])('EncryptDecrypt2 in mode %s gives the same data and IV', async (_name, mode) => {
    await twins.load('aes', { attributes: ['sign', 'decrypt'] });
    for (let count = 0; count < 40; count++) {
      const isWhole = mode === TPM_ALG.CBC || mode === TPM_ALG.ECB;
      const data = dice.bytes(isWhole ? 16 * dice.below(5) : dice.below(70));
      const iv = mode === TPM_ALG.ECB ? new Uint8Array(0) : dice.bytes(16);
      if (dice.once(4)) iv.fill(0xff);
      const rest = joined(Uint8Array.of(dice.below(2)), words(mode), sized(iv));
      await twins.same(authorized(TPM_CC.EncryptDecrypt2, joined(sized(data), rest), KEY));
      await twins.same(authorized(TPM_CC.EncryptDecrypt, joined(rest, sized(data)), KEY));
    }
  });

  it.each(HASHES.map((hash) => [hash]))(
    'HMAC and its sequence with hash %d give the same',
    async (hash) => {
      await twins.load('hmac', { scheme: { scheme: TPM_ALG.HMAC, hashAlg: hash } });
      for (let count = 0; count < 10; count++) {
        const data = dice.bytes(dice.below(300));
        await twins.same(authorized(TPM_CC.HMAC, joined(sized(data), words(NULL)), KEY));
        await twins.same(authorized(TPM_CC.HMAC_Start, words(0, hash), KEY));
        await twins.same(authorized(TPM_CC.SequenceUpdate, sized(data), KEY + 1));
        const end = new WireWriter().bytes(sized(data)).uint32(HIERARCHY.owner).finish();
        await twins.same(authorized(TPM_CC.SequenceComplete, end, KEY + 1));
      }
    },
  );
});
