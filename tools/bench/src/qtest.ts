import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare, type Figure, type Operation } from './measure.ts';
import { type StartedProcess, startProcess } from './process.ts';

const COUNT = 5000;
const PIPELINED = 20_000;
const LINE = 'readl 0xfed40f00\n';
const ANSWER = 'OK 0x0000000000011014';

/** A program that is driven over qtest: QEMU or ours, started alike. */
class QtestSession {
  readonly #process: StartedProcess;
  readonly #socket: Socket;
  readonly #server: Server;
  #pending = 0;
  #done: (() => void) | undefined;

  private constructor(process: StartedProcess, socket: Socket, server: Server) {
    this.#process = process;
    this.#socket = socket;
    this.#server = server;
    let rest = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line !== ANSWER) throw new Error(`Unexpected qtest answer "${line}"`);
      }
      this.#pending -= lines.length;
      if (this.#pending === 0) this.#done?.();
    });
  }

  static async start(
    folder: string,
    name: string,
    command: string,
    args: readonly string[],
  ): Promise<QtestSession> {
    const path = join(folder, `${name}.qtest`);
    const server = createServer().listen(path);
    await once(server, 'listening');
    const swtpm = join(folder, `${name}.swtpm`);
    const tpm = startProcess('swtpm', [
      'socket',
      '--tpm2',
      ...['--tpmstate', `dir=${mkdtempSync(join(folder, name))}`],
      ...['--ctrl', `type=unixio,path=${swtpm}`],
    ]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const machine = startProcess(command, [
      ...args,
      ...['-machine', 'q35', '-accel', 'tcg', '-S', '-display', 'none', '-nodefaults'],
      ...['-qtest', `unix:${path}`, '-qtest-log', '/dev/null'],
      ...['-chardev', `socket,id=chrtpm,path=${swtpm}`],
      ...['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm', '-device', 'tpm-tis,tpmdev=tpm0'],
    ]);
    const [socket] = (await once(server, 'connection')) as [Socket];
    const both: StartedProcess = {
      async end() {
        await machine.end();
        await tpm.end();
      },
    };
    return new QtestSession(both, socket, server);
  }

  /** One line after the other, each after the answer to the one before. */
  readonly oneByOne: Operation = async (count) => {
    for (let index = 0; index < count; index++) await this.#send(1);
  };

  /** All lines in one write. */
  readonly pipelined: Operation = (count) => this.#send(count);

  async end(): Promise<void> {
    this.#socket.destroy();
    this.#server.close();
    await this.#process.end();
  }

  #send(lines: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pending = lines;
      this.#done = resolve;
      this.#socket.write(LINE.repeat(lines));
    });
  }
}

/** Operations per second over qtest, ours and QEMU's, with the same client. */
export async function qtestFigures(systemProgram: string): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tpmdev-bench-'));
  const sessions: QtestSession[] = [];
  try {
    const ours = await QtestSession.start(folder, 'ours', process.execPath, [systemProgram]);
    sessions.push(ours);
    const qemu = await QtestSession.start(folder, 'qemu', 'qemu-system-x86_64', []);
    sessions.push(qemu);
    const single = await compare(qemu.oneByOne, ours.oneByOne, COUNT);
    const bulk = await compare(qemu.pipelined, ours.pipelined, PIPELINED);
    return [
      { name: 'qtest, one by one: ours', value: 1 / single.b / 1e3, unit: 'thousand/s' },
      { name: 'qtest, one by one: ours to QEMU', value: single.ratio, unit: 'times', aim: '≥ 1' },
      { name: 'qtest, pipelined: ours', value: 1 / bulk.b / 1e3, unit: 'thousand/s' },
      { name: 'qtest, pipelined: ours to QEMU', value: bulk.ratio, unit: 'times', aim: '≥ 1' },
    ];
  } finally {
    for (const session of sessions) await session.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
