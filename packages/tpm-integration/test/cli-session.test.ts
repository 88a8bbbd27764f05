import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { dialMonitor, installAsQemu, QtestTis, startCommand, tpmWords } from './support/cli.js';
import { startSwtpm, until } from './support/peers.js';
import { QmpClientLines } from './support/qmp-client-lines.js';
import { withoutTime } from './support/recorded-session.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const NEGOTIATE = '{"execute":"qmp_capabilities"}';
const QUIT = '{"execute":"quit"}';
const STARTUP = '80010000000c000001440000';
const STARTUP_12 = '00c10000000c000000990001';
const GET_RANDOM = '80010000000c0000017b0008';
const SUCCESS = '80010000000a00000000';
const FAILURE = '00c40000000a00000009';
const VIRT_TIS = 0x0c00_0000;
const RESET = (reason: string) =>
  `{"timestamp": {"seconds": 0, "microseconds": 0}, "event": "RESET", "data": {"guest": false, "reason": "${reason}"}}`;
const SHUTDOWN = (reason: string) => RESET(reason).replace('RESET', 'SHUTDOWN');

describe('tpm-system under the name of QEMU', () => {
  test('is driven over qtest and QMP, and ends its swtpm at quit', async () => {
    const swtpm = await startSwtpm(resources, '2.0');
    const words = ['-machine', 'q35', ...tpmWords(swtpm.controlPath)];
    const { qtest, monitor, program, greeting } = await startCommand(resources, 'x86_64', words);
    expect(greeting).toMatch(/^\{"QMP": \{"version": \{"qemu": \{"micro": 0, "minor": 2/);
    expect(await monitor.exchange(NEGOTIATE)).toEqual(['{"return": {}}']);
    expect(await monitor.exchange('{"execute":"query-tpm"}')).toEqual([
      '{"return": [{"model": "tpm-tis", "options": {"type": "emulator", "data": {"chardev": "chrtpm"}}, "id": "tpm0"}]}',
    ]);
    const tis = new QtestTis(qtest);
    expect(await tis.transmit(STARTUP)).toBe(SUCCESS);
    expect(await tis.transmit(GET_RANDOM)).toMatch(/^800100000014000000000008[0-9a-f]{16}$/);
    expect((await monitor.exchange('{"execute":"system_reset"}')).map(withoutTime)).toEqual([
      RESET('host-qmp-system-reset'),
      '{"return": {}}',
    ]);
    expect(await tis.transmit(STARTUP)).toBe(SUCCESS);
    monitor.send(QUIT);
    expect((await monitor.rest()).map(withoutTime)).toEqual([
      SHUTDOWN('host-qmp-quit'),
      '{"return": {}}',
    ]);
    expect(await program.exited).toMatch(/ended with 0: $/);
    expect(await swtpm.program.exited).toMatch(/ended with 0: /);
  });

  test('serves a TPM 1.2', async () => {
    const swtpm = await startSwtpm(resources, '1.2');
    const words = ['-machine', 'pc', ...tpmWords(swtpm.controlPath)];
    const { qtest } = await startCommand(resources, 'x86_64', words);
    expect(await new QtestTis(qtest).transmit(STARTUP_12)).toBe('00c40000000a00000000');
  });

  test('serves the device of an ARM machine', async () => {
    const swtpm = await startSwtpm(resources, '2.0');
    const words = ['-machine', 'virt', ...tpmWords(swtpm.controlPath, 'tpm-tis-device')];
    const { qtest, monitor } = await startCommand(resources, 'aarch64', words);
    expect(await new QtestTis(qtest, VIRT_TIS).transmit(STARTUP)).toBe(SUCCESS);
    await monitor.exchange(NEGOTIATE);
    expect(await monitor.exchange('{"execute":"query-target"}')).toEqual([
      '{"return": {"arch": "aarch64"}}',
    ]);
  });

  test('gives the guest a failure when swtpm dies, names the cause and lives on', async () => {
    const swtpm = await startSwtpm(resources, '2.0');
    const { qtest, program, monitor } = await startCommand(
      resources,
      'x86_64',
      tpmWords(swtpm.controlPath),
    );
    const tis = new QtestTis(qtest);
    expect(await tis.transmit(STARTUP)).toBe(SUCCESS);
    swtpm.program.child.kill('SIGSTOP');
    await tis.submit(GET_RANDOM);
    expect(await tis.hasResponse()).toBe(false);
    await swtpm.program.kill();
    expect(await tis.response()).toBe(FAILURE);
    expect(await tis.transmit(GET_RANDOM)).toBe(FAILURE);
    await monitor.exchange(NEGOTIATE);
    monitor.send(QUIT);
    const end = await program.exited;
    expect(end).toMatch(/ended with 0: /);
    expect(end).toMatch(/^tpm-system-x86_64: TPM 'tpm0': Data channel .*/m);
    expect(end).not.toContain('    at ');
  });

  test('ends with 1 when the TPM can not be started at a reset', async () => {
    const swtpm = await startSwtpm(resources, '2.0');
    const { program, monitor } = await startCommand(
      resources,
      'x86_64',
      tpmWords(swtpm.controlPath),
    );
    await monitor.exchange(NEGOTIATE);
    await swtpm.program.kill();
    monitor.send('{"execute":"system_reset"}');
    const end = await program.exited;
    expect(end).toMatch(/ended with 1: /);
    expect(end).toMatch(/^tpm-system-x86_64: .*swtpm/m);
  });

  test('reaches swtpm over two sockets with data-chardev', async () => {
    const directory = await resources.directory();
    await mkdir(join(directory, 'state'));
    const path = (name: string) => join(directory, name);
    await resources.start('swtpm', [
      ...['socket', '--tpm2', '--tpmstate', `dir=${path('state')}`],
      ...['--ctrl', `type=unixio,path=${path('ctrl')}`],
      ...['--server', `type=unixio,path=${path('data')}`],
    ]);
    await until(() => existsSync(path('ctrl')) && existsSync(path('data')), 'sockets of swtpm');
    const { qtest } = await startCommand(resources, 'x86_64', [
      ...['-chardev', `socket,id=ctrl,path=${path('ctrl')}`],
      ...['-chardev', `socket,id=data,path=${path('data')}`],
      ...['-tpmdev', 'emulator,id=tpm0,chardev=ctrl,data-chardev=data'],
      ...['-device', 'tpm-tis,tpmdev=tpm0'],
    ]);
    expect(await new QtestTis(qtest).transmit(STARTUP)).toBe(SUCCESS);
  });
});

describe('tpm-system without a TPM', () => {
  /** Starts with a listening monitor. */
  async function start(...words: string[]) {
    const directory = await resources.directory();
    const path = (name: string) => join(directory, name);
    const program = await resources.start(await installAsQemu(resources, 'x86_64'), [
      ...['-chardev', `socket,id=m,path=${path('qmp')},server=on,wait=off`],
      ...['-mon', 'm,mode=control', '-pidfile', path('pid'), '-qtest-log', 'none', ...words],
    ]);
    await until(() => existsSync(path('qmp')), 'the monitor');
    return { program, path, dial: () => dialMonitor(resources, path('qmp')) };
  }

  test('ends at SIGTERM with 0, announces it and removes what it made', async () => {
    const { program, path, dial } = await start();
    const monitor = await dial();
    await monitor.line();
    await monitor.exchange(NEGOTIATE);
    expect(readFileSync(path('pid'), 'utf8')).toBe(`${program.child.pid}\n`);
    program.child.kill('SIGTERM');
    expect((await monitor.rest()).map(withoutTime)).toEqual([SHUTDOWN('host-signal')]);
    expect(await program.exited).toMatch(
      /ended with 0: tpm-system-x86_64: terminating on signal 15$/,
    );
    expect([existsSync(path('pid')), existsSync(path('qmp'))]).toEqual([false, false]);
  });

  test('ends at SIGTERM while it waits for a client, and removes its socket', async () => {
    const socket = join(await resources.directory(), 'qtest');
    const { program } = await start('-qtest', `unix:${socket},server=on`);
    await until(() => existsSync(socket), 'the qtest socket');
    program.child.kill('SIGTERM');
    expect(await program.exited).toMatch(
      /ended with 0: tpm-system-x86_64: info: waiting for connection on: unix:.*,server=on\n.*signal 15$/,
    );
    expect(existsSync(socket)).toBe(false);
  });

  test('greets each client of a listening monitor anew, one after the other', async () => {
    const { dial } = await start('-S');
    const [first, second] = [await dial(), await dial()];
    await first.line();
    await first.exchange(NEGOTIATE);
    first.end();
    expect(await second.line()).toMatch(/^\{"QMP"/);
    expect(await second.exchange('{"execute":"query-status"}')).toEqual([
      '{"error": {"class": "CommandNotFound", "desc": "Expecting capabilities negotiation with \'qmp_capabilities\'"}}',
    ]);
  });

  test('serves a monitor on a descriptor that it inherits', async () => {
    const words = ['-S', '-chardev', 'socket,id=m,fd=3', '-mon', 'm,mode=control'];
    const child = spawn(await installAsQemu(resources, 'x86_64'), words, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    resources.add(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const monitor = new QmpClientLines(child.stdio[3] as Duplex);
    await monitor.line();
    await monitor.exchange(NEGOTIATE);
    monitor.send(QUIT);
    expect((await monitor.rest()).map(withoutTime)).toEqual([
      SHUTDOWN('host-qmp-quit'),
      '{"return": {}}',
    ]);
    expect(await exited).toEqual([0, null]);
  });

  test('tells every monitor what another one did', async () => {
    const directory = await resources.directory();
    const human = join(directory, 'hmp');
    const { dial } = await start('-S', '-monitor', `unix:${human},server=on,wait=off`);
    const monitor = await dial();
    await monitor.line();
    await monitor.exchange(NEGOTIATE);
    await until(() => existsSync(human), 'the human monitor');
    (await dialMonitor(resources, human)).send('c\n');
    expect(withoutTime(await monitor.line())).toBe(
      '{"timestamp": {"seconds": 0, "microseconds": 0}, "event": "RESUME"}',
    );
  });

  test('ends at a reset with -no-reboot, and stays with -no-shutdown', async () => {
    const ends = await start('-no-reboot');
    const monitor = await ends.dial();
    await monitor.line();
    await monitor.exchange(NEGOTIATE);
    monitor.send('{"execute":"system_reset"}');
    expect((await monitor.rest()).map(withoutTime)).toEqual([
      SHUTDOWN('host-qmp-system-reset'),
      '{"return": {}}',
    ]);
    expect(await ends.program.exited).toMatch(/ended with 0: $/);

    const stays = await (await start('-no-reboot', '-no-shutdown')).dial();
    await stays.line();
    await stays.exchange(NEGOTIATE);
    const lines = await stays.exchange('{"execute":"system_reset"}');
    expect(lines.map(withoutTime)).toEqual([SHUTDOWN('host-qmp-system-reset'), '{"return": {}}']);
  });
});
