import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { changeAuth, getRandom, LOCKOUT, OWNER, PLATFORM } from '../../test/session-cases.js';
import { type ClientSession, password, SESSION } from '../../test/session-client.js';
import { type SessionTpm, sessionTpm } from '../../test/session-tpm.js';
import { createStorageKey } from '../../test/storage-key.js';

const EMPTY = new Uint8Array(0);
const WRONG = Uint8Array.of(1, 2, 3);
const PROTECTED = 0x0003_0072;
const RECOVERY = 1_000_000;

/** A session whose key contains the authValue of an object under protection. */
async function boundSession({ client }: SessionTpm, objectAttributes = PROTECTED) {
  const authValue = Uint8Array.of(0x61);
  const bind = await createStorageKey(client, 'ecc', { authValue, objectAttributes });
  const session = await client.startAuthSession({ bind });
  await client.flush(bind);
  return session;
}

async function tryOwner({ client }: SessionTpm, session: ClientSession, hmac?: Uint8Array) {
  return changeAuth(client, OWNER, EMPTY, { session, authorizes: OWNER, ...(hmac && { hmac }) });
}

describe('failed tries', () => {
  it('are counted to maxTries; then nothing under protection works, right or wrong', async () => {
    const bench = await sessionTpm();
    const session = await boundSession(bench);
    const audit = { session, attributes: SESSION.continue | SESSION.audit };
    expect(await tryOwner(bench, session, WRONG)).toBe(0x98e);
    expect(await getRandom(bench.client, { ...audit, hmac: WRONG })).toBe(0x98e);
    expect(await tryOwner(bench, session)).toBe(0);
    expect(await bench.failedTries()).toBe(2);
    expect(await tryOwner(bench, session, WRONG)).toBe(0x98e);
    expect(await tryOwner(bench, session)).toBe(0x921);
    expect(await tryOwner(bench, session, WRONG)).toBe(0x921);
    expect(await getRandom(bench.client, audit)).toBe(0x921);
    expect(await bench.failedTries()).toBe(3);
    expect(await changeAuth(bench.client, OWNER, EMPTY, password(OWNER))).toBe(0);
  });

  it('are not counted of a session bound to an object with noDA', async () => {
    const bench = await sessionTpm();
    const session = await boundSession(bench, PROTECTED | 0x400);
    expect(await tryOwner(bench, session, WRONG)).toBe(0x9a2);
    expect(await bench.failedTries()).toBe(0);
  });

  it('are forgotten one by one, each after recoveryTime without another failure', async () => {
    const bench = await sessionTpm();
    const session = await boundSession(bench);
    for (let count = 1; count <= 3; count++) await tryOwner(bench, session, WRONG);
    bench.clock.advance(RECOVERY - 1);
    expect(await tryOwner(bench, session)).toBe(0x921);
    bench.clock.advance(1);
    expect(await bench.failedTries()).toBe(2);
    bench.clock.advance(RECOVERY / 2);
    expect(await tryOwner(bench, session, WRONG)).toBe(0x98e);
    bench.clock.advance(RECOVERY / 2);
    expect(await bench.failedTries()).toBe(3);
    bench.clock.advance(5 * RECOVERY);
    expect(await bench.failedTries()).toBe(0);
  });

  it('are stored before the guest sees the refusal', async () => {
    const bench = await sessionTpm();
    const session = await boundSession(bench);
    bench.tpm.permanentChanged = false;
    await tryOwner(bench, session, WRONG);
    expect(bench.tpm.permanentChanged).toBe(true);
  });

  it('survive power-off, and so does the time that was waited before a Shutdown', async () => {
    const bench = await sessionTpm();
    await tryOwner(bench, await boundSession(bench), WRONG);
    bench.clock.advance(RECOVERY - 10);
    await bench.shutdown();
    bench.clock.advance(RECOVERY);
    await bench.restart();
    expect(await bench.failedTries()).toBe(1);
    bench.clock.advance(9);
    expect(await bench.failedTries()).toBe(1);
    bench.clock.advance(1);
    expect(await bench.failedTries()).toBe(0);
  });

  it('are one more after a stop without Shutdown that followed a use, and the wait begins again', async () => {
    const bench = await sessionTpm();
    const session = await boundSession(bench);
    await bench.restart();
    expect(await bench.failedTries()).toBe(0);
    expect(await tryOwner(bench, await boundSession(bench))).toBe(0);
    bench.clock.advance(RECOVERY - 1);
    await bench.restart();
    expect(await bench.failedTries()).toBe(1);
    bench.clock.advance(RECOVERY - 1);
    expect(await bench.failedTries()).toBe(1);
    await bench.restart();
    expect(await bench.failedTries()).toBe(1);
    expect(await tryOwner(bench, session)).toBe(0x918);
  });

  it('of a use are foreseen in the store, and a Shutdown before the use is undone', async () => {
    const bench = await sessionTpm();
    const session = await boundSession(bench);
    await bench.shutdown();
    bench.tpm.permanentChanged = false;
    expect(await tryOwner(bench, session)).toBe(0);
    expect(bench.tpm.permanentChanged).toBe(true);
    await bench.restart();
    expect(await bench.failedTries()).toBe(1);
  });

  it('are not added after a use that a Shutdown followed', async () => {
    const bench = await sessionTpm();
    expect(await tryOwner(bench, await boundSession(bench))).toBe(0);
    await bench.shutdown();
    await bench.restart();
    expect(await bench.failedTries()).toBe(0);
  });

  it('are not counted while recoveryTime is zero', async () => {
    const bench = await sessionTpm();
    bench.tpm.state.permanent.recoveryTime = 0;
    const session = await boundSession(bench);
    expect(await tryOwner(bench, session, WRONG)).toBe(0x98e);
    await bench.restart();
    expect(await bench.failedTries()).toBe(0);
  });

  it('with maxTries zero nothing under protection ever works', async () => {
    const bench = await sessionTpm();
    bench.tpm.state.permanent.maxTries = 0;
    expect(await tryOwner(bench, await boundSession(bench))).toBe(0x921);
  });
});

describe('lockoutAuth', () => {
  const change = ({ client }: SessionTpm, hmac?: Uint8Array) =>
    changeAuth(client, LOCKOUT, EMPTY, password(LOCKOUT, hmac));

  it('is off after one failure, without counting a try, until lockoutRecovery is over', async () => {
    const bench = await sessionTpm();
    expect(await change(bench, WRONG)).toBe(0x98e);
    expect(await change(bench)).toBe(0x921);
    expect(await bench.failedTries()).toBe(0);
    bench.clock.advance(RECOVERY - 1);
    expect(await change(bench)).toBe(0x921);
    bench.clock.advance(1);
    expect(await change(bench)).toBe(0);
  });

  it('works while other authValues are locked out', async () => {
    const bench = await sessionTpm();
    bench.tpm.state.permanent.failedTries = 3;
    expect(await change(bench)).toBe(0);
  });

  it('stays off over Shutdown and Startup for what is left of the time', async () => {
    const bench = await sessionTpm();
    await change(bench, WRONG);
    bench.clock.advance(RECOVERY - 100);
    await bench.shutdown();
    await bench.restart();
    expect(await change(bench)).toBe(0x921);
    bench.clock.advance(100);
    expect(await change(bench)).toBe(0);
  });

  it('waits the whole time again after a stop without Shutdown', async () => {
    const bench = await sessionTpm();
    await change(bench, WRONG);
    bench.clock.advance(RECOVERY - 100);
    await bench.restart();
    bench.clock.advance(RECOVERY - 1);
    expect(await change(bench)).toBe(0x921);
    bench.clock.advance(1);
    expect(await change(bench)).toBe(0);
  });

  it('with lockoutRecovery zero it comes back at the next start only', async () => {
    const bench = await sessionTpm();
    bench.tpm.state.permanent.lockoutRecovery = 0;
    await change(bench, WRONG);
    bench.clock.advance(10 * RECOVERY);
    expect(await change(bench)).toBe(0x921);
    await bench.shutdown();
    await bench.restart();
    expect(await change(bench)).toBe(0);
  });

  it('is back after TPM2_Clear by the platform', async () => {
    const bench = await sessionTpm();
    await change(bench, WRONG);
    const call = { code: TPM_CC.Clear, handles: [PLATFORM], sessions: [password(PLATFORM)] };
    expect((await bench.client.call(call)).code).toBe(0);
    expect(await change(bench)).toBe(0);
  });

  it('a failure of a session bound to lockout switches it off as well, and the session', async () => {
    const bench = await sessionTpm();
    const session = await bench.client.startAuthSession({ bind: LOCKOUT });
    expect(await tryOwner(bench, session, WRONG)).toBe(0x98e);
    expect(await tryOwner(bench, session)).toBe(0x921);
    expect(await change(bench)).toBe(0x921);
    expect(await bench.failedTries()).toBe(0);
  });

  it('a failure after a Shutdown leaves it off over the next start too', async () => {
    const bench = await sessionTpm();
    await bench.shutdown();
    expect(await change(bench, WRONG)).toBe(0x98e);
    await bench.restart();
    expect(await change(bench)).toBe(0x921);
  });

  it('its use and a stop without Shutdown count no failed try', async () => {
    const bench = await sessionTpm();
    expect(await change(bench)).toBe(0);
    await bench.restart();
    expect(await bench.failedTries()).toBe(0);
  });
});
