import type { CommandName } from '../src/commands/command.js';
import { TPMA_NV } from '../src/structures/nv-public.js';
import type { CommandParts } from './command-catalogue.js';
import type { Dice } from './dice.js';
import { uint32 } from './owned-objects.js';
import { joined, sized, words } from './wire-bytes.js';

type Parts = Omit<CommandParts, 'code'>;
type Maker = (dice: Dice) => Parts;

const EMPTY: Uint8Array = new Uint8Array(0);
const OTHER_AUTH: Uint8Array = Uint8Array.of(0x61, 0x62, 0x63);
const OWNER = 0x4000_0001;
const LOCKOUT = 0x4000_000a;
const PLATFORM = 0x4000_000c;
const HASHES = [0x0004, 0x000b, 0x000c, 0x000d] as const;
const DIGEST_SIZE: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64 };
const FIRST = 0x0150_0000;
/** Each type has handles of its own, so that commands mostly find what they are for. */
const TYPES = [0x0, 0x0, 0x1, 0x1, 0x2, 0x4, 0x8, 0x9] as const;
const ACCESS =
  TPMA_NV.OWNERREAD | TPMA_NV.OWNERWRITE | TPMA_NV.AUTHREAD | TPMA_NV.AUTHWRITE | TPMA_NV.PPREAD;
const SOMETIMES = [
  TPMA_NV.PPWRITE,
  TPMA_NV.AUTHREAD,
  TPMA_NV.OWNERWRITE,
  TPMA_NV.WRITEALL,
  TPMA_NV.WRITEDEFINE,
  TPMA_NV.WRITE_STCLEAR,
  TPMA_NV.GLOBALLOCK,
  TPMA_NV.READ_STCLEAR,
  TPMA_NV.NO_DA,
  TPMA_NV.CLEAR_STCLEAR,
  TPMA_NV.POLICY_DELETE,
  TPMA_NV.WRITTEN,
] as const;

function authorized(
  dice: Dice,
  handles: readonly number[],
  parameters: Uint8Array = EMPTY,
  passwords = 1,
): Parts {
  const password = (): Uint8Array => (dice.once(5) ? OTHER_AUTH : EMPTY);
  return { handles, passwords: Array.from({ length: passwords }, password), parameters };
}

function nvIndex(dice: Dice, ...types: readonly number[]): number {
  const fitting = [...TYPES.keys()].filter((at) => types.includes(TYPES[at]!));
  const at = types.length === 0 || dice.once(8) ? dice.below(TYPES.length) : dice.pick(fitting);
  return FIRST + at;
}

/** Authority and index. */
function use(dice: Dice, ...types: readonly number[]): number[] {
  const index = nvIndex(dice, ...types);
  return [dice.pick([index, index, index, OWNER, PLATFORM]), index];
}

function attributes(dice: Dice, type: number, isPlatform: boolean): number {
  let bits = ACCESS | (type << 4) | (isPlatform ? TPMA_NV.PLATFORMCREATE : 0);
  if (type >= 8) bits &= ~TPMA_NV.AUTHWRITE;
  if (type === 8) bits |= TPMA_NV.NO_DA;
  for (const bit of SOMETIMES) if (dice.once(6)) bits ^= bit;
  // An orderly counter after a stop without Shutdown differs on purpose (README): its locks, and
  // where the next counter begins once it is deleted.
  if (type !== 1 && dice.once(4)) bits |= TPMA_NV.ORDERLY;
  return bits >>> 0;
}

function defineSpace(dice: Dice): Parts {
  const index = nvIndex(dice);
  const type = TYPES[index - FIRST]!;
  const hash = dice.pick(HASHES);
  const size = type === 4 ? DIGEST_SIZE[hash]! : type > 0 ? 8 : dice.pick([0, 4, 8, 40, 2048]);
  const authHandle = dice.pick([OWNER, OWNER, PLATFORM]);
  const policy = dice.once(6) ? dice.bytes(dice.pick([20, 32])) : EMPTY;
  const area = joined(
    uint32(index),
    words(hash),
    uint32(attributes(dice, type, (authHandle === PLATFORM) !== dice.once(20))),
    sized(policy),
    words(dice.once(20) ? dice.below(20) : size),
  );
  const auth = dice.pick([EMPTY, EMPTY, EMPTY, OTHER_AUTH, dice.bytes(33)]);
  return authorized(dice, [authHandle], joined(sized(auth), sized(area)));
}

/**
 * Data for an index: of a PIN index always a PIN with its limit, since swtpm takes what a first write
 * leaves out of them from where another index was.
 */
function write(dice: Dice): Parts {
  const handles = use(dice, 0, 8, 9);
  const isPin = TYPES[handles[1]! - FIRST]! >= 8;
  const data = isPin
    ? joined(uint32(dice.below(2)), uint32(dice.below(5)))
    : dice.bytes(dice.pick([0, 1, 4, 8, 41, 1024]));
  return authorized(dice, handles, joined(sized(data), words(dice.pick([0, 0, 0, 1, 4, 9]))));
}

/** Makers of the commands about NV, persistent objects and dictionary attack. */
export const NV_MAKERS: Readonly<Partial<Record<CommandName, Maker>>> = {
  NV_DefineSpace: defineSpace,
  NV_UndefineSpace: (dice) => authorized(dice, [dice.pick([OWNER, PLATFORM]), nvIndex(dice)]),
  NV_UndefineSpaceSpecial: (dice) => authorized(dice, [nvIndex(dice), PLATFORM], EMPTY, 2),
  NV_ReadPublic: (dice) => ({ handles: [nvIndex(dice)], passwords: [], parameters: EMPTY }),
  NV_Write: write,
  NV_Increment: (dice) => authorized(dice, use(dice, 1)),
  NV_Extend: (dice) => authorized(dice, use(dice, 4), sized(dice.bytes(dice.below(50)))),
  NV_SetBits: (dice) => authorized(dice, use(dice, 2), dice.bytes(8)),
  NV_WriteLock: (dice) => authorized(dice, use(dice)),
  NV_GlobalWriteLock: (dice) => authorized(dice, [dice.pick([OWNER, PLATFORM])]),
  NV_Read: (dice) =>
    authorized(
      dice,
      use(dice),
      joined(words(dice.pick([0, 8, 8, 8, 20, 1025])), words(dice.pick([0, 0, 0, 1, 9]))),
    ),
  NV_ReadLock: (dice) => authorized(dice, use(dice)),
  NV_ChangeAuth: (dice) => authorized(dice, [nvIndex(dice)], sized(OTHER_AUTH)),
  EvictControl: (dice) => {
    const persistent = dice.pick([0x8100_0001, 0x8100_0002, 0x8180_0000]);
    const object = dice.pick([0x8000_0000, 0x8000_0001, 0x8000_0002, persistent]);
    return authorized(dice, [dice.pick([OWNER, PLATFORM]), object], joined(uint32(persistent)));
  },
  DictionaryAttackLockReset: (dice) => authorized(dice, [LOCKOUT]),
  DictionaryAttackParameters: (dice) =>
    authorized(
      dice,
      [LOCKOUT],
      joined(
        uint32(dice.pick([0, 3, 3, 100])),
        uint32(dice.pick([0, 1000, 5000])),
        uint32(dice.pick([0, 1000])),
      ),
    ),
  SetPrimaryPolicy: (dice) => {
    const hash = dice.pick([...HASHES, 0x0010]);
    const size = dice.once(5) ? 20 : (DIGEST_SIZE[hash] ?? 0);
    const handle = dice.pick([OWNER, LOCKOUT, 0x4000_000b, PLATFORM]);
    return authorized(dice, [handle], joined(sized(dice.bytes(size)), words(hash)));
  },
};
