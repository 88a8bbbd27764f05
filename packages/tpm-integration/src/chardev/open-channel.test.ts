import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CharacterDevice } from '../description.js';
import type { CharacterChannel } from './character-channel.js';
import { openChannel } from './open-channel.js';

let directory: string;
const open: (CharacterChannel | { close(): unknown })[] = [];
const reports: string[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tpmdev-chardev-'));
  reports.length = 0;
});
afterEach(async () => {
  for (const channel of open.splice(0).reverse()) await channel.close();
  await rm(directory, { recursive: true });
});

async function openDevice(device: CharacterDevice): Promise<CharacterChannel> {
  const report = (line: string) => void reports.push(line);
  const channel = await openChannel(device, { report, interrupt: () => {} });
  open.push(channel);
  return channel;
}

function unix(path: string, server: boolean, wait = false): CharacterDevice {
  return { kind: 'unix', path, server, wait };
}

/** A client that collects what it gets. */
function dial(path: string): { socket: Socket; received: () => string } {
  const socket = connect(path);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', () => {});
  open.push({ close: () => socket.destroy() });
  return { socket, received: () => received };
}

async function firstData(stream: Duplex): Promise<string> {
  const [chunk] = await once(stream, 'data');
  return String(chunk);
}

describe('openChannel() of a client', () => {
  test('connects to a listening socket and carries bytes both ways', async () => {
    const path = join(directory, 's');
    const server = createServer((socket) => socket.on('data', (chunk) => socket.end(chunk)));
    server.listen(path);
    await once(server, 'listening');
    open.push({ close: () => server.close() });
    const channel = await openDevice(unix(path, false));
    const echoed = new Promise<string>((resolve) =>
      channel.serve((stream) => {
        stream.write('hello');
        void firstData(stream).then(resolve);
      }),
    );
    expect(await echoed).toBe('hello');
  });

  test('says why it can not connect', async () => {
    const path = join(directory, 'missing');
    await expect(openDevice(unix(path, false))).rejects.toThrow(
      `Failed to connect to '${path}': No such file or directory`,
    );
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    server.close();
    await once(server, 'close');
    await expect(
      openDevice({ kind: 'tcp', host: '127.0.0.1', port, server: false, wait: false }),
    ).rejects.toThrow(`Failed to connect to '127.0.0.1:${port}': Connection refused`);
  });

  test.each([false, true])(
    'refuses a descriptor that is no socket (server: %s)',
    async (server) => {
      const fd = 2000;
      await expect(openDevice({ kind: 'fd', fd, server, wait: false })).rejects.toThrow(
        /File descriptor '2000' is not a socket|Failed to bind socket to fd 2000: Bad file descriptor/,
      );
    },
  );
});

describe('openChannel() of a server', () => {
  test('serves one client at a time, the next one when the first is gone', async () => {
    const path = join(directory, 's');
    const channel = await openDevice(unix(path, true));
    let served = 0;
    channel.serve((stream) => {
      stream.on('end', () => stream.end());
      stream.write(`client ${served++}`);
    });
    const first = dial(path);
    expect(await firstData(first.socket)).toBe('client 0');
    const second = dial(path);
    await once(second.socket, 'connect');
    first.socket.end();
    expect(await firstData(second.socket)).toBe('client 1');
  });

  test('passes over a client that left while it waited', async () => {
    const path = join(directory, 's');
    const channel = await openDevice(unix(path, true));
    channel.serve((stream) => {
      stream.on('end', () => stream.end()).resume();
      stream.write('served');
    });
    const first = dial(path);
    expect(await firstData(first.socket)).toBe('served');
    const second = dial(path);
    await once(second.socket, 'connect');
    second.socket.destroy();
    const third = dial(path);
    await once(third.socket, 'connect');
    first.socket.end();
    expect(await firstData(third.socket)).toBe('served');
  });

  test('turns away clients beyond the queue', async () => {
    const path = join(directory, 's');
    await openDevice(unix(path, true));
    const clients = Array.from({ length: 9 }, () => dial(path));
    await once(clients[8]!.socket, 'close');
    expect(clients.filter(({ socket }) => socket.destroyed)).toHaveLength(1);
  });

  test('is ready when the first client is there, if it is to wait', async () => {
    const path = join(directory, 's');
    const channel = await openDevice(unix(path, true, true));
    expect(reports).toEqual([`info: waiting for connection on: unix:${path},server=on`]);
    let isReady = false;
    const ready = channel.ready().then(() => {
      isReady = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isReady).toBe(false);
    dial(path);
    await ready;
    expect(isReady).toBe(true);
  });

  test('takes the place of a socket that was left behind, and removes its own', async () => {
    const path = join(directory, 's');
    const old = createServer().listen(path);
    await once(old, 'listening');
    const channel = await openDevice(unix(path, true));
    const client = dial(path);
    channel.serve((stream) => stream.write('new'));
    expect(await firstData(client.socket)).toBe('new');
    await channel.close();
    open.splice(open.indexOf(channel), 1);
    expect(existsSync(path)).toBe(false);
    old.close();
  });

  test('does not take the place of a file, nor of a missing directory', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'precious');
    await expect(openDevice(unix(path, true))).rejects.toThrow(
      `Failed to bind socket to ${path}: Address already in use`,
    );
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await expect(openDevice(unix(join(directory, 'none', 's'), true))).rejects.toThrow(
      'No such file or directory',
    );
  });

  test('ends the connection of its client when it is closed', async () => {
    const path = join(directory, 's');
    const channel = await openDevice(unix(path, true));
    channel.serve((stream) => stream.write('x'));
    const client = dial(path);
    await firstData(client.socket);
    const closed = once(client.socket, 'close');
    await channel.close();
    open.splice(open.indexOf(channel), 1);
    await closed;
    expect(client.received()).toBe('x');
  });
});

describe('openChannel() of the rest', () => {
  test('writes a file, from its start or at its end', async () => {
    const path = join(directory, 'f');
    for (const [append, text] of [
      [false, 'one'],
      [true, 'two'],
    ] as const) {
      const channel = await openDevice({ kind: 'file', path, append });
      await new Promise((resolve) => channel.serve((stream) => stream.write(text, resolve)));
      await channel.close();
    }
    expect(readFileSync(path, 'utf8')).toBe('onetwo');
    await expect(
      openDevice({ kind: 'file', path: join(directory, 'none', 'f'), append: false }),
    ).rejects.toThrow(
      `Could not open '${join(directory, 'none', 'f')}': No such file or directory`,
    );
  });

  test('takes everything as null', async () => {
    const channel = await openDevice({ kind: 'null' });
    await new Promise((resolve) =>
      channel.serve((stream) => {
        stream.on('data', () => expect.unreachable('null gives nothing'));
        stream.write('x'.repeat(1_000_000), resolve);
      }),
    );
  });
});
