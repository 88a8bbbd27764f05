import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { changeAuth, getRandom, OWNER } from '../../test/session-cases.js';
import { type ClientSession, password, SESSION } from '../../test/session-client.js';
import { aesCfb } from '../../test/session-cryptography.js';
import { type SessionTpm, sessionTpm } from '../../test/session-tpm.js';
import { sessionAt } from './session-table.js';

const AUDIT = SESSION.continue | SESSION.audit;
const EXCLUSIVE = AUDIT | SESSION.auditExclusive;
const RESET = AUDIT | SESSION.auditReset;
const EMPTY = new Uint8Array(0);

async function attributesOf(bench: SessionTpm, session: ClientSession, attributes: number) {
  const reply = await bench.client.call({
    code: TPM_CC.GetRandom,
    parameters: Uint8Array.of(0, 4),
    sessions: [{ session, attributes }],
  });
  return reply.code === 0 ? reply.attributes[0] : reply.code;
}

describe('audit sessions', () => {
  it('auditCommand() extends the digest by cpHash and rpHash, over cipher text', async () => {
    const { client, tpm } = await sessionTpm();
    const session = await client.startAuthSession();
    const cipher = await client.startAuthSession({ symmetric: aesCfb(128), bind: OWNER });
    const encrypt = { session: cipher, attributes: SESSION.continue | SESSION.encrypt };
    const decrypt = { session: cipher, attributes: SESSION.continue | SESSION.decrypt };
    await getRandom(client, { session, attributes: AUDIT }, encrypt);
    const audit = { session, attributes: AUDIT, authorizes: OWNER };
    await changeAuth(client, OWNER, EMPTY, audit, decrypt);
    expect(session.auditDigest).toHaveLength(32);
    expect(sessionAt(tpm, 0)?.auditDigest).toEqual(session.auditDigest);
    await getRandom(client, { session, attributes: RESET });
    expect(sessionAt(tpm, 0)?.auditDigest).toEqual(session.auditDigest);
  });

  it('a refused command leaves the digest as it was', async () => {
    const { client, tpm } = await sessionTpm();
    const session = await client.startAuthSession();
    await getRandom(client, { session, attributes: AUDIT });
    const before = session.auditDigest;
    const wrong = { session, attributes: AUDIT, hmac: Uint8Array.of(1) };
    expect(await getRandom(client, wrong)).toBe(0x9a2);
    expect(sessionAt(tpm, 0)?.auditDigest).toEqual(before);
  });

  it('auditExclusive is shown until another command comes, and again after auditReset', async () => {
    const bench = await sessionTpm();
    const session = await bench.client.startAuthSession();
    const other = await bench.client.startAuthSession();
    expect(await attributesOf(bench, session, EXCLUSIVE)).toBe(EXCLUSIVE);
    expect(await attributesOf(bench, session, AUDIT)).toBe(EXCLUSIVE);
    expect(await attributesOf(bench, other, AUDIT)).toBe(EXCLUSIVE);
    expect(await attributesOf(bench, session, EXCLUSIVE)).toBe(0x121);
    expect(await attributesOf(bench, session, AUDIT)).toBe(AUDIT);
    expect(await attributesOf(bench, session, EXCLUSIVE)).toBe(0x121);
    expect(await attributesOf(bench, session, RESET)).toBe(RESET | SESSION.auditExclusive);
    expect(await getRandom(bench.client)).toBe(0);
    expect(await attributesOf(bench, session, EXCLUSIVE)).toBe(0x121);
    expect(await attributesOf(bench, session, RESET | SESSION.auditExclusive)).toBe(
      RESET | SESSION.auditExclusive,
    );
  });

  it('a refused command and commands without sessions leave the exclusive session so', async () => {
    const bench = await sessionTpm();
    const { client } = bench;
    const session = await client.startAuthSession();
    const other = await client.startAuthSession();
    await attributesOf(bench, session, RESET);
    expect(await changeAuth(client, OWNER, EMPTY, password(OWNER, Uint8Array.of(1)))).toBe(0x9a2);
    expect(await client.flush(other)).toBe(0);
    expect(await attributesOf(bench, session, EXCLUSIVE)).toBe(EXCLUSIVE);
  });

  it('lost exclusive audit is told before a wrong HMAC or password', async () => {
    const bench = await sessionTpm();
    const { client } = bench;
    const session = await client.startAuthSession();
    await attributesOf(bench, session, AUDIT);
    await getRandom(client);
    const wrong = { session, attributes: EXCLUSIVE, hmac: Uint8Array.of(1) };
    expect(await getRandom(client, wrong)).toBe(0x121);
    const use = { session, attributes: EXCLUSIVE };
    expect(await changeAuth(client, OWNER, EMPTY, password(OWNER, Uint8Array.of(1)), use)).toBe(
      0x121,
    );
  });

  it('a session that audits is bound no more from the next command on', async () => {
    const { client } = await sessionTpm();
    const owner = { ...OWNER, authValue: Uint8Array.of(7) };
    await changeAuth(client, OWNER, owner.authValue, password(OWNER));
    const session = await client.startAuthSession({ bind: owner });
    const use = { session, authorizes: owner };
    expect(await changeAuth(client, owner, owner.authValue, { ...use, attributes: AUDIT })).toBe(0);
    expect(await changeAuth(client, owner, owner.authValue, use)).toBe(0);
    session.bind = owner;
    expect(await changeAuth(client, owner, owner.authValue, use)).toBe(0x9a2);
  });
});

describe('command audit', () => {
  it('auditCommand() extends the digest of audited commands and counts the digests begun', async () => {
    const { client, tpm } = await sessionTpm();
    tpm.state.permanent.auditCommands = [TPM_CC.GetRandom];
    const hash = (...parts: Uint8Array[]) => sha256(concatBytes(...parts));
    let expected: Uint8Array = new Uint8Array(32);
    for (let round = 0; round < 2; round++) {
      const reply = await client.call({ code: TPM_CC.GetRandom, parameters: Uint8Array.of(0, 4) });
      const cpHash = hash(Uint8Array.of(0, 0, 1, 0x7b, 0, 4));
      const rpHash = hash(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0x7b), reply.parameters);
      expected = hash(expected, cpHash, rpHash);
    }
    await changeAuth(client, OWNER, EMPTY, password(OWNER));
    expect(tpm.state.reset.commandAuditDigest).toEqual(expected);
    expect(tpm.state.permanent.auditCounter).toBe(1n);
  });
});
