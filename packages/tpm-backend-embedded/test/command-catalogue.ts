import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC, TPM_ST, WireWriter } from 'tpm-core';
import type { CommandName } from '../src/commands/command.js';
import type { Dice } from './dice.js';
import { NV_MAKERS } from './nv-catalogue.js';
import { OBJECT_MAKERS } from './object-catalogue.js';
import { POLICY_MAKERS } from './policy-catalogue.js';
import { SIGNING_MAKERS } from './signing-catalogue.js';

/** What a command consists of before it is put together. */
export interface CommandParts {
  readonly code: number;
  readonly handles: readonly number[];
  /** Password sessions, by the authorization value; none leaves the session area out. */
  readonly passwords: readonly Uint8Array[];
  readonly parameters: Uint8Array;
}

const EMPTY: Uint8Array = new Uint8Array(0);
const HASHES = [0x0004, 0x000b, 0x000c, 0x000d] as const;
const DIGEST_SIZE: Readonly<Record<number, number>> = { 4: 20, 11: 32, 12: 48, 13: 64 };
const NULL_ALGORITHM = 0x0010;
const HIERARCHIES = [0x4000_0001, 0x4000_0007, 0x4000_000b, 0x4000_000c] as const;
/** An authorization value that HierarchyChangeAuth sets now and then. */
export const OTHER_AUTH: Uint8Array = Uint8Array.of(0x61, 0x62, 0x63);

/** Handles of all kinds, valid ones and others. */
export const HANDLES: readonly number[] = [
  0, 7, 16, 17, 20, 23, 24, 0x0100_0000, 0x01c0_0002, 0x0200_0000, 0x0200_0001, 0x0200_0040,
  0x0300_0000, 0x0300_0001, 0x4000_0000, 0x4000_0001, 0x4000_0007, 0x4000_0009, 0x4000_000a,
  0x4000_000b, 0x4000_000c, 0x4000_000d, 0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0003,
  0x80ff_ffff, 0x8100_0001, 0x8180_0000, 0x9000_0000, 0xffff_ffff,
];

/** @returns bytes of fields of 8, 16 or 32 bits and of whole byte strings */
export function wire(
  ...fields: readonly (readonly [8 | 16 | 32, number] | Uint8Array)[]
): Uint8Array {
  const writer = new WireWriter(8192);
  for (const field of fields) {
    if (field instanceof Uint8Array) writer.bytes(field);
    else if (field[0] === 8) writer.uint8(field[1]);
    else if (field[0] === 16) writer.uint16(field[1]);
    else writer.uint32(field[1]);
  }
  return writer.finish();
}

/** @returns a TPM2B */
export function sized(bytes: Uint8Array): Uint8Array {
  return wire([16, bytes.length], bytes);
}

/** @returns a command's bytes */
export function assemble({ code, handles, passwords, parameters }: CommandParts): Uint8Array {
  const area = concatBytes(
    ...passwords.map((auth) => wire([32, 0x4000_0009], [16, 0], [8, 1], sized(auth))),
  );
  const sessions = area.length > 0 ? wire([32, area.length], area) : EMPTY;
  const tag = area.length > 0 ? TPM_ST.SESSIONS : TPM_ST.NO_SESSIONS;
  const size = 10 + 4 * handles.length + sessions.length + parameters.length;
  const handleArea = handles.map((handle) => [32, handle] as const);
  return wire([16, tag], [32, size], [32, code], ...handleArea, sessions, parameters);
}

type Maker = (dice: Dice) => Omit<CommandParts, 'code'>;

function plain(parameters: Uint8Array, ...handles: number[]): Omit<CommandParts, 'code'> {
  return { handles, passwords: [], parameters };
}

function authorized(
  parameters: Uint8Array,
  handles: readonly number[],
  auth: Uint8Array = EMPTY,
): Omit<CommandParts, 'code'> {
  return { handles, passwords: [auth], parameters };
}

function otherAuth(dice: Dice): Uint8Array {
  return dice.once(4) ? OTHER_AUTH : EMPTY;
}

function pcrHandle(dice: Dice): number {
  return dice.once(8) ? 0x4000_0007 : dice.below(24);
}

function selection(dice: Dice): Uint8Array {
  const count = dice.below(4);
  const one = (): Uint8Array => wire([16, dice.pick(HASHES)], [8, 3], dice.bytes(3));
  return wire([32, count], ...Array.from({ length: count }, one));
}

function digests(dice: Dice): Uint8Array {
  const count = dice.below(4);
  const one = (): Uint8Array => {
    const hash = dice.pick(HASHES);
    return wire([16, hash], dice.bytes(DIGEST_SIZE[hash]!));
  };
  return wire([32, count], ...Array.from({ length: count }, one));
}

function sequence(dice: Dice): number {
  return 0x8000_0000 + dice.below(3);
}

function symmetric(dice: Dice): Uint8Array {
  if (dice.once(3)) return wire([16, 0x0006], [16, dice.pick([128, 256])], [16, 0x0043]);
  return dice.once(3) ? wire([16, 0x000a], [16, dice.pick(HASHES)]) : wire([16, NULL_ALGORITHM]);
}

/** Public areas with what sensitive data they want. */
export function template(dice: Dice): { area: Uint8Array; data: Uint8Array } {
  const name = dice.pick(HASHES);
  const head = (type: number, attributes: number): Uint8Array =>
    wire([16, type], [16, name], [32, attributes], [16, 0]);
  switch (dice.below(dice.once(8) ? 6 : 5)) {
    case 0:
      return {
        area: wire(
          head(0x23, 0x0003_0472),
          [16, 6],
          [16, 128],
          [16, 0x43],
          [16, 0x10],
          [16, 3],
          [16, 0x10],
          [16, 0],
          [16, 0],
        ),
        data: EMPTY,
      };
    case 1:
      return {
        area: wire(
          head(0x23, 0x0004_0072),
          [16, 0x10],
          [16, 0x18],
          [16, dice.pick(HASHES)],
          [16, dice.pick([3, 4])],
          [16, 0x10],
          [16, 0],
          [16, 0],
        ),
        data: EMPTY,
      };
    case 2:
      return {
        area: wire(head(0x08, 0x0000_0052), [16, 0x10], [16, 0]),
        data: dice.bytes(1 + dice.below(64)),
      };
    case 3:
      return {
        area: wire(head(0x08, 0x0004_0472), [16, 5], [16, dice.pick(HASHES)], [16, 0]),
        data: EMPTY,
      };
    case 4:
      return {
        area: wire(
          head(0x25, 0x0006_0072),
          [16, 6],
          [16, dice.pick([128, 256])],
          [16, 0x43],
          [16, 0],
        ),
        data: EMPTY,
      };
    default:
      return {
        area: wire(head(0x01, 0x0004_0072), [16, 0x10], [16, 0x10], [16, 1024], [32, 0], [16, 0]),
        data: EMPTY,
      };
  }
}

function createPrimary(dice: Dice): Omit<CommandParts, 'code'> {
  const { area, data } = template(dice);
  const auth = dice.once(3) ? OTHER_AUTH : EMPTY;
  const outside = dice.bytes(dice.below(4));
  return authorized(
    concatBytes(
      sized(concatBytes(sized(auth), sized(data))),
      sized(area),
      sized(outside),
      selection(dice),
    ),
    [dice.pick(HIERARCHIES)],
    otherAuth(dice),
  );
}

function capability(dice: Dice): Omit<CommandParts, 'code'> {
  const group = dice.below(11);
  const first: readonly number[] =
    group === 1
      ? [0, 0x0100_0000, 0x0200_0000, 0x0300_0000, 0x4000_0000, 0x8000_0000, 0x8100_0000]
      : group === 6
        ? [0, 0x100, 0x200, 0x201, 0x203, 0x20e]
        : [0, 1, 4, 0x11f, 0x182, 0x4000_0001];
  return plain(wire([32, group], [32, dice.pick(first)], [32, dice.pick([0, 1, 8, 64, 1000])]));
}

function parameters(dice: Dice): Uint8Array {
  switch (dice.below(4)) {
    case 0:
      return wire(
        [16, 0x01],
        symmetric(dice),
        [16, 0x10],
        [16, dice.pick([1024, 2048, 3072, 4096])],
        [32, 0],
      );
    case 1:
      return wire([16, 0x23], symmetric(dice), [16, 0x10], [16, dice.below(7)], [16, 0x10]);
    case 2:
      return wire([16, 0x08], [16, 5], [16, dice.pick(HASHES)]);
    default:
      return wire(
        [16, 0x25],
        [16, 6],
        [16, dice.pick([128, 192, 256])],
        [16, dice.pick([0x43, 0x40, 0x44])],
      );
  }
}

/** Makers of commands that are well-formed and mostly accepted, by the command's name. */
export const CATALOGUE: Readonly<Partial<Record<CommandName, Maker>>> = {
  Startup: (dice) => plain(wire([16, dice.below(2)])),
  Shutdown: (dice) => plain(wire([16, dice.below(2)])),
  SelfTest: (dice) => plain(wire([8, dice.below(2)])),
  IncrementalSelfTest: (dice) => plain(wire([32, 1], [16, dice.pick(HASHES)])),
  GetTestResult: () => plain(EMPTY),
  StirRandom: (dice) => plain(sized(dice.bytes(dice.below(130)))),
  GetRandom: (dice) => plain(wire([16, dice.below(70)])),
  ReadClock: () => plain(EMPTY),
  GetCapability: capability,
  TestParms: (dice) => plain(parameters(dice)),
  PCR_Extend: (dice) => authorized(digests(dice), [pcrHandle(dice)]),
  PCR_Event: (dice) => authorized(sized(dice.bytes(dice.below(100))), [pcrHandle(dice)]),
  PCR_Read: (dice) => plain(selection(dice)),
  PCR_Reset: (dice) => authorized(EMPTY, [dice.below(24)]),
  PCR_Allocate: (dice) => authorized(selection(dice), [0x4000_000c], otherAuth(dice)),
  PCR_SetAuthValue: (dice) =>
    authorized(
      sized(dice.once(2) ? OTHER_AUTH : EMPTY),
      [dice.pick([19, 20, 21, 22])],
      otherAuth(dice),
    ),
  PCR_SetAuthPolicy: (dice) => {
    const hash = dice.pick([...HASHES, NULL_ALGORITHM]);
    const policy = sized(dice.bytes(DIGEST_SIZE[hash] ?? 0));
    return authorized(wire(policy, [16, hash], [32, dice.pick([19, 20, 21, 22])]), [0x4000_000c]);
  },
  HashSequenceStart: (dice) =>
    plain(concatBytes(sized(EMPTY), wire([16, dice.pick([...HASHES, NULL_ALGORITHM])]))),
  SequenceUpdate: (dice) => authorized(sized(dice.bytes(dice.below(200))), [sequence(dice)]),
  SequenceComplete: (dice) =>
    authorized(
      concatBytes(sized(dice.bytes(dice.below(100))), wire([32, dice.pick(HIERARCHIES)])),
      [sequence(dice)],
    ),
  EventSequenceComplete: (dice) => ({
    handles: [pcrHandle(dice), sequence(dice)],
    passwords: [EMPTY, EMPTY],
    parameters: sized(dice.bytes(dice.below(100))),
  }),
  Hash: (dice) =>
    plain(
      concatBytes(
        sized(dice.bytes(dice.below(300))),
        wire([16, dice.pick(HASHES)], [32, dice.pick(HIERARCHIES)]),
      ),
    ),
  StartAuthSession: (dice) =>
    plain(
      concatBytes(
        sized(dice.bytes(dice.pick([16, 20, 32]))),
        sized(EMPTY),
        wire([8, dice.pick([0, 1, 3])]),
        symmetric(dice),
        wire([16, dice.pick(HASHES)]),
      ),
      0x4000_0007,
      dice.pick([0x4000_0007, 0x4000_0001, 0x4000_000a, 0x0000_0010, 0x8000_0000]),
    ),
  CreatePrimary: createPrimary,
  ReadPublic: (dice) => plain(EMPTY, sequence(dice)),
  FlushContext: (dice) =>
    plain(
      wire([
        32,
        dice.pick([sequence(dice), 0x0200_0000 + dice.below(3), 0x0300_0000 + dice.below(3)]),
      ]),
    ),
  ContextSave: (dice) => plain(EMPTY, dice.pick([sequence(dice), 0x0200_0000, 0x0300_0001])),
  HierarchyControl: (dice) =>
    authorized(
      wire([32, dice.pick([0x4000_0001, 0x4000_000b, 0x4000_000d])], [8, dice.once(4) ? 0 : 1]),
      [0x4000_000c],
      otherAuth(dice),
    ),
  HierarchyChangeAuth: (dice) =>
    authorized(
      sized(dice.once(3) ? OTHER_AUTH : EMPTY),
      [dice.pick([0x4000_0001, 0x4000_000b, 0x4000_000c, 0x4000_000a])],
      otherAuth(dice),
    ),
  Clear: (dice) => authorized(EMPTY, [dice.pick([0x4000_000a, 0x4000_000c])], otherAuth(dice)),
  ClearControl: (dice) => authorized(wire([8, dice.below(2)]), [0x4000_000c], otherAuth(dice)),
  ChangeEPS: (dice) => authorized(EMPTY, [0x4000_000c], otherAuth(dice)),
  ChangePPS: (dice) => authorized(EMPTY, [0x4000_000c], otherAuth(dice)),
  ...NV_MAKERS,
  ...OBJECT_MAKERS,
  ...POLICY_MAKERS,
  ...SIGNING_MAKERS,
};

/** How often a command comes, where that isn't once. */
const WEIGHTS: Readonly<Partial<Record<CommandName, number>>> = {
  NV_DefineSpace: 5,
  NV_Write: 3,
  NV_Increment: 2,
  NV_Read: 4,
  NV_ReadPublic: 2,
  PCR_Extend: 3,
  PCR_Read: 3,
  HashSequenceStart: 4,
  SequenceUpdate: 4,
  SequenceComplete: 3,
  StartAuthSession: 4,
  CreatePrimary: 3,
  FlushContext: 5,
  ContextSave: 4,
  ReadPublic: 2,
  PolicyGetDigest: 6,
  GetCapability: 3,
  Sign: 3,
  Certify: 2,
  Quote: 2,
  HMAC: 2,
  EncryptDecrypt2: 2,
};

const WEIGHTED: readonly CommandName[] = (Object.keys(CATALOGUE) as CommandName[]).flatMap((name) =>
  new Array<CommandName>(WEIGHTS[name] ?? 1).fill(name),
);

/** @returns a command of the catalogue */
export function catalogueCommand(
  dice: Dice,
  name: CommandName = dice.pick(WEIGHTED),
): CommandParts {
  return { code: TPM_CC[name], ...CATALOGUE[name]!(dice) };
}
