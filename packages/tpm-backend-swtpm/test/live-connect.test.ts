import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BackendEvent } from 'tpm-core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectSwtpm } from '../src/connect.js';
import type { SwtpmBackend } from '../src/swtpm-backend.js';
import { boot, commands, createPrimary, execute, FAILURE, families } from './live-commands.js';
import {
  eventually,
  freePort,
  requireSwtpm,
  startControlOnly,
  startSwtpm,
  temporaryDirectory,
  untilListening,
} from './swtpm-server.js';

beforeAll(requireSwtpm);

describe.each(families)('connectSwtpm() with a TPM %s', (tpmVersion) => {
  const use = async (backend: SwtpmBackend): Promise<void> => {
    onTestFinished(() => backend.close());
    expect(backend.tpmVersion).toBe(tpmVersion);
    await boot(backend);
    const { read, random } = commands[tpmVersion];
    const before = await execute(backend, read);
    for (let count = 0; count < 50; count++) await execute(backend, random);
    const snapshot = await backend.snapshot();
    await backend.restore(snapshot);
    expect(await execute(backend, read)).toBe(before);
    await backend.close();
  };
  const family = (list: string[]): string[] => (tpmVersion === '2.0' ? ['--tpm2', ...list] : list);

  it('works with a control socket only, by a passed descriptor', async () => {
    const controlPath = await startControlOnly(tpmVersion);
    await use(await connectSwtpm({ controlPath }));
    await eventually(() => !existsSync(controlPath), 'the end of swtpm');
  });

  it('works with separate Unix sockets', async () => {
    const directory = await temporaryDirectory();
    const [control, data] = [join(directory, 'control'), join(directory, 'data')];
    const sockets = [
      '--ctrl',
      `type=unixio,path=${control}`,
      '--server',
      `type=unixio,path=${data}`,
    ];
    startSwtpm(family(['--tpmstate', `dir=${directory}`, ...sockets]));
    await eventually(() => existsSync(control) && existsSync(data), 'the sockets');
    await use(await connectSwtpm({ control: { path: control }, data: { path: data } }));
  });

  it('works with TCP ports and with connected streams', async () => {
    const directory = await temporaryDirectory();
    const [control, data] = [await freePort(), await freePort()];
    const sockets = ['--ctrl', `type=tcp,port=${control}`, '--server', `type=tcp,port=${data}`];
    startSwtpm(family(['--tpmstate', `dir=${directory}`, ...sockets]));
    await Promise.all([untilListening(control), untilListening(data)]);
    const stream = createConnection({ host: '127.0.0.1', port: data });
    await once(stream, 'connect');
    await use(await connectSwtpm({ control: { port: control }, data: stream }));
  });
});

describe('connectSwtpm()', () => {
  it('names the socket that nobody listens on', async () => {
    const path = join(await temporaryDirectory(), 'none');
    await expect(connectSwtpm({ controlPath: path })).rejects.toThrow(
      `swtpm's control socket '${path}' can't be connected: connect ENOENT`,
    );
  });

  it('gives up when another client holds the control socket', async () => {
    const controlPath = await startControlOnly('2.0');
    const first = await connectSwtpm({ controlPath });
    onTestFinished(() => first.close());
    const second = connectSwtpm({ controlPath, timeLimits: { answer: 200 } });
    await expect(second).rejects.toMatchObject({ code: 'ERR_CONTROL_TIMEOUT' });
    await boot(first);
  });

  it('loses the back end when swtpm is ended, without an uncaught exception', async () => {
    const directory = await temporaryDirectory();
    const control = join(directory, 'control');
    const list = [
      '--tpm2',
      '--tpmstate',
      `dir=${directory}`,
      '--ctrl',
      `type=unixio,path=${control}`,
    ];
    const child = startSwtpm(list);
    await eventually(() => existsSync(control), 'the control socket');
    const events: BackendEvent[] = [];
    const backend = await connectSwtpm({
      controlPath: control,
      onEvent: (event) => events.push(event),
    });
    await boot(backend);
    const answered = execute(backend, createPrimary);
    await delay(5);
    child.kill('SIGKILL');
    expect(await answered).toBe(FAILURE);
    expect(events.map(({ type }) => type)).toEqual(['command-failed', 'lost']);
    await backend.close();
  });
});
