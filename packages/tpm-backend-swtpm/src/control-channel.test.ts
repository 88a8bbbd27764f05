import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bench, codes, FAILURE, SUCCESS } from '../test/scripted-bench.js';
import { fromHex, toHex } from '../test/scripted-swtpm.js';

describe('control channel of SwtpmBackend', () => {
  it('SwtpmBackend takes a silent control channel as loss after the time limit', async () => {
    const { peer, events, run } = await bench({ timeLimits: { answer: 300 } });
    peer.scripts.SET_LOCALITY = () => undefined;
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual([
      'command-failed ERR_CONTROL_TIMEOUT',
      'lost ERR_CONTROL_TIMEOUT',
    ]);
    expect(events[1]!.error.message).toBe(
      'swtpm did not answer SET_LOCALITY within 300 ms; restart swtpm',
    );
  });

  it('SwtpmBackend gives INIT a time limit of its own', async () => {
    const { backend, peer } = await bench({
      timeLimits: { answer: 5000, init: 300 },
      stopped: true,
    });
    peer.scripts.INIT = () => undefined;
    await expect(backend.start({ bufferSize: 4096 })).rejects.toThrow('INIT within 300 ms');
  });

  it('SwtpmBackend stops the clock of a control answer while a TPM command runs', async () => {
    const { backend, peer, events, run } = await bench({ timeLimits: { answer: 300 } });
    peer.command = () => {
      setTimeout(() => peer.data.send(fromHex(SUCCESS)), 700);
      return undefined;
    };
    peer.scripts.CANCEL_TPM_CMD = () => {
      setTimeout(() => peer.control.send(new Uint8Array(4)), 750);
      return undefined;
    };
    await run();
    const answered = run();
    await delay(5);
    backend.cancel();
    expect(toHex((await answered).response)).toBe(SUCCESS);
    await delay(100);
    expect(events).toEqual([]);
  });

  it.each([
    ['after a success answer', '0000000000'],
    ['after an error answer', '0000000900000000'],
  ])('SwtpmBackend takes surplus control bytes %s as loss', async (_name, answer) => {
    const { peer, events, run } = await bench();
    peer.scripts.SET_LOCALITY = () => fromHex(answer);
    await run();
    expect(codes(events)).toContain('lost ERR_CONTROL_PROTOCOL');
  });

  it('SwtpmBackend takes control bytes without a request as loss', async () => {
    const { peer, events } = await bench();
    peer.control.send(new Uint8Array(4));
    await delay(10);
    expect(codes(events)).toEqual(['lost ERR_CONTROL_PROTOCOL']);
  });

  it('SwtpmBackend accepts a control answer in any split', async () => {
    const { backend, peer } = await bench();
    peer.scripts.SET_BUFFERSIZE = () => {
      peer.control.send(fromHex('00000000000008000000080000001000'), [1, 2, 3, 4]);
      return undefined;
    };
    expect(await backend.bufferSize()).toBe(2048);
  });

  it('ControlClient sends one request at a time, each with one write', async () => {
    const { backend, peer } = await bench();
    const { control } = backend;
    await Promise.all([
      control.getConfig(),
      control.stop(),
      control.hashData(new Uint8Array(9000)),
    ]);
    expect(peer.names).toEqual(['GET_CONFIG', 'STOP', 'HASH_DATA']);
    expect(peer.control.writes.map(({ length }) => length)).toEqual([4, 4, 9008]);
  });

  it('ControlClient.setStateBlob() writes head and data apart', async () => {
    const { backend, peer } = await bench();
    await backend.control.setStateBlob(1, 0, new Uint8Array(5000));
    expect(peer.control.writes.map(({ length }) => length)).toEqual([16, 5000]);
  });
});
