import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import { authValue, commandCode, EMPTY } from './policy-assertions.js';
import { type Assertion, assertion, type PolicyBench, words } from './policy-bench.js';
import type { UseCase } from './policy-use-cases.js';
import { type Entity, nameOf } from './session-client.js';
import { sized } from './session-cryptography.js';

// Policies where the command wants more than the user role.

const NO_PARENT: Entity = { handle: 0x4000_0007 };
const OTHER_PARENT: Entity = { handle: 0x4000_0001 };
/** noDA alone: neither fixedTPM nor fixedParent. */
const MOVABLE = 0x0000_0400;

/** The object may go to a parent; the digest covers the parent alone. */
function duplicationSelect(object: Uint8Array, parent: Entity): Assertion {
  const names = concatBytes(sized(object), sized(nameOf(parent)));
  return assertion(TPM_CC.PolicyDuplicationSelect, concatBytes(names, Uint8Array.of(0)));
}

async function duplicate(
  bench: PolicyBench,
  policy: Assertion,
  attempts: (name: Uint8Array) => readonly (readonly Assertion[])[],
): Promise<number[]> {
  const object = await bench.sealed(await bench.digest(policy), EMPTY, MOVABLE);
  const codes: number[] = [];
  for (const assertions of attempts(nameOf(object))) {
    const session = await bench.session(...assertions);
    const reply = await bench.client.call({
      code: TPM_CC.Duplicate,
      handles: [object, NO_PARENT],
      parameters: words(0, 0x0010),
      sessions: [{ session, authorizes: object }],
    });
    codes.push(reply.code);
    await bench.client.flush(session);
  }
  await bench.client.flush(object);
  return codes;
}

async function changeIndexAuth(bench: PolicyBench, policy: Assertion): Promise<number[]> {
  const index = await bench.index(await bench.digest(policy));
  const session = await bench.session(policy);
  const reply = await bench.client.call({
    code: TPM_CC.NV_ChangeAuth,
    handles: [index],
    parameters: words(0),
    sessions: [{ session, authorizes: index }],
  });
  await bench.client.flush(session);
  await bench.undefine(index);
  return [reply.code];
}

const select = duplicationSelect(EMPTY, NO_PARENT);

/** Each with the codes of swtpm. */
export const ROLE_CASES: readonly UseCase[] = [
  [
    'PolicyDuplicationSelect of the object and parent, another object, another parent',
    [0, 0x99d, 0x99d],
    (bench) =>
      duplicate(bench, select, (name) => [
        [duplicationSelect(name, NO_PARENT)],
        [select],
        [duplicationSelect(name, OTHER_PARENT)],
      ]),
  ],
  [
    'a duplication that PolicyCommandCode allows',
    [0],
    (bench) =>
      duplicate(bench, commandCode(TPM_CC.Duplicate), () => [[commandCode(TPM_CC.Duplicate)]]),
  ],
  [
    'a duplication without PolicyCommandCode',
    [0x99d],
    (bench) => duplicate(bench, authValue, () => [[authValue]]),
  ],
  [
    'the admin role with PolicyCommandCode',
    [0],
    (bench) => changeIndexAuth(bench, commandCode(TPM_CC.NV_ChangeAuth)),
  ],
  [
    'the admin role without PolicyCommandCode',
    [0x99d],
    (bench) => changeIndexAuth(bench, authValue),
  ],
];
