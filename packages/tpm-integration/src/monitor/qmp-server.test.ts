import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { duplexPair } from '../../test/support/duplex-pair.js';
import { FakeMonitorHost } from '../../test/support/fake-monitor-host.js';
import { QmpClientLines } from '../../test/support/qmp-client-lines.js';
import { readSession, withoutTime } from '../../test/support/recorded-session.js';
import { QmpServer } from './qmp-server.js';

const NEGOTIATE = '{"execute":"qmp_capabilities"}';

/** A server and a client that has read the greeting. */
async function connect(host = new FakeMonitorHost(), pretty = false) {
  const [near, far] = duplexPair();
  const server = new QmpServer(host, near, { pretty, now: () => 1_700_000_000_123_456 });
  const client = new QmpClientLines(far);
  const greeting = pretty ? '' : await client.line();
  return { host, server, client, greeting };
}

describe('QmpServer', () => {
  test('greets with the version and the capabilities', async () => {
    const { greeting } = await connect();
    expect(greeting).toBe(
      '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, ' +
        '"package": "tpm-integration 0.1.0"}, "capabilities": ["oob"]}}',
    );
  });

  test.each(['qmp-qemu72.jsonl', 'qmp-oob-qemu72.jsonl'])(
    'answers like the QEMU of %s',
    async (file) => {
      const { client } = await connect();
      const recorded = readSession<string[]>(file);
      const answered = [];
      for (const { send } of recorded) {
        const lines = await client.exchange(Buffer.from(send, 'latin1'));
        answered.push({ send, receive: lines.map(withoutTime) });
      }
      expect(answered).toEqual(recorded);
    },
  );

  test('stamps events with the time', async () => {
    const { client } = await connect();
    await client.exchange(NEGOTIATE);
    expect(await client.exchange('{"execute":"cont"}')).toEqual([
      '{"timestamp": {"seconds": 1700000000, "microseconds": 123456}, "event": "RESUME"}',
      '{"return": {}}',
    ]);
  });

  test('sends no event before the negotiation', async () => {
    const { client, host } = await connect();
    host.announce({ name: 'STOP' });
    expect(await client.exchange(NEGOTIATE)).toEqual(['{"return": {}}']);
  });

  test('announces the end before it answers quit, and serves nothing behind it', async () => {
    const { client, server, host } = await connect();
    await client.exchange(NEGOTIATE);
    client.send('{"execute":"quit","id":1}{"execute":"stop"}');
    const lines = [withoutTime(await client.line()), await client.line()];
    expect(lines).toEqual([
      '{"timestamp": {"seconds": 0, "microseconds": 0}, "event": "SHUTDOWN", ' +
        '"data": {"guest": false, "reason": "host-qmp-quit"}}',
      '{"return": {}, "id": 1}',
    ]);
    await server.close();
    expect(await client.rest()).toEqual([]);
    expect(host.listenerCount).toBe(0);
  });

  test('cuts off a client that reads no events', async () => {
    const host = new FakeMonitorHost();
    const [near, far] = duplexPair();
    const server = new QmpServer(host, near, { pretty: false, now: () => 0 });
    far.write(NEGOTIATE);
    while (far.readableLength === 0 || !String(far.read()).includes('return')) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let count = 0; count < 100_000 && !near.destroyed; count++)
      host.announce({ name: 'STOP' });
    await server.closed;
    expect(host.listenerCount).toBe(0);
  });

  test('makes a client that reads no replies wait with its commands', async () => {
    const host = new FakeMonitorHost();
    const [near, far] = duplexPair();
    const server = new QmpServer(host, near, { pretty: false, now: () => 0 });
    const flood = `${NEGOTIATE}${'{"execute":"query-commands"}'.repeat(10_000)}`;
    far.write(flood);
    for (let turns = 0; turns < 1000; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(near.writableLength).toBeLessThan(100_000);
    }
    near.destroy();
    await server.closed;
  });

  test('ends without the answer of a command that hangs', async () => {
    const host = new FakeMonitorHost();
    host.reset = () => new Promise(() => {});
    const { client, server } = await connect(host);
    await client.exchange(NEGOTIATE);
    client.send('{"execute":"system_reset"}');
    await client.settled();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const closed = server.close();
    await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    await closed;
    expect(await client.rest()).toEqual([]);
  });

  test('spreads messages over lines when pretty', async () => {
    const { client } = await connect(undefined, true);
    client.send(NEGOTIATE);
    const lines: string[] = [];
    while (lines.at(-1) !== '    }' || !lines.includes('    "return": {')) {
      lines.push(await client.line());
    }
    expect(lines.join('\n')).toBe(
      '{\n    "QMP": {\n        "version": {\n            "qemu": {\n' +
        '                "micro": 0,\n                "minor": 2,\n                "major": 7\n' +
        '            },\n            "package": "tpm-integration 0.1.0"\n        },\n' +
        '        "capabilities": [\n            "oob"\n        ]\n    }\n}\n' +
        '{\n    "return": {\n    }',
    );
  });

  test('answers every stream of bytes, in any chunks, with lines of JSON', async () => {
    const piece = fc.oneof(
      fc.constantFrom('{', '}', '[', ']', ':', ',', '"', "'", '\\', '1', '-', 'e', 'true', '\n'),
      fc.constantFrom('"execute"', '"query-status"', '"id"', NEGOTIATE, '{"execute":"stop"}'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 60 }), fc.nat(), async (pieces, seed) => {
        const { client, server } = await connect();
        const bytes = Buffer.from(pieces.join(''));
        const cut = bytes.length === 0 ? 0 : seed % bytes.length;
        client.send(bytes.subarray(0, cut));
        client.send(bytes.subarray(cut));
        await client.settled();
        await server.close();
        for (const line of await client.rest()) expect(() => JSON.parse(line)).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});
