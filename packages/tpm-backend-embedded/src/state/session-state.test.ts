import { TPM_RC, TPM_RC_FORMAT_ONE } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { aesCfb, xorWith } from '../../test/session-cryptography.js';
import { sessionTpm } from '../../test/session-tpm.js';
import { sessionAt } from '../sessions/session-table.js';
import { marshalled, Unmarshaller } from '../structures/wire-type.js';
import { SESSION_STATE } from './session-state.js';

describe('SESSION_STATE', () => {
  it('gives back what it wrote, policy and all', async () => {
    const { client, tpm } = await sessionTpm();
    await client.startAuthSession({ type: 1, symmetric: xorWith(0x000b) });
    const session = sessionAt(tpm, 0)!;
    Object.assign(session.policy, { pcrCounter: 5, timeout: 9n, nvWritten: false });
    session.auditDigest = new Uint8Array(32);
    const reader = new Unmarshaller(marshalled(SESSION_STATE, session));
    expect(SESSION_STATE.unmarshal(reader)).toEqual(session);
    expect([reader.failure, reader.remaining]).toEqual([TPM_RC.SUCCESS, 0]);
  });

  it('refuses AES in another mode than CFB, which no session has', async () => {
    const { client, tpm } = await sessionTpm();
    await client.startAuthSession({ symmetric: aesCfb(128) });
    const session = sessionAt(tpm, 0)!;
    const other = { ...session, symmetric: { ...session.symmetric, mode: 0x0042 } };
    const reader = new Unmarshaller(marshalled(SESSION_STATE, other));
    SESSION_STATE.unmarshal(reader);
    expect(reader.failure).toBe(TPM_RC_FORMAT_ONE.MODE);
  });
});
