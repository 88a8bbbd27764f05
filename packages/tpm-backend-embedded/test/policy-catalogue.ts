import { TPM_CC } from 'tpm-core';
import type { CommandName } from '../src/commands/command.js';
import type { CommandParts } from './command-catalogue.js';
import type { Dice } from './dice.js';
import { uint32 } from './owned-objects.js';
import { joined, sized, words } from './wire-bytes.js';

type Maker = (dice: Dice) => Omit<CommandParts, 'code'>;

const EMPTY: Uint8Array = new Uint8Array(0);
const SHA256 = 0x000b;
const OWNER = 0x4000_0001;
const NV_INDEX = 0x0150_0000;

function policySession(dice: Dice): number {
  return 0x0300_0000 + (dice.once(4) ? 1 + dice.below(2) : 0);
}

/** A policy command without parameters, or with those of `make`. */
function assertion(make: (dice: Dice) => Uint8Array = () => EMPTY): Maker {
  return (dice) => ({ handles: [policySession(dice)], passwords: [], parameters: make(dice) });
}

/** One of two digests of a size that mostly fits. */
function digest(dice: Dice): Uint8Array {
  const size = dice.pick([32, 32, 32, 32, 20, 64, 48]);
  return new Uint8Array(size).fill(dice.below(2));
}

function name(dice: Dice): Uint8Array {
  return joined(words(SHA256), new Uint8Array(32).fill(dice.below(2)));
}

function selection(dice: Dice): Uint8Array {
  const one = () => joined(words(dice.pick([4, 11, 12, 13])), Uint8Array.of(3), dice.bytes(3));
  const count = dice.below(3);
  return joined(uint32(count), ...Array.from({ length: count }, one));
}

/** nonceTPM, cpHashA, policyRef, expiration: far enough away that no clock matters. */
function authorization(dice: Dice): Uint8Array {
  const nonce = dice.once(8) ? new Uint8Array(16) : EMPTY;
  const cpHash = dice.once(4) ? digest(dice) : EMPTY;
  const policyRef = dice.once(2) ? dice.bytes(dice.below(20)) : EMPTY;
  const expiration = uint32(dice.pick([0, 0, 100_000, 0xffff_ff00]));
  return joined(sized(nonce), sized(cpHash), sized(policyRef), expiration);
}

function signature(dice: Dice): Uint8Array {
  switch (dice.below(3)) {
    case 0:
      return joined(words(0x0005, SHA256), dice.bytes(32));
    case 1:
      return joined(words(0x0014, SHA256), sized(dice.bytes(128)));
    default:
      return joined(words(0x0018, SHA256), sized(dice.bytes(32)), sized(dice.bytes(32)));
  }
}

function ticket(dice: Dice, ...tags: number[]): Uint8Array {
  const hierarchy = dice.pick([OWNER, 0x4000_0007, 0x4000_000b, 0x4000_000c]);
  const hmac = dice.once(2) ? EMPTY : dice.bytes(64);
  return joined(words(dice.pick(tags)), uint32(hierarchy), sized(hmac));
}

/** A comparison with the counters of TPMS_TIME_INFO, behind `time` and `clock`. */
function counterComparison(dice: Dice): Uint8Array {
  const operand = new Uint8Array(dice.below(10)).fill(dice.below(2));
  return joined(sized(operand), words(16 + dice.below(10), dice.below(12)));
}

function nvUse(dice: Dice): Pick<CommandParts, 'handles' | 'passwords'> {
  const index = NV_INDEX + dice.below(3);
  const authority = dice.pick([index, index, OWNER, 0x4000_000c, NV_INDEX]);
  return { handles: [authority, index, policySession(dice)], passwords: [EMPTY] };
}

const CODES: readonly number[] = [TPM_CC.Hash, TPM_CC.Duplicate, TPM_CC.PCR_Extend, 0x1ff];

/** Policy commands that are well-formed and mostly accepted, by the command's name. */
export const POLICY_MAKERS: Readonly<Partial<Record<CommandName, Maker>>> = {
  PolicyRestart: assertion(),
  PolicyGetDigest: assertion(),
  PolicyAuthValue: assertion(),
  PolicyPassword: assertion(),
  PolicyPhysicalPresence: assertion(),
  PolicyLocality: assertion((dice) => Uint8Array.of(dice.pick([1, 3, 31, 32, 200, 0]))),
  PolicyCommandCode: assertion((dice) => uint32(dice.pick(CODES))),
  PolicyCpHash: assertion((dice) => sized(digest(dice))),
  PolicyNameHash: assertion((dice) => sized(digest(dice))),
  PolicyTemplate: assertion((dice) => sized(digest(dice))),
  PolicyNvWritten: assertion((dice) => Uint8Array.of(dice.below(2))),
  PolicyPCR: assertion((dice) =>
    joined(sized(dice.once(4) ? digest(dice) : EMPTY), selection(dice)),
  ),
  PolicyOR: assertion((dice) => {
    const count = 2 + dice.below(7);
    const branches = Array.from({ length: count }, () => sized(digest(dice)));
    return joined(uint32(count), ...branches);
  }),
  PolicyDuplicationSelect: assertion((dice) =>
    joined(sized(name(dice)), sized(name(dice)), Uint8Array.of(dice.below(2))),
  ),
  PolicyCounterTimer: assertion(counterComparison),
  PolicyAuthorize: assertion((dice) =>
    joined(sized(digest(dice)), sized(EMPTY), sized(name(dice)), ticket(dice, 0x8022)),
  ),
  PolicyTicket: assertion((dice) =>
    joined(
      sized(dice.once(4) ? EMPTY : Uint8Array.of(0x80, 0, 1, 0, 0, 0, 0, 0)),
      sized(dice.once(2) ? digest(dice) : EMPTY),
      sized(EMPTY),
      sized(name(dice)),
      ticket(dice, 0x8023, 0x8025),
    ),
  ),
  PolicySecret: (dice) => ({
    handles: [dice.pick([OWNER, 0x4000_000a, 0x4000_000b, 0x4000_000c, 5]), policySession(dice)],
    passwords: [EMPTY],
    parameters: authorization(dice),
  }),
  PolicyNV: (dice) => {
    const { handles, passwords } = nvUse(dice);
    const operand = new Uint8Array(dice.below(6)).fill(dice.below(2) * 255);
    const parameters = joined(sized(operand), words(dice.below(5), dice.below(12)));
    return { handles, passwords, parameters };
  },
  PolicyAuthorizeNV: (dice) => ({ ...nvUse(dice), parameters: EMPTY }),
  PolicySigned: (dice) => ({
    handles: [0x8000_0000 + dice.below(3), policySession(dice)],
    passwords: [],
    parameters: joined(authorization(dice), signature(dice)),
  }),
};
