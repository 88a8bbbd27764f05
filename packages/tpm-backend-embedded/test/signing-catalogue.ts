import type { CommandName } from '../src/commands/command.js';
import type { CommandParts } from './command-catalogue.js';
import type { Dice } from './dice.js';
import { P256 } from './key-pairs.js';
import { uint32 } from './owned-objects.js';
import { joined, sized, words } from './wire-bytes.js';

type Maker = (dice: Dice) => Omit<CommandParts, 'code'>;

const NONE = 0x0010;
const NULL_HIERARCHY = 0x4000_0007;
const HIERARCHIES = [0x4000_0001, NULL_HIERARCHY, 0x4000_000b, 0x4000_000c] as const;
const HASHES = [0x0004, 0x000b, 0x000c, 0x000d] as const;
const DIGEST_SIZE: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64 };
const SCHEMES = [0x0005, 0x0014, 0x0016, 0x0018, 0x001a, 0x001c] as const;
const ECDAA = 0x001a;
const HMAC = 0x0005;
const OAEP = 0x0017;
const RSAES = 0x0015;
const EMPTY: Uint8Array = new Uint8Array(0);

function slot(dice: Dice): number {
  return 0x8000_0000 + dice.below(3);
}

function signer(dice: Dice): number {
  return dice.once(6) ? NULL_HIERARCHY : slot(dice);
}

/** A hash, SHA-256 more often than the others. */
function hashOf(dice: Dice): number {
  return dice.once(2) ? 0x000b : dice.pick(HASHES);
}

function scheme(dice: Dice): Uint8Array {
  if (dice.once(2)) return words(NONE);
  const chosen = dice.pick(SCHEMES);
  const count = chosen === ECDAA ? words(dice.below(3)) : EMPTY;
  return joined(words(chosen, hashOf(dice)), count);
}

function ticket(dice: Dice, tag: number): Uint8Array {
  if (!dice.once(3)) return joined(words(tag), uint32(NULL_HIERARCHY), words(0));
  const digest = sized(dice.bytes(dice.pick([0, 32, 64])));
  return joined(words(tag), uint32(dice.pick(HIERARCHIES)), digest);
}

function digest(dice: Dice): Uint8Array {
  return dice.bytes(dice.once(8) ? dice.below(65) : DIGEST_SIZE[hashOf(dice)]!);
}

function signature(dice: Dice): Uint8Array {
  const [algorithm, hash] = [dice.pick(SCHEMES), hashOf(dice)];
  const head = words(algorithm, hash);
  if (algorithm === HMAC) return joined(head, dice.bytes(DIGEST_SIZE[hash]!));
  return algorithm < 0x18
    ? joined(head, sized(dice.bytes(dice.pick([0, 127, 128, 129, 256]))))
    : joined(head, sized(dice.bytes(dice.pick([0, 32]))), sized(dice.bytes(32)));
}

function decryption(dice: Dice): Uint8Array {
  const chosen = dice.pick([NONE, NONE, RSAES, OAEP]);
  return chosen === OAEP ? words(OAEP, hashOf(dice)) : words(chosen);
}

function label(dice: Dice): Uint8Array {
  return sized(dice.pick([EMPTY, EMPTY, Uint8Array.of(0x61, 0), Uint8Array.of(0x61)]));
}

function rsaNumber(dice: Dice): Uint8Array {
  const bytes = dice.bytes(dice.pick([0, 5, 62, 63, 117, 118, 127, 128, 129, 256]));
  if (dice.once(2) && bytes.length > 0) bytes[0] = 0;
  return sized(bytes);
}

function modeAndVector(dice: Dice): Uint8Array {
  const mode = dice.pick([NONE, 0x40, 0x41, 0x42, 0x43, 0x43, 0x44]);
  return joined(words(mode), sized(dice.bytes(dice.once(5) ? 0 : 16)));
}

function authorized(parameters: Uint8Array, ...handles: number[]): Omit<CommandParts, 'code'> {
  return { handles, passwords: handles.map(() => EMPTY), parameters };
}

function plain(parameters: Uint8Array, ...handles: number[]): Omit<CommandParts, 'code'> {
  return { handles, passwords: [], parameters };
}

/** Makers of signing, attestation and cryptographic commands for the catalogue. */
export const SIGNING_MAKERS: Readonly<Partial<Record<CommandName, Maker>>> = {
  Sign: (dice) =>
    authorized(joined(sized(digest(dice)), scheme(dice), ticket(dice, 0x8024)), slot(dice)),
  VerifySignature: (dice) => plain(joined(sized(digest(dice)), signature(dice)), slot(dice)),
  RSA_Encrypt: (dice) => plain(joined(rsaNumber(dice), decryption(dice), label(dice)), slot(dice)),
  RSA_Decrypt: (dice) =>
    authorized(joined(rsaNumber(dice), decryption(dice), label(dice)), slot(dice)),
  ECDH_KeyGen: (dice) => plain(EMPTY, slot(dice)),
  ECDH_ZGen: (dice) => {
    const y = dice.once(4) ? dice.bytes(32) : P256.y;
    return authorized(sized(joined(sized(P256.x), sized(y))), slot(dice));
  },
  HMAC: (dice) =>
    authorized(
      joined(sized(dice.bytes(dice.below(200))), words(dice.pick([...HASHES, NONE, NONE, NONE]))),
      slot(dice),
    ),
  HMAC_Start: (dice) =>
    authorized(joined(sized(EMPTY), words(dice.pick([...HASHES, NONE, NONE, NONE]))), slot(dice)),
  EncryptDecrypt: (dice) => {
    const data = sized(dice.bytes(dice.pick([0, 16, 17, 32, 100])));
    return authorized(joined(Uint8Array.of(dice.below(2)), modeAndVector(dice), data), slot(dice));
  },
  EncryptDecrypt2: (dice) => {
    const data = sized(dice.bytes(dice.pick([0, 16, 17, 32, 100])));
    return authorized(joined(data, Uint8Array.of(dice.below(2)), modeAndVector(dice)), slot(dice));
  },
  Certify: (dice) =>
    authorized(joined(sized(dice.bytes(dice.below(8))), scheme(dice)), slot(dice), signer(dice)),
  CertifyCreation: (dice) => ({
    handles: [signer(dice), slot(dice)],
    passwords: [EMPTY],
    parameters: joined(
      sized(dice.bytes(dice.below(8))),
      sized(digest(dice)),
      scheme(dice),
      ticket(dice, 0x8021),
    ),
  }),
  GetTime: (dice) =>
    authorized(joined(sized(dice.bytes(dice.below(8))), scheme(dice)), 0x4000_000b, signer(dice)),
  GetSessionAuditDigest: (dice) => ({
    handles: [0x4000_000b, signer(dice), 0x0200_0000 + dice.below(2)],
    passwords: [EMPTY, EMPTY],
    parameters: joined(sized(dice.bytes(dice.below(8))), scheme(dice)),
  }),
  ECC_Parameters: (dice) => plain(words(dice.pick([3, 4, 5, 6]))),
  Quote: (dice) => {
    const selection = joined(words(hashOf(dice)), Uint8Array.of(3), dice.bytes(3));
    const count = dice.below(3);
    const selections = joined(uint32(count), ...new Array<Uint8Array>(count).fill(selection));
    return authorized(
      joined(sized(dice.bytes(dice.below(8))), scheme(dice), selections),
      signer(dice),
    );
  },
};
