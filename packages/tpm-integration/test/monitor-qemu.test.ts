import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { SystemTarget } from '../src/description.js';
import { dial, dialMonitor, installAsQemu } from './support/cli.js';
import { startSwtpm, until } from './support/peers.js';
import type { QmpClientLines } from './support/qmp-client-lines.js';
import { readSession, withoutTime } from './support/recorded-session.js';
import { Resources } from './support/resources.js';

const resources = new Resources();
afterEach(() => resources.release());

const NEGOTIATE = '{"execute":"qmp_capabilities"}';

/** What a machine needs besides its TPM. */
interface Choice {
  readonly target: SystemTarget;
  readonly version: '1.2' | '2.0';
  readonly words: readonly string[];
  readonly mode: string;
}

const RECORDED: Choice = {
  target: 'x86_64',
  version: '2.0',
  words: ['-machine', 'q35', '-device', 'tpm-tis,tpmdev=t'],
  mode: 'control',
};

/** Starts a program with the command line of the recorded sessions. @returns its monitor's path */
async function start(program: string, { version, words, mode }: Choice): Promise<string> {
  const swtpm = await startSwtpm(resources, version);
  const path = join(await resources.directory(), 'monitor');
  await resources.start(program, [
    ...['-display', 'none', '-nodefaults', '-accel', 'tcg', '-S', '-name', 'guest0'],
    ...['-uuid', '12345678-9ABC-def0-1234-56789abcdef0'],
    ...['-chardev', `socket,id=c,path=${swtpm.controlPath}`],
    ...['-tpmdev', 'emulator,id=t,chardev=c', ...words],
    ...['-chardev', `socket,id=m,path=${path},server=on,wait=off`],
    ...['-mon', `chardev=m,mode=${mode}`],
  ]);
  await until(() => existsSync(path), 'the monitor');
  return path;
}

/** Starts QEMU and our command alike. */
async function startBoth(choice: Choice): Promise<[qemu: string, own: string]> {
  return [
    await start(`qemu-system-${choice.target}`, choice),
    await start(await installAsQemu(resources, choice.target), choice),
  ];
}

async function replies(client: QmpClientLines, inputs: readonly string[]) {
  const all = [];
  for (const send of inputs) {
    const lines = await client.exchange(Buffer.from(send, 'latin1'));
    all.push({ send, receive: lines.map(withoutTime) });
  }
  return all;
}

describe('QMP of QEMU and of tpm-system give the recorded replies', () => {
  test.each(['qmp-qemu72.jsonl', 'qmp-oob-qemu72.jsonl'])('to %s', async (file) => {
    const recorded = readSession<string[]>(file);
    for (const path of await startBoth(RECORDED)) {
      const client = await dialMonitor(resources, path);
      await client.line();
      expect(
        await replies(
          client,
          recorded.map(({ send }) => send),
        ),
      ).toEqual(recorded);
    }
  });
});

describe('QMP of tpm-system gives the replies of QEMU', () => {
  const human = (line: string) =>
    `{"execute":"human-monitor-command","arguments":{"command-line":"${line}"}}`;
  const INPUTS = [
    NEGOTIATE,
    '{"execute":"query-tpm"}',
    human('info tpm'),
    human('info status'),
    '{"execute":"query-target"}',
    '{"execute":"system_reset"}',
    '{"execute":"query-status"}',
  ];
  test.each<Choice>([
    { ...RECORDED, version: '1.2' },
    { ...RECORDED, words: ['-machine', 'pc', '-device', 'tpm-tis,tpmdev=t,id=dev0,irq=7'] },
    { ...RECORDED, words: ['-machine', 'q35'] },
    { ...RECORDED, words: ['-machine', 'q35', '-device', 'tpm-crb,tpmdev=t'] },
    {
      ...RECORDED,
      version: '1.2',
      words: ['-machine', 'pc', '-device', 'tpm-crb,tpmdev=t,id=dev0,ppi=off'],
    },
    {
      ...RECORDED,
      target: 'aarch64',
      words: ['-machine', 'virt', '-device', 'tpm-tis-device,tpmdev=t'],
    },
  ])('for $target with a TPM $version and $words', async (choice) => {
    const [qemu, own] = await Promise.all(
      (await startBoth(choice)).map(async (path) => {
        const client = await dialMonitor(resources, path);
        await client.line();
        return await replies(client, INPUTS);
      }),
    );
    expect(own).toEqual(qemu);
    expect(qemu?.[1]?.receive).toHaveLength(1);
  });

  test('to query-tpm-models, with the devices of a PC', async () => {
    const [qemu, own] = await Promise.all(
      (await startBoth(RECORDED)).map(async (path) => {
        const client = await dialMonitor(resources, path);
        await client.line();
        return await replies(client, [NEGOTIATE, '{"execute":"query-tpm-models"}']);
      }),
    );
    expect(own).toEqual(qemu);
    expect(qemu?.[1]?.receive).toEqual(['{"return": ["tpm-crb", "tpm-tis"]}']);
  });

  test('with pretty=on, byte for byte apart from the version', async () => {
    const texts = await Promise.all(
      (await startBoth({ ...RECORDED, mode: 'control,pretty=on' })).map(async (path) => {
        const client = await dialMonitor(resources, path);
        client.send(`${NEGOTIATE}{"execute":"query-tpm","id":[{}, [], 1]}{"execute":"x"}`);
        const lines: string[] = [];
        while (!lines.some((line) => line.includes('The command x'))) {
          lines.push(await client.line());
        }
        return lines.filter((line) => !/"(package|micro)": /.test(line));
      }),
    );
    expect(texts[1]).toEqual(texts[0]);
  });
});

/** Types lines into a human monitor. @returns what each shows, up to the next prompt */
async function typed(path: string, lines: readonly string[]): Promise<string[]> {
  const socket = (await dial(resources, path)).setEncoding('latin1');
  let shown = '';
  socket.on('data', (text: string) => {
    shown += text;
  });
  await until(() => shown.endsWith('(qemu) '), 'the prompt');
  const answers: string[] = [];
  for (const line of lines) {
    shown = '';
    socket.write(Buffer.from(line, 'latin1'));
    await until(() => shown.endsWith('\r\n(qemu) '), `the answer to ${JSON.stringify(line)}`);
    answers.push(shown);
  }
  return answers;
}

describe('the human monitors of QEMU and of tpm-system show the same', () => {
  test('about a tpm-crb', async () => {
    const words = ['-machine', 'q35', '-device', 'tpm-crb,tpmdev=t,id=crb0'];
    const [qemu, own] = await Promise.all(
      (await startBoth({ ...RECORDED, words, mode: 'readline' })).map((path) =>
        typed(path, ['info tpm\n', 'system_reset\n', 'info tpm\n']),
      ),
    );
    expect(own).toEqual(qemu);
    expect(qemu?.[2]).toContain(' tpm0: model=tpm-crb\r\n  \\ t: type=emulator,chardev=c\r\n');
  });
});

describe('the human monitors of QEMU and of tpm-system show the recorded bytes', () => {
  test('of hmp-qemu72.jsonl', async () => {
    const recorded = readSession<string>('hmp-qemu72.jsonl');
    for (const path of await startBoth({ ...RECORDED, mode: 'readline' })) {
      const shown = await typed(
        path,
        recorded.map(({ send }) => send),
      );
      const answered = recorded.map(({ send }, index) => ({ send, receive: shown[index] }));
      expect(answered).toEqual(recorded);
    }
  });
});
