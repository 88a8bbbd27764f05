import { createServer } from 'node:net';
import fc from 'fast-check';
import { type TpmRequest, type TpmResult, WireWriter } from 'tpm-core';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../test/support/peers.js';
import { Resources } from '../../test/support/resources.js';
import { ScriptedBackend } from '../../test/support/scripted-backend.js';
import {
  commandMessage,
  hashMessage,
  message,
  SimulatorClient,
} from '../../test/support/simulator-client.js';
import { HASH_DATA_LIMIT, SIMULATOR, type SimulatorMessage } from './protocol.js';
import { SimulatorServer } from './simulator-server.js';

const resources = new Resources();
afterEach(() => resources.release());

/** Answers a command with its own bytes behind a header of success. */
class EchoBackend extends ScriptedBackend {
  override async execute(request: TpmRequest): Promise<TpmResult> {
    const response = echo(request.command);
    await super.execute(request);
    return { response, failed: false };
  }
}

/** Has every platform signal. */
class SignallingBackend extends EchoBackend {
  async hashStart(): Promise<void> {
    this.calls.push('hashStart');
  }
  async hashData(bytes: Uint8Array): Promise<void> {
    this.calls.push(`hashData ${Buffer.from(bytes).toString('hex')}`);
  }
  async hashEnd(): Promise<void> {
    this.calls.push('hashEnd');
  }
  async setPhysicalPresence(on: boolean): Promise<void> {
    this.calls.push(`setPhysicalPresence ${on}`);
  }
  async setNvAvailable(on: boolean): Promise<void> {
    this.calls.push(`setNvAvailable ${on}`);
  }
}

function echo(command: Uint8Array): Uint8Array {
  const head = new WireWriter()
    .uint16(0x8001)
    .uint32(10 + command.length)
    .uint32(0);
  return head.bytes(command).finish();
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const COMMAND = Buffer.from('80010000000c000001440000', 'hex');
const FAILURE = '00c40000000a00000009';
const START = ['reset', 'bufferSize', 'start 4096'];

async function serve<Backend extends ScriptedBackend>(backend: Backend) {
  const reports: string[] = [];
  const report = (line: string) => void reports.push(line);
  const server = await SimulatorServer.open({ backend, port: 0, report });
  resources.add(() => server.close());
  const dial = async (port: number) => {
    const client = await SimulatorClient.connect(port);
    resources.add(() => void client.socket.destroy());
    return client;
  };
  return {
    server,
    backend,
    reports,
    command: () => dial(server.commandPort),
    platform: () => dial(server.platformPort),
    /** What the back end was called with since it was claimed. */
    calls: () => backend.calls.slice(1),
  };
}

describe('SimulatorServer', () => {
  test('answers a command with length, response and zero, and implies power-on once', async () => {
    const { command, calls } = await serve(new EchoBackend());
    const client = await command();
    client.write(commandMessage(COMMAND, 3));
    expect(await client.read(4 + 22 + 4)).toBe(`00000016${hex(echo(COMMAND))}00000000`);
    expect(await client.transmit(COMMAND)).toBe(hex(echo(COMMAND)));
    expect(calls()).toEqual([...START, 'execute 12 at 3', 'execute 12 at 0']);
  });

  test.each<[SimulatorMessage, string[]]>([
    ['POWER_ON', START],
    ['POWER_OFF', ['reset']],
    ['PHYS_PRES_ON', ['setPhysicalPresence true']],
    ['PHYS_PRES_OFF', ['setPhysicalPresence false']],
    ['HASH_START', [...START, 'hashStart']],
    ['HASH_END', [...START, 'hashEnd']],
    ['CANCEL_ON', ['cancel']],
    ['CANCEL_OFF', []],
    ['NV_ON', ['setNvAvailable true']],
    ['NV_OFF', ['setNvAvailable false']],
    ['KEY_CACHE_ON', []],
    ['KEY_CACHE_OFF', []],
    ['RESET', START],
  ])('carries out %s and answers zero', async (name, expected) => {
    const { platform, calls, reports } = await serve(new SignallingBackend());
    expect(await (await platform()).signal(name)).toBe(0);
    expect(calls()).toEqual(expected);
    expect(reports).toEqual([]);
  });

  test('hands measured data on from either port', async () => {
    const { platform, command, calls } = await serve(new SignallingBackend());
    for (const client of [await platform(), await command()]) {
      client.write(message('HASH_START'), hashMessage(Buffer.from('abcd')));
      client.write(hashMessage(Buffer.alloc(0)), message('HASH_END'));
      expect(await client.read(16)).toBe('0'.repeat(32));
    }
    const hashed = ['hashStart', 'hashData 61626364', 'hashData ', 'hashEnd'];
    expect(calls()).toEqual([...START, ...hashed, ...hashed]);
  });

  test.each<[SimulatorMessage, Buffer, string]>([
    ['PHYS_PRES_ON', message('PHYS_PRES_ON'), 'has no setPhysicalPresence()'],
    ['PHYS_PRES_OFF', message('PHYS_PRES_OFF'), 'has no setPhysicalPresence()'],
    ['HASH_START', message('HASH_START'), 'has no hashStart()'],
    ['HASH_DATA', hashMessage(COMMAND), 'has no hashData()'],
    ['HASH_END', message('HASH_END'), 'has no hashEnd()'],
    ['NV_OFF', message('NV_OFF'), 'has no setNvAvailable()'],
    ['SET_ALTERNATIVE_RESULT', message('SET_ALTERNATIVE_RESULT'), 'is not there'],
  ])(
    'answers %s with one and says why when the back end has no such signal',
    async (name, bytes, reason) => {
      const { platform, reports } = await serve(new EchoBackend());
      const client = await platform();
      client.write(bytes);
      expect(await client.number()).toBe(1);
      expect(reports).toEqual([expect.stringContaining(reason)]);
      expect(reports[0]).toMatch(new RegExp(`^${name}: [^\\n]*$`));
      expect(await client.signal('NV_ON')).toBe(0);
    },
  );

  test('describes itself to a handshake', async () => {
    const plain = await (await serve(new EchoBackend())).command();
    plain.write(message('REMOTE_HANDSHAKE', 1));
    expect(await plain.read(12)).toBe('000000010000000100000000');
    const signalling = await (await serve(new SignallingBackend())).command();
    signalling.write(message('REMOTE_HANDSHAKE', 1));
    expect(await signalling.read(12)).toBe('000000010000000900000000');
  });

  test('ends a session when its client asks', async () => {
    const { platform, command } = await serve(new EchoBackend());
    for (const client of [await platform(), await command()]) {
      client.write(message('SESSION_END'), commandMessage(COMMAND));
      expect(await client.ended).toBe('00000000');
    }
  });

  test('says that a client sent TPM_STOP', async () => {
    const { platform, server } = await serve(new EchoBackend());
    const client = await platform();
    client.write(message('STOP'));
    await server.stopped;
    expect(await client.ended).toBe('00000000');
  });

  test('power-cycles the TPM at power off and on, and at a reset', async () => {
    const { platform, command, calls, reports } = await serve(new EchoBackend());
    const [signals, commands] = [await platform(), await command()];
    for (const name of ['POWER_ON', 'POWER_ON', 'POWER_OFF'] as const) {
      expect(await signals.signal(name)).toBe(0);
    }
    expect(await commands.transmit(COMMAND)).toBe(FAILURE);
    expect(await signals.signal('RESET')).toBe(1);
    expect(await signals.signal('POWER_ON')).toBe(0);
    expect(await commands.transmit(COMMAND)).toBe(hex(echo(COMMAND)));
    expect(await signals.signal('RESET')).toBe(0);
    expect(calls()).toEqual([...START, 'reset', ...START, 'execute 12 at 0', ...START]);
    expect(reports).toEqual([
      "Can't execute a command without power; send POWER_ON first",
      "RESET: Can't reset without power; send POWER_ON first",
    ]);
  });

  test('reports a TPM that can not be started, and tries again', async () => {
    const { platform, command, backend, reports } = await serve(new EchoBackend());
    const [signals, commands] = [await platform(), await command()];
    backend.broken = true;
    expect(await signals.signal('POWER_ON')).toBe(1);
    expect(await commands.transmit(COMMAND)).toBe(FAILURE);
    expect(reports).toEqual(['POWER_ON: Starting was made to fail', 'Starting was made to fail']);
    backend.broken = false;
    expect(await commands.transmit(COMMAND)).toBe(hex(echo(COMMAND)));
  });

  test('cancels the command in flight without waiting for it', async () => {
    const { platform, command, backend } = await serve(new EchoBackend());
    const [signals, commands] = [await platform(), await command()];
    await signals.signal('POWER_ON');
    backend.held = true;
    commands.write(commandMessage(COMMAND));
    await until(() => backend.calls.at(-1) === 'execute 12 at 0', 'the command');
    expect(await signals.signal('CANCEL_ON')).toBe(0);
    expect(backend.calls.at(-1)).toBe('cancel');
    backend.proceed();
    await commands.response();
  });

  test('cancels later commands until cancel is off or the power comes', async () => {
    const { platform, command, backend } = await serve(new EchoBackend());
    const [signals, commands] = [await platform(), await command()];
    await signals.signal('POWER_ON');
    const executed = async () => {
      backend.calls.length = 0;
      await commands.transmit(COMMAND);
      return backend.calls;
    };
    await signals.signal('CANCEL_ON');
    expect(await executed()).toEqual(['execute 12 at 0', 'cancel']);
    await signals.signal('CANCEL_OFF');
    expect(await executed()).toEqual(['execute 12 at 0']);
    await signals.signal('CANCEL_ON');
    await signals.signal('RESET');
    expect(await executed()).toEqual(['execute 12 at 0']);
  });

  test('answers a locality beyond 4 with TPM_RC_LOCALITY without running the command', async () => {
    const { command, calls } = await serve(new EchoBackend());
    const client = await command();
    expect(await client.transmit(COMMAND, 5)).toBe('80010000000a00000907');
    expect(await client.transmit(COMMAND, 0xff)).toBe('80010000000a00000907');
    expect(calls()).toEqual([]);
  });

  test('answers a malformed response of the back end with a failure', async () => {
    class Broken extends ScriptedBackend {
      override async execute(): Promise<TpmResult> {
        return { response: Uint8Array.of(1, 2, 3), failed: false };
      }
    }
    const { command, reports } = await serve(new Broken());
    expect(await (await command()).transmit(COMMAND)).toBe(FAILURE);
    expect(reports).toEqual([expect.stringContaining('a malformed response of 3 bytes')]);
  });

  test('gives the back end up when it is closed, after the command in flight', async () => {
    const { server, command, backend } = await serve(new EchoBackend());
    const client = await command();
    await client.transmit(COMMAND);
    backend.held = true;
    client.write(commandMessage(COMMAND));
    await until(() => backend.calls.length === 6, 'the command');
    const closed = server.close();
    expect(await client.ended).toBe('');
    expect(backend.calls).not.toContain('detach');
    backend.proceed();
    await closed;
    expect(backend.calls.at(-1)).toBe('detach');
    await expect(command()).rejects.toThrow('ECONNREFUSED');
  });
});

describe('SimulatorServer.open()', () => {
  test('takes two consecutive ports', async () => {
    const { server } = await serve(new EchoBackend());
    expect(server.platformPort).toBe(server.commandPort + 1);
  });

  test('names the port that it can not have, and leaves nothing behind', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    resources.add(() => new Promise<void>((resolve) => void taken.close(() => resolve())));
    const { port } = taken.address() as { port: number };
    const backend = new EchoBackend();
    for (const first of [port, port - 1]) {
      await expect(SimulatorServer.open({ backend, port: first })).rejects.toMatchObject({
        code: 'ERR_LISTEN',
        message: `Can't listen on 127.0.0.1 port ${port}: Address already in use; choose another one`,
      });
    }
    expect(backend.calls).toEqual([
      'attach tpm-simulator',
      'detach',
      'attach tpm-simulator',
      'detach',
    ]);
  });
});

describe('SimulatorServer with unruly clients', () => {
  test('reads messages in whatever packets they come', async () => {
    const { command } = await serve(new EchoBackend());
    const client = await command();
    const stream = Buffer.concat([commandMessage(COMMAND), commandMessage(COMMAND.subarray(1), 1)]);
    const expected = [hex(echo(COMMAND)), hex(echo(COMMAND.subarray(1)))];
    const receive = async () => [await client.response(), await client.response()];
    for (let cut = 1; cut < stream.length; cut++) {
      client.write(stream.subarray(0, cut));
      await new Promise(setImmediate);
      client.write(stream.subarray(cut));
      expect(await receive()).toEqual(expected);
    }
    for (const byte of stream) {
      client.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    expect(await receive()).toEqual(expected);
    client.write(stream, stream);
    expect([...(await receive()), ...(await receive())]).toEqual([...expected, ...expected]);
  });

  test('serves clients side by side, one command at a time', async () => {
    const { command, backend } = await serve(new EchoBackend());
    const clients = await Promise.all(Array.from({ length: 8 }, command));
    let running = 0;
    const execute = backend.execute.bind(backend);
    backend.execute = async (request) => {
      expect(++running).toBe(1);
      await new Promise(setImmediate);
      return await execute(request).finally(() => running--);
    };
    const rounds = clients.map(async (client, index) => {
      for (let round = 0; round < 10; round++) {
        const bytes = Uint8Array.of(...COMMAND, index, round);
        expect(await client.transmit(bytes)).toBe(hex(echo(bytes)));
      }
    });
    await Promise.all(rounds);
    expect(backend.calls.filter((call) => call.startsWith('execute'))).toHaveLength(80);
  });

  test('finishes a command whose client disconnects, and runs it once', async () => {
    const { command, backend } = await serve(new EchoBackend());
    const [leaving, staying] = [await command(), await command()];
    await staying.transmit(COMMAND);
    backend.held = true;
    leaving.write(commandMessage(COMMAND, 2));
    await until(() => backend.calls.at(-1) === 'execute 12 at 2', 'the command');
    leaving.socket.resetAndDestroy();
    staying.write(commandMessage(COMMAND, 1));
    await leaving.ended;
    backend.proceed();
    expect(await staying.response()).toBe(hex(echo(COMMAND)));
    const executed = backend.calls.filter((call) => call.startsWith('execute'));
    expect(executed).toEqual(['execute 12 at 0', 'execute 12 at 2', 'execute 12 at 1']);
  });

  test('answers a client that has ended its half of the connection', async () => {
    const { command } = await serve(new EchoBackend());
    const client = await command();
    client.socket.end(commandMessage(COMMAND));
    expect(await client.ended).toBe(`00000016${hex(echo(COMMAND))}00000000`);
  });

  test.each<[string, Buffer]>([
    ['a command longer than the buffer', Buffer.from('0000000800ffffffff', 'hex')],
    ['more measured data than the limit', message('HASH_DATA', HASH_DATA_LIMIT + 1)],
    ['a message of the other port', message('POWER_ON')],
    ['an unknown message', Buffer.from('ffffffff', 'hex')],
  ])('ends the connection at %s, and says so', async (_name, bytes) => {
    const { command, reports, calls } = await serve(new SignallingBackend());
    const client = await command();
    client.write(bytes);
    expect(await client.ended).toBe('');
    expect(reports).toEqual([
      expect.stringMatching(/^command port: .*; the connection is closed$/),
    ]);
    expect(calls()).toEqual([]);
  });

  test('does not run a message that is not complete', async () => {
    const { command, platform, calls } = await serve(new SignallingBackend());
    const messages = [
      commandMessage(COMMAND),
      hashMessage(COMMAND),
      message('REMOTE_HANDSHAKE', 1),
    ];
    for (const whole of messages) {
      for (let length = 0; length < whole.length; length++) {
        const client = await command();
        client.socket.end(whole.subarray(0, length));
        expect(await client.ended).toBe('');
      }
    }
    expect(calls()).toEqual([]);
    expect(await (await platform()).signal('POWER_ON')).toBe(0);
  });

  test('makes a client wait that reads no answers', async () => {
    const { command, backend } = await serve(new EchoBackend());
    const client = await command();
    client.socket.pause();
    const flood = Buffer.concat(Array(256).fill(commandMessage(Buffer.alloc(4000))));
    for (let round = 0; round < 64; round++) client.write(flood);
    const commands = () => backend.calls.length;
    let before = -1;
    while (before !== commands()) {
      before = commands();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(before).toBeLessThan(64 * 256);
    client.socket.destroy();
    expect(await (await command()).transmit(COMMAND)).toBe(hex(echo(COMMAND)));
  });

  test('closes connections beyond its limit at once', async () => {
    const { platform } = await serve(new EchoBackend());
    const clients = await Promise.all(Array.from({ length: 64 }, platform));
    for (const client of clients) expect(await client.signal('NV_ON')).toBe(0);
    expect(await (await platform()).ended).toBe('');
    expect(await clients[0]!.signal('NV_ON')).toBe(0);
  });

  test('goes on after any bytes on either port', async () => {
    const served = await serve(new SignallingBackend());
    const number = fc.constantFrom(...Object.values(SIMULATOR)).filter((n) => n !== SIMULATOR.STOP);
    const word = fc.oneof(number, fc.nat({ max: 40 }), fc.nat({ max: 0xffff_ffff }));
    const piece = fc.oneof(
      word.map((value) => Buffer.from(new WireWriter().uint32(value).finish())),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => commandMessage(bytes)),
    );
    const port = fc.constantFrom('command' as const, 'platform' as const);
    await fc.assert(
      fc.asyncProperty(port, fc.array(piece, { maxLength: 12 }), async (name, pieces) => {
        const client = await served[name]();
        for (const bytes of pieces) client.write(bytes);
        client.socket.end();
        await client.ended;
        const [platform, command] = [await served.platform(), await served.command()];
        expect(await platform.signal('POWER_ON')).toBe(0);
        expect(await command.transmit(COMMAND)).toBe(hex(echo(COMMAND)));
        platform.socket.destroy();
        command.socket.destroy();
      }),
      { numRuns: 200 },
    );
  });
});
