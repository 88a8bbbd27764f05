import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import type { SessionTpm } from '../../test/session-tpm.js';
import { sessionTpm } from '../../test/session-tpm.js';
import { createStorageKey, type StorageKeyOptions } from '../../test/storage-key.js';
import { COMMAND_TABLE } from '../commands/command-table.js';
import { entityName } from '../entity.js';
import { SLOT_KIND } from '../state/object-state.js';
import type { PolicyState } from '../state/session-state.js';
import { TPM_RH } from '../structures/handles.js';
import { checkAuthorizations } from './authorization.js';
import { sessionAt } from './session-table.js';
import type { SessionUse } from './session-use.js';

const AUTH = Uint8Array.of(0x61, 0x62);
const WRONG = Uint8Array.of(1, 2, 3);
const EMPTY = new Uint8Array(0);
const NO_POLICY = new Uint8Array(32);
/** Fixed, sensitiveDataOrigin, noDA, restricted, decrypt; neither by authValue nor by policy. */
const BARE = 0x0003_0432;
const USER_WITH_AUTH = 0x40;
const ADMIN_WITH_POLICY = 0x80;
const NO_DA = 0x400;

type UseOf = 'password' | 'hmac' | 'policy';

/**
 * The check alone, for commands whose action it doesn't need: the first handle is a key that was
 * made with `options`, the others are the null hierarchy with the right password.
 */
async function check(
  code: number,
  options: StorageKeyOptions,
  by: UseOf,
  more: {
    readonly secret?: Uint8Array;
    readonly policy?: Partial<PolicyState>;
    readonly bench?: SessionTpm;
  } = {},
): Promise<number> {
  const { tpm, client } = more.bench ?? (await sessionTpm());
  const key = await createStorageKey(client, 'ecc', { authValue: AUTH, ...options });
  const session = await client.startAuthSession(by === 'policy' ? { type: 1 } : {});
  const state = sessionAt(tpm, 0)!;
  state.policy = { ...state.policy, ...more.policy };
  const command = COMMAND_TABLE.find((one) => one.code === code)!;
  const handles = command.handles.map((_, index) => (index === 0 ? key.handle : TPM_RH.NULL));
  const roles = command.handles.filter(({ role }) => role !== undefined).length;
  const sessions = handles.slice(0, roles).map((_, index): SessionUse => {
    const isPassword = index > 0 || by === 'password';
    return {
      number: index + 1,
      handle: isPassword ? TPM_RH.PW : session.handle,
      nonceCaller: EMPTY,
      attributes: 1,
      hmac: index > 0 ? EMPTY : (more.secret ?? (by === 'password' ? AUTH : EMPTY)),
      authorizes: index,
      session: isPassword ? undefined : state,
    };
  });
  const names = handles.map((handle) => entityName(tpm, handle));
  const result = checkAuthorizations(tpm, { command, handles, names, sessions, parameters: EMPTY });
  await client.flush(session);
  await client.flush(key);
  return result;
}

const user = { objectAttributes: BARE | USER_WITH_AUTH, authPolicy: NO_POLICY };
const policyOnly = { objectAttributes: BARE, authPolicy: NO_POLICY };
const admin = {
  objectAttributes: BARE | USER_WITH_AUTH | ADMIN_WITH_POLICY,
  authPolicy: NO_POLICY,
};

/** Command, key, session, expected code: those of swtpm. */
const CASES: readonly (readonly [string, number, StorageKeyOptions, UseOf, number])[] = [
  ['user role, userWithAuth, password', TPM_CC.Create, user, 'password', 0],
  ['user role, userWithAuth, policy', TPM_CC.Create, user, 'policy', 0],
  ['user role, userWithAuth clear, password', TPM_CC.Create, policyOnly, 'password', 0x12f],
  ['user role, userWithAuth clear, HMAC', TPM_CC.Create, policyOnly, 'hmac', 0x12f],
  ['user role, userWithAuth clear, policy', TPM_CC.Create, policyOnly, 'policy', 0],
  [
    'user role, empty policy, policy',
    TPM_CC.Create,
    { objectAttributes: user.objectAttributes },
    'policy',
    0x99d,
  ],
  ['admin role, adminWithPolicy clear, password', TPM_CC.Certify, user, 'password', 0],
  ['admin role without userWithAuth, password', TPM_CC.Certify, policyOnly, 'password', 0],
  ['admin role, adminWithPolicy, password', TPM_CC.Certify, admin, 'password', 0x124],
  ['admin role, adminWithPolicy, HMAC', TPM_CC.Certify, admin, 'hmac', 0x124],
  ['admin role, policy without a command code', TPM_CC.Certify, admin, 'policy', 0x99d],
  ['duplication role, password', TPM_CC.Duplicate, user, 'password', 0x124],
  ['duplication role, policy without a command code', TPM_CC.Duplicate, user, 'policy', 0x99d],
];

describe('checkAuthorizations() for objects', () => {
  it.each(CASES)('has the code of swtpm for %s', async (_name, code, options, by, expected) => {
    expect(await check(code, options, by)).toBe(expected);
  });

  it.each([TPM_CC.Certify, TPM_CC.Duplicate])(
    'takes a policy that names the command for admin and duplication role of command %i',
    async (commandCode) => {
      expect(await check(commandCode, admin, 'policy', { policy: { commandCode } })).toBe(0);
    },
  );

  it('refuses an object of which only the public area is loaded', async () => {
    const bench = await sessionTpm();
    const { slots } = bench.tpm.state.volatile;
    const key = await createStorageKey(bench.client, 'ecc', user);
    const slot = slots[0]!;
    if (slot.kind !== SLOT_KIND.OBJECT) throw new Error('No object in slot 0');
    slots[0] = { kind: SLOT_KIND.OBJECT, object: { ...slot.object, sensitive: undefined } };
    const command = COMMAND_TABLE.find(({ code }) => code === TPM_CC.Create)!;
    const use = { number: 1, handle: TPM_RH.PW, nonceCaller: EMPTY, attributes: 1, hmac: AUTH };
    const result = checkAuthorizations(bench.tpm, {
      command,
      handles: [key.handle],
      names: [key.name!],
      sessions: [{ ...use, authorizes: 0, session: undefined }],
      parameters: EMPTY,
    });
    expect(result).toBe(0x12f);
  });

  it('counts failures with a protected object, and looks at lockout before anything else', async () => {
    const bench = await sessionTpm();
    const counted = { ...user, objectAttributes: user.objectAttributes & ~NO_DA };
    const wrong = { bench, secret: WRONG };
    expect(await check(TPM_CC.Create, user, 'password', wrong)).toBe(0x9a2);
    expect(await check(TPM_CC.Create, counted, 'hmac', wrong)).toBe(0x98e);
    expect(await check(TPM_CC.Create, counted, 'password', wrong)).toBe(0x98e);
    expect(await bench.failedTries()).toBe(2);
    expect(await check(TPM_CC.Create, counted, 'password', wrong)).toBe(0x98e);
    expect(await check(TPM_CC.Create, counted, 'password', { bench })).toBe(0x921);
    const noUser = { ...policyOnly, objectAttributes: BARE & ~NO_DA };
    expect(await check(TPM_CC.Create, noUser, 'password', { bench })).toBe(0x921);
    expect(await check(TPM_CC.Create, noUser, 'policy', { bench })).toBe(0);
    const policy = { authValueNeeded: true, policyDigest: new Uint8Array(32).fill(1) };
    expect(await check(TPM_CC.Create, noUser, 'policy', { bench, policy })).toBe(0x921);
    expect(await check(TPM_CC.Create, user, 'password', { bench })).toBe(0);
    expect(await bench.failedTries()).toBe(3);
  });
});
