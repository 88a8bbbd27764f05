import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { installAsQemu, tpmWords } from './support/cli.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

/** @returns how the command ends: exit code and standard error */
async function endOf(...words: string[]): Promise<string> {
  const program = await resources.start(await installAsQemu(resources, 'x86_64'), words);
  return (await program.exited).replace(/^.* ended with /, '');
}

test('tpm-system ends with 2 and one line at a mistake, before anything is made', async () => {
  const directory = await resources.directory();
  const [socket, pid] = [join(directory, 'qmp'), join(directory, 'pid')];
  const device = 'tpm-tis,tpmdev=tpm0,irq=16';
  expect(
    await endOf(
      ...['-qmp', `unix:${socket},server=on,wait=off`, '-pidfile', pid],
      ...tpmWords('/none').slice(0, 4),
      ...['-device', device],
    ),
  ).toBe(`2: tpm-system-x86_64: -device ${device}: IRQ 16 is outside valid range of 0 to 15`);
  expect([existsSync(socket), existsSync(pid)]).toEqual([false, false]);
});

test('tpm-system ends with 1 and one line when swtpm is not there', async () => {
  const end = await endOf(...tpmWords('/nonexistent/swtpm'));
  expect(end).toMatch(/^1: tpm-system-x86_64: [^\n]*'\/nonexistent\/swtpm'[^\n]*$/);
});

test('tpm-system ends with 1 and one line when a peer can not be reached', async () => {
  expect(await endOf('-chardev', 'socket,id=a,path=/nonexistent/a')).toBe(
    "1: tpm-system-x86_64: chardev 'a': Failed to connect to '/nonexistent/a': No such file or directory",
  );
  expect(await endOf('-qtest', 'null', '-qtest-log', '/nonexistent/log')).toBe(
    "1: tpm-system-x86_64: cannot write the qtest log '/nonexistent/log': No such file or directory",
  );
  expect(await endOf('-pidfile', '/nonexistent/pid')).toBe(
    "1: tpm-system-x86_64: cannot create PID file '/nonexistent/pid': No such file or directory",
  );
});

test('tpm-system shows where a failure came from with -debug only', async () => {
  const words = ['-chardev', 'socket,id=a,path=/nonexistent/a'];
  expect(await endOf(...words)).not.toContain('    at ');
  expect(await endOf('-debug', ...words)).toContain('    at ');
});

test('tpm-system ends with 0 after a text that was asked for', async () => {
  expect(await endOf('-version')).toBe('0: ');
  expect(await endOf('-device', 'tpm-tis,help')).toBe('0: ');
});
