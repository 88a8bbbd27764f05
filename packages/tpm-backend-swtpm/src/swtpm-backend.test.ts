import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bench, codes, FAILURE, STARTUP, SUCCESS } from '../test/scripted-bench.js';
import { fromHex, type ScriptedSwtpm, toHex } from '../test/scripted-swtpm.js';

describe('SwtpmBackend life cycle', () => {
  it('SwtpmBackend.start() answers with the smaller size when swtpm insists on one', async () => {
    const { backend, peer } = await bench({ stopped: true });
    peer.scripts.SET_BUFFERSIZE = () => fromHex('0000000000000b0000000af800000b00');
    expect(await backend.start({ bufferSize: 4096 })).toBe(0xb00);
    expect(await backend.start({ bufferSize: 100 })).toBe(100);
  });

  it.each(['STOP', 'SET_BUFFERSIZE', 'INIT'] as const)(
    'SwtpmBackend.start() rejects when %s is refused',
    async (name) => {
      const { backend, peer } = await bench({ stopped: true });
      peer.scripts[name] = () => fromHex('00000009');
      await expect(backend.start({ bufferSize: 4096 })).rejects.toMatchObject({
        code: 'ERR_CONTROL_REFUSED',
        resultCode: 9,
      });
    },
  );

  it('SwtpmBackend.bufferSize() is 4096 when swtpm can not tell', async () => {
    const { backend, peer, events } = await bench();
    peer.scripts.SET_BUFFERSIZE = () => fromHex('0000000a');
    expect(await backend.bufferSize()).toBe(4096);
    expect(codes(events)).toEqual(['warning ERR_CONTROL_REFUSED']);
  });

  it('SwtpmBackend.start() waits for an outstanding command', async () => {
    const { backend, peer, run } = await bench();
    await run();
    peer.clear();
    peer.command = () => {
      setTimeout(() => peer.data.send(fromHex(SUCCESS)), 30);
      return undefined;
    };
    const answered = run();
    const started = backend.start({ bufferSize: 4096 });
    const later = answered.then(() => run());
    await Promise.all([answered, started, later]);
    expect(peer.log.map((entry) => entry.split(' ')[0])).toEqual([
      'data',
      'STOP',
      'SET_BUFFERSIZE',
      'INIT',
      'GET_TPMESTABLISHED',
      'data',
    ]);
  });

  it('SwtpmBackend keeps the order of operations and commands between them', async () => {
    const { backend, peer, run } = await bench();
    const turns = [backend.bufferSize(), run(), backend.snapshot(), backend.bufferSize()];
    await Promise.all(turns);
    expect(peer.log.map((entry) => entry.split(' ')[0])).toEqual([
      ...['STOP', 'SET_BUFFERSIZE', 'SET_LOCALITY', 'data'],
      ...['GET_STATEBLOB', 'GET_STATEBLOB', 'GET_STATEBLOB', 'STOP', 'SET_BUFFERSIZE'],
    ]);
  });

  it('SwtpmBackend.cancel() sends a cancel only while a command runs, and one at a time', async () => {
    const { backend, peer, run } = await bench();
    backend.cancel();
    peer.command = () => {
      for (let count = 0; count < 1000; count++) backend.cancel();
      return fromHex(SUCCESS);
    };
    await run();
    await delay(10);
    expect(peer.names).toEqual(['SET_LOCALITY', 'CANCEL_TPM_CMD']);
  });

  it('SwtpmBackend.cancel() sends nothing when swtpm can not cancel, and reports a refusal', async () => {
    const prepare = (peer: ScriptedSwtpm): void => {
      peer.scripts.GET_CAPABILITY = () => fromHex('000000000000ffdf');
    };
    const without = await bench({ prepare });
    const running = without.run();
    await delay(1);
    without.backend.cancel();
    await running;
    expect(without.peer.names).toEqual(['SET_LOCALITY']);
    const refusing = await bench();
    refusing.peer.scripts.CANCEL_TPM_CMD = () => fromHex('00000009');
    refusing.peer.command = () => {
      refusing.backend.cancel();
      return fromHex(SUCCESS);
    };
    expect((await refusing.run()).failed).toBe(false);
    await delay(10);
    expect(codes(refusing.events)).toEqual(['warning ERR_CONTROL_REFUSED']);
  });

  it('SwtpmBackend.close() answers an outstanding command, then shuts down, once', async () => {
    const { backend, peer, events, run } = await bench();
    await run();
    const answered = run();
    await Promise.all([backend.close(), backend.close()]);
    expect(toHex((await answered).response)).toBe(SUCCESS);
    expect(peer.names).toEqual(['SET_LOCALITY', 'SHUTDOWN']);
    expect(events).toEqual([]);
    expect(toHex((await run()).response)).toBe(FAILURE);
    await expect(backend.snapshot()).rejects.toMatchObject({ code: 'ERR_BACKEND_CLOSED' });
  });

  it('SwtpmBackend.close() ends although swtpm hangs', async () => {
    const { backend, peer, run } = await bench({ timeLimits: { close: 20 } });
    peer.command = () => undefined;
    const answered = run();
    await delay(5);
    await backend.close();
    expect(toHex((await answered).response)).toBe(FAILURE);
  });

  it('SwtpmBackend.trace receives requests, answers, commands and responses', async () => {
    const { backend, run } = await bench();
    const seen: string[] = [];
    backend.trace = (event) => {
      const name = 'name' in event ? event.name : '';
      if ('bytes' in event) seen.push(`${event.type} ${name} ${toHex(event.bytes)}`);
    };
    await run();
    expect(seen).toEqual([
      'control-request SET_LOCALITY 0000000500000000',
      'control-response SET_LOCALITY 00000000',
      `command  ${toHex(STARTUP)}`,
      `response  ${SUCCESS}`,
    ]);
  });
});

describe('established flag of SwtpmBackend', () => {
  const set = (): Uint8Array => fromHex('0000000001000000');

  it('SwtpmBackend.established is asked after each start and false when swtpm can not tell', async () => {
    const { backend, peer, events } = await bench();
    expect(backend.established).toBe(false);
    peer.scripts.GET_TPMESTABLISHED = set;
    await backend.start({ bufferSize: 4096 });
    expect(backend.established).toBe(true);
    peer.scripts.GET_TPMESTABLISHED = () => fromHex('0000000a');
    await backend.start({ bufferSize: 4096 });
    expect(backend.established).toBe(false);
    expect(codes(events)).toEqual(['warning ERR_CONTROL_REFUSED']);
  });

  it('SwtpmBackend.resetEstablished() sends the locality set last, 0xff before any', async () => {
    const { backend, peer, run } = await bench();
    peer.scripts.RESET_TPMESTABLISHED = (bytes) =>
      fromHex(bytes[4]! === 3 ? '00000000' : '0000003d');
    await backend.resetEstablished(3);
    await run(STARTUP, 3);
    peer.scripts.GET_TPMESTABLISHED = set;
    await Promise.all([backend.resetEstablished(0), backend.resetEstablished(0)]);
    expect(peer.log.filter((entry) => !entry.startsWith('data'))).toEqual([
      'RESET_TPMESTABLISHED 0000000bff000000',
      'SET_LOCALITY 0000000503000000',
      'RESET_TPMESTABLISHED 0000000b03000000',
      'GET_TPMESTABLISHED 00000004',
    ]);
    expect(backend.established).toBe(true);
  });

  it('SwtpmBackend.resetEstablished() sends nothing for a TPM 1.2', async () => {
    const { backend, peer } = await bench({ tpmVersion: '1.2' });
    await backend.resetEstablished(3);
    expect(peer.log).toEqual([]);
  });
});
