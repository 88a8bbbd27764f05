import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex } from '@tpmdev/testing/scripted-backend';
import { launchSwtpm, type SwtpmBackend } from 'tpm-backend-swtpm';
import { readUint32 } from 'tpm-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NV_SESSION_CASES } from './nv-session-cases.js';
import {
  changeAuth,
  exerciseSession,
  OWNER,
  REFUSALS,
  runRefusal,
  SESSION_KINDS,
} from './session-cases.js';
import { password, SessionClient } from './session-client.js';
import { START_CASES, type StartBench, startBench, useSequence } from './start-session-cases.js';

const STARTUP_CLEAR = fromHex('80010000000c000001440000');
const TPM_RC_RETRY = 0x922;

// The caller's side that the hermetic tests trust, against swtpm: where both agree the caller is
// right, so the embedded TPM is right where it agrees with the caller.
describe('SessionClient against swtpm', () => {
  const client = new SessionClient(async (command) => {
    for (;;) {
      const request = { command: command.slice(), locality: 0, responseCapacity: 4096 } as const;
      const { response } = await swtpm.execute(request);
      if (readUint32(response, 6) !== TPM_RC_RETRY) return response;
    }
  });
  const owner = { ...OWNER, authValue: Uint8Array.of(0x6f, 0x77, 0x6e) };
  let directory: string;
  let swtpm: SwtpmBackend;
  let bench: StartBench;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tpmdev-sessions-'));
    swtpm = await launchSwtpm({ stateDirectory: directory, tpmVersion: '2.0' });
    await swtpm.start({ bufferSize: 0 });
    expect(await client.raw(STARTUP_CLEAR)).toBe(0);
    bench = await startBench(client);
  });

  afterAll(async () => {
    await swtpm.close();
    await rm(directory, { recursive: true });
  });

  it.each(REFUSALS)(
    'swtpm gives the code that is expected for %s',
    async (_name, code, refusal) => {
      expect(await runRefusal(client, refusal)).toBe(code);
    },
  );

  it.each(START_CASES)(
    'swtpm gives the code that is expected for StartAuthSession with %s',
    async (_name, code, run) => {
      expect(await run(bench)).toBe(code);
    },
  );

  it.each(NV_SESSION_CASES)('swtpm answers as expected to %s', async (_name, run, results) => {
    expect(await run(client)).toEqual(results);
  });

  it('swtpm takes HMAC sessions for a sequence, also when it ends with the command', async () => {
    expect(await useSequence(client)).toEqual([0x9a2, 0x9a2, 0, 0]);
  });

  it.each(SESSION_KINDS)(
    'swtpm and the caller agree on every HMAC and parameter: %s',
    async (_name, kind) => {
      expect(await changeAuth(client, OWNER, owner.authValue, password(OWNER))).toBe(0);
      expect(await exerciseSession(client, kind, owner, bench.keys)).toEqual([]);
      expect(await changeAuth(client, owner, new Uint8Array(0), password(owner))).toBe(0);
    },
  );
});
