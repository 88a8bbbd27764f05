import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import {
  changeAuth,
  exerciseSession,
  getRandom,
  OWNER,
  SESSION_KINDS,
} from '../../test/session-cases.js';
import { password, SESSION } from '../../test/session-client.js';
import { aesCfb } from '../../test/session-cryptography.js';
import { sessionTpm } from '../../test/session-tpm.js';
import { createStorageKey } from '../../test/storage-key.js';

const AUTH = Uint8Array.of(0x6f, 0x77, 0x6e);
const OTHER = Uint8Array.of(0x6f, 0x74);

describe('sessions of an independent caller', async () => {
  const { client } = await sessionTpm();
  const keys = {
    ecc: await createStorageKey(client, 'ecc'),
    rsa: await createStorageKey(client, 'rsa', { nameAlg: 0x000c }),
  };
  const owner = { ...OWNER, authValue: AUTH };
  await changeAuth(client, OWNER, AUTH, password(OWNER));

  it.each(SESSION_KINDS)(
    'Tpm.execute() and the caller agree on every HMAC and parameter: %s',
    async (_name, kind) => {
      expect(await exerciseSession(client, kind, owner, keys)).toEqual([]);
    },
  );

  it.each(
    [0x000b, 0x000c, 0x000d].flatMap((nameAlg) => [3, 4, 5].map((curve) => [nameAlg, curve])),
  )(
    'StartAuthSession takes a salt for a key with nameAlg %i on curve %i',
    async (nameAlg, curve) => {
      const saltKey = await createStorageKey(client, 'ecc', { nameAlg, curve });
      const session = await client.startAuthSession({ saltKey, hashAlg: 0x000c });
      expect(await getRandom(client, { session, attributes: SESSION.audit })).toBe(0);
      await client.flush(saltKey);
    },
  );

  it('StartAuthSession itself takes a session that decrypts and encrypts', async () => {
    const outer = await client.startAuthSession({ symmetric: aesCfb(128), saltKey: keys.rsa });
    const attributes = SESSION.decrypt | SESSION.encrypt;
    const session = await client.startAuthSession({
      saltKey: keys.ecc,
      symmetric: aesCfb(256),
      sessions: [{ session: outer, attributes }],
    });
    expect(await getRandom(client, { session, attributes: SESSION.encrypt })).toBe(0);
  });
});

describe('HMAC key after a change of authValue', () => {
  it('a bound session answers without the authValue and needs the new one from then on', async () => {
    const { client } = await sessionTpm();
    const session = await client.startAuthSession({ bind: OWNER });
    expect(await changeAuth(client, OWNER, AUTH, { session, authorizes: OWNER })).toBe(0);
    const stale = { session, authorizes: OWNER };
    expect(await changeAuth(client, OWNER, OTHER, stale)).toBe(0x9a2);
    const owner = { ...OWNER, authValue: AUTH };
    expect(await changeAuth(client, owner, OTHER, { session, authorizes: owner })).toBe(0);
  });

  it('an unbound session answers with the new authValue', async () => {
    const { client } = await sessionTpm();
    const session = await client.startAuthSession();
    expect(await changeAuth(client, OWNER, AUTH, { session, authorizes: OWNER })).toBe(0);
    const owner = { ...OWNER, authValue: AUTH };
    expect(await changeAuth(client, owner, OTHER, { session, authorizes: owner })).toBe(0);
  });

  it('a session bound to another entity includes the authValue of the one it authorizes', async () => {
    const { client } = await sessionTpm();
    const lockout = { handle: 0x4000_000a };
    const session = await client.startAuthSession({ bind: lockout });
    expect(await changeAuth(client, OWNER, AUTH, { session, authorizes: OWNER })).toBe(0);
    const owner = { ...OWNER, authValue: AUTH };
    expect(await changeAuth(client, owner, OTHER, { session, authorizes: owner })).toBe(0);
  });

  it('trailing zeros of an authValue count in no session', async () => {
    const { client } = await sessionTpm();
    const padded = Uint8Array.of(...AUTH, 0, 0);
    expect(await changeAuth(client, OWNER, padded, password(OWNER))).toBe(0);
    const owner = { ...OWNER, authValue: AUTH };
    const bound = await client.startAuthSession({ bind: owner });
    const unbound = await client.startAuthSession();
    expect(await changeAuth(client, owner, AUTH, { session: bound, authorizes: owner })).toBe(0);
    expect(await changeAuth(client, owner, AUTH, password(owner, padded))).toBe(0);
    expect(await changeAuth(client, owner, AUTH, { session: unbound, authorizes: owner })).toBe(0);
  });
});

describe('nonceTPM', () => {
  it('keeps the size of the first nonceCaller and changes with every success only', async () => {
    const { client } = await sessionTpm();
    const session = await client.startAuthSession({ nonceSize: 20 });
    const first = session.nonceTPM;
    expect(first).toHaveLength(20);
    const audit = { session, attributes: SESSION.continue | SESSION.audit };
    expect(await getRandom(client, { ...audit, nonce: new Uint8Array(31) })).toBe(0);
    const second = session.nonceTPM;
    expect(second).toHaveLength(20);
    expect(second).not.toEqual(first);
    expect(await getRandom(client, { ...audit, hmac: first })).toBe(0x9a2);
    const refused = await client.call({
      code: TPM_CC.GetCapability,
      parameters: Uint8Array.of(0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0),
      sessions: [audit],
    });
    expect(refused.code).toBe(0x1c4);
    expect(await getRandom(client, audit)).toBe(0);
  });

  it('continueSession ends the session after success and not after failure', async () => {
    const { client } = await sessionTpm();
    const session = await client.startAuthSession();
    expect(await getRandom(client, { session, attributes: SESSION.audit, hmac: AUTH })).toBe(0x9a2);
    expect(await getRandom(client, { session, attributes: SESSION.audit })).toBe(0);
    expect(await getRandom(client, { session, attributes: SESSION.audit })).toBe(0x918);
  });
});
