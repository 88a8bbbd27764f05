import type { CommandName } from '../src/commands/command.js';
import { hashAlgorithm } from '../src/crypto/hash.js';
import { type CommandParts, template } from './command-catalogue.js';
import type { Dice } from './dice.js';
import { P256, RSA_1024 } from './key-pairs.js';
import { uint32 } from './owned-objects.js';
import { joined, sized, words } from './wire-bytes.js';

type Maker = (dice: Dice) => Omit<CommandParts, 'code'>;

const NULL_ALGORITHM = 0x0010;
const HASHES = [0x0004, 0x000b, 0x000c, 0x000d] as const;
const SHA256 = 0x000b;
const OWNER = 0x4000_0001;
const NULL_HIERARCHY = 0x4000_0007;

/** The two areas of an object in clear: ECC, RSA, an HMAC key, a cipher key or sealed data. */
function keyInClear(dice: Dice): { readonly area: Uint8Array; readonly sensitive: Uint8Array } {
  const seed = new Uint8Array(32).fill(dice.below(256));
  const secret = dice.bytes(16);
  const symmetric = (type: number, attributes: number, parameters: Uint8Array) => ({
    area: joined(
      words(type, SHA256),
      uint32(attributes),
      words(0),
      parameters,
      sized(hashAlgorithm(SHA256)!.digest(seed, secret)),
    ),
    sensitive: joined(words(type, 0), sized(seed), sized(secret)),
  });
  switch (dice.below(5)) {
    case 0: {
      const scheme = dice.once(2) ? words(0x18, dice.pick(HASHES)) : words(NULL_ALGORITHM);
      const head = joined(words(0x23, dice.pick([SHA256, NULL_ALGORITHM])), uint32(0x0004_0040));
      const parameters = joined(words(0, NULL_ALGORITHM), scheme, words(3, NULL_ALGORITHM));
      return {
        area: joined(head, parameters, sized(P256.x), sized(P256.y)),
        sensitive: joined(words(0x23, 0, 0), sized(P256.scalar)),
      };
    }
    case 1: {
      const head = joined(words(0x01, dice.pick(HASHES)), uint32(0x0006_0040), words(0));
      const parameters = joined(words(NULL_ALGORITHM, NULL_ALGORITHM, 1024), uint32(0));
      return {
        area: joined(head, parameters, sized(RSA_1024.modulus)),
        sensitive: joined(words(0x01, 0, 0), sized(RSA_1024.prime)),
      };
    }
    case 2:
      return symmetric(0x08, 0x0004_0040, words(5, dice.pick(HASHES)));
    case 3:
      return symmetric(0x25, 0x0006_0040, words(6, 128, 0x43));
    default:
      return symmetric(0x08, 0x0000_0040, words(NULL_ALGORITHM));
  }
}

function transient(dice: Dice): number {
  return 0x8000_0000 + dice.below(3);
}

function authorized(parameters: Uint8Array, ...handles: number[]): Omit<CommandParts, 'code'> {
  return { handles, passwords: [new Uint8Array(0)], parameters };
}

/** inSensitive and a template that wants it. */
function creation(dice: Dice): Uint8Array {
  const { area, data } = template(dice);
  return joined(sized(joined(words(0), sized(data))), sized(area));
}

/** Cipher of an inner wrapper. */
function innerCipher(dice: Dice): Uint8Array {
  return dice.once(2) ? words(NULL_ALGORITHM) : words(6, dice.pick([128, 256]), 0x43);
}

/** Makers of object and duplication commands for the catalogue. */
export const OBJECT_MAKERS: Readonly<Partial<Record<CommandName, Maker>>> = {
  LoadExternal: (dice) => {
    const { area, sensitive } = keyInClear(dice);
    const isPublic = dice.once(2);
    const hierarchy = isPublic ? dice.pick([OWNER, NULL_HIERARCHY]) : NULL_HIERARCHY;
    const given = isPublic ? words(0) : sized(sensitive);
    return {
      handles: [],
      passwords: [],
      parameters: joined(given, sized(area), uint32(hierarchy)),
    };
  },
  Create: (dice) => authorized(joined(creation(dice), words(0), uint32(0)), transient(dice)),
  Load: (dice) => {
    const { area } = keyInClear(dice);
    return authorized(joined(sized(dice.bytes(dice.below(160))), sized(area)), transient(dice));
  },
  CreateLoaded: (dice) =>
    authorized(creation(dice), dice.once(2) ? transient(dice) : dice.pick([OWNER, NULL_HIERARCHY])),
  Unseal: (dice) => authorized(words(), transient(dice)),
  ObjectChangeAuth: (dice) =>
    authorized(sized(dice.bytes(dice.below(40))), transient(dice), transient(dice)),
  MakeCredential: (dice) => ({
    handles: [transient(dice)],
    passwords: [],
    parameters: joined(sized(dice.bytes(dice.below(66))), sized(dice.bytes(34))),
  }),
  ActivateCredential: (dice) => ({
    handles: [transient(dice), transient(dice)],
    passwords: [new Uint8Array(0), new Uint8Array(0)],
    parameters: joined(sized(dice.bytes(dice.below(132))), sized(dice.bytes(dice.below(70)))),
  }),
  Duplicate: (dice) =>
    authorized(
      joined(sized(dice.bytes(dice.pick([0, 16, 32]))), innerCipher(dice)),
      transient(dice),
      dice.once(2) ? transient(dice) : NULL_HIERARCHY,
    ),
  Import: (dice) => {
    const { area, sensitive } = keyInClear(dice);
    const parameters = [words(0), sized(area), sized(sized(sensitive)), words(0)];
    return authorized(joined(...parameters, words(NULL_ALGORITHM)), transient(dice));
  },
};
