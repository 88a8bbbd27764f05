import { TPM_CC } from 'tpm-core';
import { describe, expect, it } from 'vitest';
import { type SessionTpm, sessionTpm } from '../../test/session-tpm.js';
import { START_CASES, startBench, useSequence } from '../../test/start-session-cases.js';

describe('startAuthSession()', async () => {
  const { client } = await sessionTpm();
  const bench = await startBench(client);

  it.each(START_CASES)(
    'startAuthSession() has the code of swtpm for %s',
    async (_name, code, run) => {
      expect(await run(bench)).toBe(code);
    },
  );

  it('Tpm.execute() takes HMAC sessions for a sequence, also when it ends with the command', async () => {
    expect(await useSequence(client)).toEqual([0x9a2, 0x9a2, 0, 0]);
  });
});

describe('slots of sessions', () => {
  async function save({ client }: SessionTpm, handle: number): Promise<number> {
    return (await client.call({ code: TPM_CC.ContextSave, handles: [{ handle }] })).code;
  }

  it('addSession() takes the lowest free slot, whatever the type', async () => {
    const { client } = await sessionTpm();
    const handles: number[] = [];
    for (const type of [0, 1, 3]) handles.push((await client.startAuthSession({ type })).handle);
    expect(handles).toEqual([0x0200_0000, 0x0300_0001, 0x0300_0002]);
    expect(await client.tryStartAuthSession()).toBe(0x903);
    await client.flush({ handle: 0x0300_0001 });
    expect(await client.startAuthSession()).toMatchObject({ handle: 0x0200_0001 });
  });

  it('a saved session keeps its slot and makes room in memory', async () => {
    const bench = await sessionTpm();
    for (let count = 0; count < 5; count++) {
      const { handle } = await bench.client.startAuthSession();
      expect(handle).toBe(0x0200_0000 + count);
      expect(await save(bench, handle)).toBe(0);
    }
    await bench.client.flush({ handle: 0x0200_0003 });
    expect(await bench.client.startAuthSession()).toMatchObject({ handle: 0x0200_0003 });
  });
});
