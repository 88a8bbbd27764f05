import { describe, expect, it } from 'vitest';
import { ScriptedEmulator } from '../../test/support/scripted-emulator.js';
import { ScriptedRun } from '../../test/support/scripted-run.js';

const LEAVE = '\x01x';
const SWITCH = '\x01c';

describe('runV86() on a terminal', () => {
  it('runV86() passes keys and output through and leaves a clean terminal', async () => {
    const run = new ScriptedRun('-nographic', { isTerminal: true });
    const machine = await run.machine;
    machine.print('login: ');
    await run.type('root\r\x03');
    expect(String.fromCharCode(...machine.received)).toBe('root\r\x03');
    await run.shows('login: ');
    await run.type(LEAVE);
    expect(await run.exitCode).toBe(0);
    expect(run.rawModes).toEqual([true, false]);
    expect(machine.calls).toContain('destroy');
    expect(run.reports).toEqual([]);
  });

  it('runV86() changes to the monitor and back, and the monitor controls the machine', async () => {
    const run = new ScriptedRun('-nographic -name guest1', { isTerminal: true });
    const machine = await run.machine;
    await run.type(`${SWITCH}info status\r`);
    await run.shows('VM status: running');
    await run.type('stop\rinfo status\r');
    await run.shows('VM status: paused');
    await run.type('cont\rsystem_reset\rinfo name\r');
    await run.shows('guest1');
    expect(machine.calls).toEqual(['stop', 'run', 'restart', 'reboot']);
    await run.type(`${SWITCH}ls\r`);
    expect(String.fromCharCode(...machine.received)).toBe('ls\r');
    await run.type(`${SWITCH}quit\r`);
    expect(await run.exitCode).toBe(0);
  });

  it('runV86() shows the screen, sends keys to the keyboard and keeps the serial port for later', async () => {
    const run = new ScriptedRun('-display curses -serial stdio', { isTerminal: true });
    const machine = await run.machine;
    machine.rows = ['Select boot device:', ''];
    machine.print('from the serial port');
    await run.shows('Select boot device:');
    expect(run.shown).not.toContain('from the serial port');
    await run.type('t');
    expect(machine.keys).toEqual([0x14, 0x94]);
    await run.type(SWITCH);
    await run.shows('from the serial port');
    await run.type(LEAVE);
    expect(await run.exitCode).toBe(0);
    expect(run.shown.lastIndexOf('\x1b[?1049l')).toBeGreaterThan(
      run.shown.lastIndexOf('\x1b[?1049h'),
    );
  });

  it('runV86() gives the terminal back and tells in one line when v86 throws out of its timers', async () => {
    const run = new ScriptedRun('-nographic', { isTerminal: true });
    await run.machine;
    process.emit('uncaughtException', new Error('Unimplemented: #GP handler\n  at wasm'));
    expect(await run.exitCode).toBe(1);
    expect(run.rawModes).toEqual([true, false]);
    expect(run.reports).toEqual(["the machine can't go on: Unimplemented: #GP handler; at wasm"]);
  });

  it('runV86() ends on a signal with a clean terminal, and leaves no handler behind', async () => {
    const count = process.listenerCount('uncaughtException') + process.listenerCount('SIGTERM');
    const run = new ScriptedRun('-nographic', { isTerminal: true });
    await run.machine;
    process.emit('SIGTERM', 'SIGTERM');
    expect(await run.exitCode).toBe(0);
    expect(run.rawModes).toEqual([true, false]);
    expect(run.reports).toEqual(['terminating on signal 15']);
    const left = process.listenerCount('uncaughtException') + process.listenerCount('SIGTERM');
    expect(left).toBe(count);
  });
});

describe('runV86() in a script', () => {
  it('runV86() ends with 0 as soon as the serial port shows what --until asks for', async () => {
    const run = new ScriptedRun('-nographic --until lo.in:');
    const machine = await run.machine;
    machine.print('Welcome\r\nlog');
    await run.settle();
    machine.print('\x1b[1min: ');
    expect(await run.exitCode).toBe(0);
    await run.shows('Welcome');
  });

  it('runV86() ends with 0 as soon as the screen shows it', async () => {
    const run = new ScriptedRun('-display none --until ^t\\.');
    const machine = await run.machine;
    machine.rows = ['Select', 't. TPM Configuration'];
    expect(await run.exitCode).toBe(0);
  });

  it('runV86() ends with 1 and a line when --timeout passes', async () => {
    const run = new ScriptedRun('-display none --until never --timeout 0.05');
    expect(await run.exitCode).toBe(1);
    expect(run.reports).toEqual([
      "--timeout: 0.05 s have passed and the guest has not shown 'never'",
    ]);
  });

  it('runV86() ends with 1 when the machine ends before --until', async () => {
    const run = new ScriptedRun('-nographic --until never');
    await run.machine;
    await run.type(LEAVE);
    expect(await run.exitCode).toBe(1);
    expect(run.reports).toEqual(["--until: the machine ended before 'never' was shown"]);
  });

  it('runV86() ends with 0 when the guest switches itself off, or resets with -no-reboot', async () => {
    const off = new ScriptedRun('-display none');
    const machine = await off.machine;
    machine.cpu.io.ports[0xb004]!.write16.call(undefined, 1);
    await off.settle();
    machine.cpu.io.ports[0xb004]!.write16.call(undefined, 0x2000);
    expect(await off.exitCode).toBe(0);
    expect(machine.calls.filter((call) => call === 'pm1')).toHaveLength(2);
    const reset = new ScriptedRun('-display none -no-reboot');
    (await reset.machine).cpu.reboot_internal();
    expect(await reset.exitCode).toBe(0);
  });

  it('runV86() stays when standard input ends, and never touches the mode of a pipe', async () => {
    const run = new ScriptedRun('-nographic --until done');
    const machine = await run.machine;
    run.input.end('text');
    await run.settle();
    expect(String.fromCharCode(...machine.received)).toBe('text');
    machine.print('done');
    expect(await run.exitCode).toBe(0);
    expect(run.rawModes).toEqual([]);
  });

  it('runV86() lets the guest stand still while its output is not taken', async () => {
    const run = new ScriptedRun('-nographic');
    const machine = await run.machine;
    run.output.pause();
    for (let count = 0; count < 12; count++) {
      machine.print('y'.repeat(100_000));
      await run.settle();
    }
    expect(machine.calls).toEqual(['stop']);
    run.output.resume();
    await run.settle();
    expect(machine.calls).toEqual(['stop', 'run']);
    await run.type(LEAVE);
    expect(await run.exitCode).toBe(0);
  });
});

describe('runV86() and what it starts from', () => {
  it('runV86() writes the kernel into memory again at a reset', async () => {
    const run = new ScriptedRun('-display none -m 16 -kernel FOLDER/vmlinuz -append quiet', {
      // What v86 does with a kernel happens when the machine is made.
      prepareMachine: ({ memory }) => memory.fill(0x4b, 0x10_0000, 0x10_1000),
    });
    const machine = await run.machine;
    expect(machine.options).toMatchObject({ cmdline: 'quiet', memory_size: 16 * 2 ** 20 });
    machine.memory.fill(0, 0x10_0000, 0x10_1000);
    machine.cpu.reboot_internal();
    expect(machine.memory[0x10_0fff]).toBe(0x4b);
    expect(machine.calls).toEqual(['reboot']);
    process.emit('SIGTERM', 'SIGTERM');
    expect(await run.exitCode).toBe(0);
  });

  it('runV86() waits with a reset and the end until v86 has made its machine', async () => {
    let machine: ScriptedEmulator | undefined;
    const run = new ScriptedRun('-nographic', {
      createEmulator: async () => (options) => {
        machine = new ScriptedEmulator(options);
        return machine;
      },
      onStart: () => {},
    });
    await run.type(`${SWITCH}system_reset\r`);
    await run.shows('system_reset');
    await run.type(`${SWITCH}${LEAVE}`);
    expect(machine?.calls).toEqual([]);
    machine?.emit('emulator-ready');
    machine?.emit('emulator-loaded');
    expect(await run.exitCode).toBe(0);
    expect(machine?.calls).toEqual(['restart', 'reboot', 'destroy']);
  });

  it('runV86() gives the files of the command line to firmware', async () => {
    const run = new ScriptedRun('-display none -boot menu=on -fw_cfg name=opt/x,string=hi');
    const machine = await run.machine;
    expect(machine.cpu.option_roms.map(({ name, data }) => [name, ...data])).toEqual([
      ['etc/show-boot-menu', 1, 0],
      ['opt/x', 0x68, 0x69],
    ]);
    process.emit('SIGTERM', 'SIGTERM');
    expect(await run.exitCode).toBe(0);
  });

  it('runV86() takes a guest where there is one, and says what to give where there is none', async () => {
    const without = new ScriptedRun('--guest minimal');
    expect(await without.exitCode).toBe(2);
    expect(without.reports[0]).toMatch(/^--guest minimal: .*-kernel FILE with -initrd FILE/);
    const broken = new ScriptedRun('--guest cd', {
      prepareGuest: async () => ({ cdrom: '/nowhere.iso' }),
    });
    expect(await broken.exitCode).toBe(1);
    expect(broken.reports).toEqual(['-cdrom /nowhere.iso: no such file']);
  });

  it.each([
    ['-kernel /nowhere', 1, '-kernel /nowhere: no such file'],
    ['-hda /', 1, '-hda /: this is a folder, not a file'],
    [
      '-display curses',
      2,
      '-display curses: standard output is no terminal; use -display none or -nographic',
    ],
    ['-foo', 2, '-foo: invalid option; see -help'],
  ])('runV86(%s) ends with %i and one line', async (line, exitCode, message) => {
    const run = new ScriptedRun(line);
    expect(await run.exitCode).toBe(exitCode);
    expect(run.reports).toEqual([message]);
  });
});
