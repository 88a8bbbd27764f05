import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { requireProgram, temporaryDirectory } from './swtpm.js';

/** Packages of the programs that are started here. */
const PACKAGES: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-aarch64': 'qemu-system-arm',
  swtpm: 'swtpm',
};

/** Starts a program that is gone when the test ends. */
function launch(program: string, args: readonly string[]): ChildProcess {
  requireProgram(program, PACKAGES[program] ?? program);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  return child;
}

async function appearance(path: string): Promise<void> {
  for (let tries = 0; !existsSync(path); tries++) {
    if (tries === 1000) throw new Error(`${path} does not appear`);
    await delay(10);
  }
}

/** Starts swtpm. @returns QEMU's options for it */
export async function swtpmOptions(tpmVersion: '1.2' | '2.0'): Promise<string[]> {
  const directory = await temporaryDirectory();
  const control = join(directory, 'control');
  const family = tpmVersion === '2.0' ? ['--tpm2'] : [];
  const state = ['--tpmstate', `dir=${directory}`, '--ctrl', `type=unixio,path=${control}`];
  launch('swtpm', ['socket', ...family, ...state]);
  await appearance(control);
  return [
    ...['-chardev', `socket,id=swtpm,path=${control}`],
    ...['-tpmdev', 'emulator,id=tpm0,chardev=swtpm', '-device', 'tpm-tis,tpmdev=tpm0'],
  ];
}

/** A real QEMU, driven through its qtest and QMP protocols. */
export class Qemu {
  readonly #qtest: AsyncIterator<string>;
  readonly #stdin: NodeJS.WritableStream;
  #monitor: Socket | undefined;
  #monitorLines: AsyncIterator<string> | undefined;

  private constructor(child: ChildProcess) {
    this.#stdin = child.stdin!;
    this.#qtest = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Starts QEMU; it is gone when the test ends. */
  static async start(program: string, args: readonly string[]): Promise<Qemu> {
    const monitor = join(await temporaryDirectory(), 'qmp');
    const common = [
      '-display',
      'none',
      '-nodefaults',
      '-qtest',
      'stdio',
      '-qtest-log',
      '/dev/null',
    ];
    const qmp = ['-qmp', `unix:${monitor},server=on,wait=off`];
    const qemu = new Qemu(launch(program, [...common, ...qmp, ...args]));
    await appearance(monitor);
    const socket = createConnection(monitor);
    onTestFinished(() => void socket.destroy());
    qemu.#monitor = socket;
    qemu.#monitorLines = createInterface({ input: socket })[Symbol.asyncIterator]();
    await qemu.tell('qmp_capabilities', '"return"');
    return qemu;
  }

  /** Sends a monitor command and waits for a line with a text. */
  async tell(execute: string, awaited: string): Promise<void> {
    this.#monitor!.write(`${JSON.stringify({ execute })}\n`);
    for (;;) {
      const { value, done } = await this.#monitorLines!.next();
      if (done === true) throw new Error(`QEMU ended at ${execute}`);
      if (value.includes(awaited)) return;
    }
  }

  /** Sends a qtest request. @returns the value in the answer */
  async ask(request: string): Promise<string> {
    this.#stdin.write(`${request}\n`);
    for (;;) {
      const { value, done } = await this.#qtest.next();
      if (done === true) throw new Error(`QEMU ended at ${request}`);
      if (value.startsWith('OK')) return value.slice(3);
      if (!value.startsWith('IRQ')) throw new Error(`qtest: ${request}: ${value}`);
    }
  }

  /** Reads guest memory. */
  async read(address: number, length: number): Promise<Uint8Array> {
    const hex = await this.ask(`read ${address} ${length}`);
    return Uint8Array.from(Buffer.from(hex.slice(2), 'hex'));
  }

  /** Writes guest memory. */
  async write(address: number, bytes: Uint8Array): Promise<void> {
    await this.ask(`write ${address} ${bytes.length} 0x${Buffer.from(bytes).toString('hex')}`);
  }
}
