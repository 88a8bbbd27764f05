import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bench, codes, FAILURE, STARTUP, SUCCESS } from '../test/scripted-bench.js';
import { fromHex, toHex } from '../test/scripted-swtpm.js';
import { connectSwtpm } from './connect.js';

describe('SwtpmBackend.execute', () => {
  it('SwtpmBackend.execute() writes a command with one call and gives the response', async () => {
    const { peer, run } = await bench();
    expect(await run()).toEqual({ response: fromHex(SUCCESS), failed: false });
    expect(peer.data.writes.map(toHex)).toEqual([toHex(STARTUP)]);
  });

  it('SwtpmBackend.execute() sets a locality only when it differs from the last one set', async () => {
    const { peer, run } = await bench();
    for (const locality of [0, 0, 3, 3, 0] as const) await run(STARTUP, locality);
    expect(peer.log.filter((entry) => entry.startsWith('SET_LOCALITY'))).toEqual([
      'SET_LOCALITY 0000000500000000',
      'SET_LOCALITY 0000000503000000',
      'SET_LOCALITY 0000000500000000',
    ]);
  });

  it('SwtpmBackend.execute() sends nothing when a locality is refused, and asks again next time', async () => {
    const { peer, events, run } = await bench();
    peer.scripts.SET_LOCALITY = () => fromHex('0000003d');
    expect(await run(STARTUP, 4)).toEqual({ response: fromHex(FAILURE), failed: true });
    expect(events.map(({ type, error }) => `${type}: ${error.message}`)).toEqual([
      'command-failed: swtpm refused SET_LOCALITY 4: result 0x3d (bad locality)',
    ]);
    delete peer.scripts.SET_LOCALITY;
    expect((await run(STARTUP, 4)).failed).toBe(false);
    expect(peer.names).toEqual(['SET_LOCALITY', 'SET_LOCALITY']);
    expect(peer.data.writes.length).toBe(1);
  });

  it('SwtpmBackend.execute() answers a second command at once with a failure', async () => {
    const { events, run } = await bench();
    const first = run();
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_BACKEND_BUSY']);
    expect(toHex((await first).response)).toBe(SUCCESS);
  });

  it.each([
    ['shorter than a header', new Uint8Array(9)],
    ['longer than the buffer', new Uint8Array(4097)],
    ['with the TCG prefix that sets a locality', fromHex('000000080400000000')],
    ['with the TCG prefix and a command', fromHex('00000008040000000c80010000000c000001440000')],
  ])('SwtpmBackend.execute() never writes a command %s', async (_name, command) => {
    const { peer, events, run } = await bench();
    expect(await run(command)).toEqual({ response: fromHex(FAILURE), failed: true });
    expect(peer.log).toEqual([]);
    expect(codes(events)).toEqual(['command-failed ERR_COMMAND_FORM']);
  });

  it('SwtpmBackend.execute() forwards a size field that disagrees with the length', async () => {
    const { peer, run } = await bench();
    const command = fromHex('8001000000ff000001440000');
    peer.command = () => fromHex('80010000000a00000142');
    expect(toHex((await run(command)).response)).toBe('80010000000a00000142');
  });

  it('SwtpmBackend.execute() fails one command whose response has no room, and goes on', async () => {
    const { peer, events, run } = await bench();
    peer.command = () => fromHex(`8001000000100000000000000000${'00'.repeat(2)}`);
    expect(toHex((await run(STARTUP, 0, 12)).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_RESPONSE_SIZE']);
    expect((await run()).response.length).toBe(16);
  });

  it('SwtpmBackend.execute() accepts a response in any split and however late', async () => {
    const { peer, run } = await bench();
    const response = fromHex('80010000000e0000000001020304');
    for (const pieces of [[1, 1, 1], [9], [10], [13], [6, 4, 2, 1]]) {
      peer.command = () => {
        peer.data.send(response, pieces);
        return undefined;
      };
      expect((await run()).response).toEqual(response);
    }
  });

  it.each([
    ['a size field below 10', '80010000000900000000'],
    ['a size field above the buffer size', '80010000100100000000'],
    ['more bytes than its size field says', `${SUCCESS}00`],
  ])('SwtpmBackend.execute() takes a response with %s as loss', async (_name, response) => {
    const { peer, events, run } = await bench();
    peer.command = () => fromHex(response);
    expect(await run()).toEqual({ response: fromHex(FAILURE), failed: true });
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual([
      'command-failed ERR_DATA_PROTOCOL',
      'lost ERR_DATA_PROTOCOL',
      'command-failed ERR_DATA_PROTOCOL',
    ]);
  });

  it('SwtpmBackend takes a response without a command as loss', async () => {
    const { peer, events } = await bench();
    peer.data.send(fromHex(SUCCESS));
    await delay(20);
    expect(codes(events)).toEqual(['lost ERR_DATA_PROTOCOL']);
  });

  it.each([0, 4, 10])(
    'SwtpmBackend.execute() answers once when the data channel closes after %i bytes',
    async (length) => {
      const { peer, events, run } = await bench();
      peer.command = () => {
        peer.data.send(fromHex('80010000001400000000').subarray(0, length));
        setTimeout(() => peer.data.hangUp(), 5);
        return undefined;
      };
      expect(await run()).toEqual({ response: fromHex(FAILURE), failed: true });
      expect(toHex((await run()).response)).toBe(FAILURE);
      expect(codes(events)).toEqual([
        'command-failed ERR_DATA_LOST',
        'lost ERR_DATA_LOST',
        'command-failed ERR_DATA_LOST',
      ]);
      expect(events[0]!.error.message).toContain(`after ${length} bytes`);
    },
  );

  it('SwtpmBackend.execute() answers with a failure when the control channel closes', async () => {
    const { peer, events, run } = await bench();
    peer.command = () => {
      peer.control.hangUp();
      return undefined;
    };
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toEqual(['command-failed ERR_CONTROL_LOST', 'lost ERR_CONTROL_LOST']);
    await expect(connectSwtpm({ control: peer.control, data: peer.data })).rejects.toMatchObject({
      code: 'ERR_DATA_LOST',
    });
  });

  it('SwtpmBackend.execute() gives up a command after the time limit, when there is one', async () => {
    const { peer, events, run } = await bench({ timeLimits: { command: 100 } });
    peer.command = () => undefined;
    expect(toHex((await run()).response)).toBe(FAILURE);
    expect(codes(events)).toContain('lost ERR_COMMAND_TIMEOUT');
  });

  it('SwtpmBackend.execute() survives a host whose event handler is missing', async () => {
    const { backend, peer, run } = await bench();
    backend.onEvent = undefined;
    peer.data.destroy(new Error('broken pipe'));
    await delay(10);
    expect((await run()).failed).toBe(true);
  });
});
