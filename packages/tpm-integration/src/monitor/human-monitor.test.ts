import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duplexPair } from '../../test/support/duplex-pair.js';
import { FakeMonitorHost } from '../../test/support/fake-monitor-host.js';
import { readSession } from '../../test/support/recorded-session.js';
import { runHumanCommand } from './human-commands.js';
import { HumanMonitor } from './human-monitor.js';
import { LINE_LIMIT } from './line-editor.js';

const PROMPT = '(qemu) ';

/** A monitor and what it has shown so far. */
function connect(host = new FakeMonitorHost()) {
  const [near, far] = duplexPair();
  const monitor = new HumanMonitor(host, near);
  let shown = '';
  far.setEncoding('latin1');
  far.on('data', (text: string) => {
    shown += text;
  });
  return {
    host,
    monitor,
    type: (text: string) => far.write(Buffer.from(text, 'latin1')),
    take: () => {
      const text = shown;
      shown = '';
      return text;
    },
    shown: () => shown,
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

describe('HumanMonitor', () => {
  test('greets and prompts', async () => {
    const { take, shown } = connect();
    await until(() => shown().endsWith(PROMPT));
    expect(take()).toBe(`QEMU 7.2.0 monitor - type 'help' for more information\r\n${PROMPT}`);
  });

  test('shows what the QEMU of hmp-qemu72.jsonl shows, byte for byte', async () => {
    const { type, take, shown } = connect();
    await until(() => shown().endsWith(PROMPT));
    take();
    const recorded = readSession<string>('hmp-qemu72.jsonl');
    const answered = [];
    for (const { send } of recorded) {
      type(send);
      await until(() => shown().endsWith(`\r\n${PROMPT}`));
      answered.push({ send, receive: take() });
    }
    expect(answered).toEqual(recorded);
  });

  test('ends without a prompt at quit', async () => {
    const { type, take, shown, monitor, host } = connect();
    await until(() => shown().endsWith(PROMPT));
    take();
    type('q\nstop\n');
    await until(() => host.ending);
    await monitor.close();
    await monitor.closed;
    expect(take()).toBe('q\x1b[K\r\n');
  });

  test('drops what passes the length of a line', async () => {
    const { type, take, shown } = connect();
    await until(() => shown().endsWith(PROMPT));
    type(`${'x'.repeat(LINE_LIMIT + 10)}\n`);
    await until(() => shown().endsWith(`\r\n${PROMPT}`));
    expect(take()).toContain(`unknown command: '${'x'.repeat(LINE_LIMIT)}'\r\n`);
  });

  test('swallows cursor keys and erases the line at control-U', async () => {
    const { type, take, shown } = connect();
    await until(() => shown().endsWith(PROMPT));
    take();
    type('a\x1b[A\x1b[1;5C\x15\n');
    await until(() => shown().endsWith(PROMPT));
    expect(take()).toBe(`a\x1b[K\x1b[D\x1b[K\r\n${PROMPT}`);
  });
});

describe('runHumanCommand()', () => {
  const host = () => new FakeMonitorHost();

  test('shows the TPM of each device under the name of its interface', async () => {
    expect(await runHumanCommand(host(), 'info tpm')).toBe(
      'TPM device:\n tpm0: model=tpm-tis\n  \\ t: type=emulator,chardev=c\n',
    );
    const without = host();
    without.tpmModel = undefined;
    expect(await runHumanCommand(without, 'info tpm')).toBe('');
  });

  test('shows the options of every type of back end', async () => {
    const passthrough = { type: 'passthrough', id: 'p', path: '/dev/tpm0' } as const;
    const show = async (backend: NonNullable<FakeMonitorHost['description']['backend']>) =>
      (await runHumanCommand(new FakeMonitorHost({ backend }), 'info tpm')).split('\n')[2];
    expect(await show(passthrough)).toBe('  \\ p: type=passthrough,path=/dev/tpm0');
    expect(await show({ ...passthrough, cancelPath: '/x' })).toBe(
      '  \\ p: type=passthrough,path=/dev/tpm0,cancel-path=/x',
    );
    expect(await show({ type: 'emulator', id: 'e', chardev: 'c', dataChardev: 'd' })).toBe(
      '  \\ e: type=emulator,chardev=c,data-chardev=d',
    );
    expect(await show({ type: 'embedded', id: 'e' })).toBe('  \\ e: type=embedded');
    expect(await show({ type: 'embedded', id: 'e', state: '/s' })).toBe(
      '  \\ e: type=embedded,state=/s',
    );
  });

  test('shows the version and lists its commands', async () => {
    expect(await runHumanCommand(host(), 'info version')).toBe('7.2.0 tpm-integration 0.1.0\n');
    const listed = (text: string) => text.split('\n').map((line) => line.split(' -- ')[0]);
    expect(listed(await runHumanCommand(host(), 'help'))).toEqual([
      'cont|c ',
      'help|? [cmd]',
      'info [subcommand]',
      'quit|q ',
      'stop|s ',
      'system_reset ',
      '',
    ]);
    expect(listed(await runHumanCommand(host(), 'info'))).toEqual([
      'info kvm ',
      'info name ',
      'info status ',
      'info tpm ',
      'info uuid ',
      'info version ',
      '',
    ]);
  });

  test('answers every line with whole lines', async () => {
    const word = fc.constantFrom('info', 'help', '?', 'tpm', 'stop', 'c', '"', ';', ' ', 'é');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(word, fc.string())), async (words) => {
        const output = await runHumanCommand(host(), words.join(' '));
        expect(output === '' || output.endsWith('\n')).toBe(true);
      }),
    );
  });
});
