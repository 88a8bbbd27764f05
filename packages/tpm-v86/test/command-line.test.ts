import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { CommandRun } from './support/command.js';

const EMBEDDED = ['-tpmdev', 'embedded,id=tpm0'];
const MENU = ['-boot', 'menu=on,splash-time=30000'];
const LEAVE = '\x01x';
const SWITCH = '\x01c';
const ESCAPE = '\x1b';

const folder = mkdtempSync(join(tmpdir(), 'tpm-v86-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runs: CommandRun[] = [];
afterEach(async () => {
  for (const run of runs.splice(0)) await run.end();
});

function watched(run: CommandRun): CommandRun {
  runs.push(run);
  return run;
}

/** Opens the TPM's menu of SeaBIOS. */
async function openMenu(run: CommandRun): Promise<void> {
  await run.shows(/Press ESC for boot menu\./);
  run.type(ESCAPE);
  await run.shows(/Select boot device:[\s\S]*t\. TPM Configuration/);
  run.type('t');
}

describe('tpm-v86 with SeaBIOS', () => {
  it.each([
    ['tpm-tis', 'overlay'],
    ['tpm-crb', 'overlay'],
    ['tpm-tis', 'fw-cfg'],
    ['tpm-crb', 'fw-cfg'],
  ])(
    'tpm-v86 -nographic shows the TPM menu on the serial port, with %s and tables %s',
    async (model, tables) => {
      const device = ['-device', `${model},tpmdev=tpm0`, '--tables', tables];
      const run = watched(
        CommandRun.onPipes('-nographic', ...MENU, ...EMBEDDED, ...device, '--until', 'Clear TPM'),
      );
      await openMenu(run);
      await run.shows(/1\. Clear TPM/);
      expect(await run.exitCode, run.errors).toBe(0);
    },
  );

  it('tpm-v86 with swtpm shows the menu of a TPM 1.2', async () => {
    const socket = join(folder, 'swtpm.sock');
    const state = ['--tpmstate', `dir=${folder}`, '--ctrl', `type=unixio,path=${socket}`];
    const swtpm = spawn('swtpm', ['socket', '--terminate', ...state], { stdio: 'ignore' });
    const missing = new Promise<never>((_resolve, reject) => {
      swtpm.on('error', () => reject(new Error('No swtpm; apt-get install swtpm')));
    });
    const there = async (): Promise<void> => {
      while (!existsSync(socket)) await sleep(20);
    };
    await Promise.race([there(), missing]);
    const emulator = [
      '-chardev',
      `socket,id=c,path=${socket}`,
      '-tpmdev',
      'emulator,id=t,chardev=c',
    ];
    const run = watched(
      CommandRun.onPipes('-nographic', ...MENU, ...emulator, '-device', 'tpm-tis,tpmdev=t'),
    );
    await openMenu(run);
    await run.shows(/Enabled and active[\s\S]*d\. Disable the TPM/);
    run.type(LEAVE);
    expect(await run.exitCode, run.errors).toBe(0);
    swtpm.kill();
  });

  it('tpm-v86 -display curses shows the menu on a terminal, and leaves it as it was', async () => {
    const device = ['-device', 'tpm-tis,tpmdev=tpm0'];
    const run = watched(
      CommandRun.onTerminal('-display', 'curses', ...MENU, ...EMBEDDED, ...device),
    );
    await openMenu(run);
    await run.shows(/1\. Clear TPM/);
    run.type(SWITCH);
    await run.shows(/\(qemu\) /);
    run.type('info tpm\r');
    await run.shows(/tpm0: model=tpm-tis\n.*type=embedded/);
    run.type(SWITCH);
    await run.shows(/1\. Clear TPM/);
    run.type(LEAVE);
    await run.shows(/exit code 0[\s\S]*\sisig icanon [\s\S]* echo /);
    await run.exitCode;
  });

  it('tpm-v86 gives the terminal back when a signal ends it', async () => {
    const run = watched(CommandRun.onTerminal('-nographic', ...MENU));
    const [, pid] = await run.shows(/process (\d+)/);
    await run.shows(/Press ESC for boot menu\./);
    process.kill(Number(pid));
    await run.shows(/terminating on signal 15[\s\S]*exit code 0[\s\S]*\sisig icanon [\s\S]* echo /);
    await run.exitCode;
  });

  it('tpm-v86 -monitor stdio resets the machine and quits', async () => {
    const run = watched(CommandRun.onPipes('-monitor', 'stdio', '-display', 'none'));
    await run.shows(/\(qemu\) /);
    run.type('info status\r');
    await run.shows(/VM status: running/);
    run.type('system_reset\rquit\r');
    expect(await run.exitCode, run.errors).toBe(0);
  });

  it('tpm-v86 --trace -D writes the commands of firmware, decoded', async () => {
    const log = join(folder, 'trace');
    const until = ['--until', 'Press ESC', '--trace', '-D', log];
    const device = ['-device', 'tpm-crb,tpmdev=tpm0'];
    const run = watched(
      CommandRun.onPipes('-nographic', ...MENU, ...EMBEDDED, ...device, ...until),
    );
    expect(await run.exitCode, run.errors).toBe(0);
    const lines = readFileSync(log, 'utf8').split('\n');
    expect(lines[0]).toBe('> locality 0: TPM2_Startup (TPM_ST_NO_SESSIONS, 12 bytes)');
    expect(lines[2]).toBe('< TPM_RC_SUCCESS (TPM_ST_NO_SESSIONS, 10 bytes)');
  });

  it.each([
    [['-foo'], 2, 'tpm-v86: -foo: invalid option; see -help\n'],
    [['--until', 'x', '--timeout', '1'], 1, /^tpm-v86: --timeout: 1 s have passed and .* 'x'\n$/],
    [
      [
        '-chardev',
        'socket,id=c,path=/nowhere',
        '-tpmdev',
        'emulator,id=t,chardev=c',
        '-device',
        'tpm-tis,tpmdev=t',
      ],
      1,
      /^tpm-v86: swtpm's control socket '\/nowhere' can't be connected: .*\n$/,
    ],
  ])('tpm-v86 %j ends with %i and one line', async (words, exitCode, line) => {
    const run = watched(CommandRun.onPipes(...words));
    expect(await run.exitCode).toBe(exitCode);
    expect(run.errors).toMatch(line);
  });
});
