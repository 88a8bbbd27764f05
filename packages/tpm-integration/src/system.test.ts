import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { QmpClientLines } from '../test/support/qmp-client-lines.js';
import { runSystem } from './system.js';

let directory: string;
let errors: string;
let output: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tpmdev-system-'));
  errors = '';
  output = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += text;
    return true;
  });
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += text;
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

/** Runs a machine whose monitor connects to us. */
async function start(...words: string[]) {
  const path = join(directory, 'qmp');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection');
  const exitCode = runSystem('x86_64', ['-qmp', `unix:${path}`, ...words]);
  const [socket] = await connected;
  server.close();
  const monitor = new QmpClientLines(socket);
  await monitor.line();
  await monitor.exchange('{"execute":"qmp_capabilities"}');
  return { monitor, exitCode };
}

describe('runSystem()', () => {
  test('ends with 2 and one line at a mistake', async () => {
    expect(await runSystem('aarch64', ['-bogus'])).toBe(2);
    expect(errors).toBe('tpm-system-aarch64: -bogus: invalid option; see -help\n');
  });

  test('ends with 0 after a text', async () => {
    expect(await runSystem('x86_64', ['-version'])).toBe(0);
    expect(output).toMatch(/^tpm-system-x86_64, /);
    expect(errors).toBe('');
  });

  test('serves a TPM of this process that it keeps in a directory, again and again', async () => {
    const state = join(directory, 'tpm');
    const words = ['-tpmdev', `embedded,id=t,state=${state}`, '-device', 'tpm-tis,tpmdev=t'];
    for (let run = 0; run < 2; run++) {
      const { monitor, exitCode } = await start(...words, '-display', 'none');
      monitor.send('{"execute":"quit"}');
      expect(await exitCode).toBe(0);
      expect(errors).toBe('');
      expect(existsSync(join(state, 'tpm2.state'))).toBe(true);
    }
  });

  test('ends with 1 and one line when something can not be opened, and removes what it made', async () => {
    const pid = join(directory, 'pid');
    const socket = join(directory, 'monitor');
    const exitCode = await runSystem('x86_64', [
      ...['-pidfile', pid, '-qmp', `unix:${socket},server=on,wait=off`],
      ...['-monitor', `unix:${join(directory, 'none')}`],
    ]);
    expect(exitCode).toBe(1);
    expect(errors).toBe(
      `tpm-system-x86_64: chardev 'compat_monitor1': Failed to connect to '${directory}/none': No such file or directory\n`,
    );
    expect([existsSync(pid), existsSync(socket)]).toEqual([false, false]);
  });

  test('ends with 1 when swtpm is not there', async () => {
    const exitCode = await runSystem('x86_64', [
      ...['-chardev', `socket,id=c,path=${directory}/none`],
      ...['-tpmdev', 'emulator,id=t,chardev=c', '-device', 'tpm-tis,tpmdev=t'],
    ]);
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^tpm-system-x86_64: [^\n]*none[^\n]*\n$/);
  });

  test('runs until quit, and leaves no handler behind', async () => {
    const before = process.listenerCount('SIGTERM');
    const { monitor, exitCode } = await start('-S', '-pidfile', join(directory, 'pid'));
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    expect(readFileSync(join(directory, 'pid'), 'utf8')).toBe(`${process.pid}\n`);
    monitor.send('{"execute":"quit"}');
    expect(await exitCode).toBe(0);
    expect(await monitor.rest()).toHaveLength(2);
    expect(process.listenerCount('SIGTERM')).toBe(before);
    expect(existsSync(join(directory, 'pid'))).toBe(false);
    expect(errors).toBe('');
  });

  test('serves qtest and writes its log', async () => {
    const [socket, log] = [join(directory, 'qtest'), join(directory, 'log')];
    const listen = ['-qtest', `unix:${socket},server=on,wait=off`, '-qtest-log', log];
    const { monitor, exitCode } = await start(...listen);
    const client = connect(socket);
    client.write('writeb 0x1000 0x5a\nreadb 0x1000\n');
    let answer = '';
    for await (const chunk of client) {
      answer += chunk;
      if (answer.endsWith('5a\n')) break;
    }
    expect(answer).toBe('OK\nOK 0x000000000000005a\n');
    monitor.send('{"execute":"quit"}');
    expect(await exitCode).toBe(0);
    expect(readFileSync(log, 'utf8')).toMatch(/^\[R \+\d+\.\d+\] readb 0x1000$/m);
  });

  test('resets one after the other when two monitors ask', async () => {
    const second = join(directory, 'second');
    const { monitor, exitCode } = await start('-qmp', `unix:${second},server=on,wait=off`);
    const other = new QmpClientLines(connect(second));
    await other.line();
    const reset = '{"execute":"system_reset"}';
    await other.exchange('{"execute":"qmp_capabilities"}');
    const replies = await Promise.all([monitor.exchange(reset), other.exchange(reset)]);
    const rest = '{"execute":"query-status"}';
    const more = await Promise.all([monitor.exchange(rest), other.exchange(rest)]);
    for (const index of [0, 1]) {
      const lines = [...replies[index]!, ...more[index]!];
      expect(lines.filter((line) => line.includes('"RESET"'))).toHaveLength(2);
    }
    monitor.send('{"execute":"quit"}');
    expect(await exitCode).toBe(0);
  });
});
