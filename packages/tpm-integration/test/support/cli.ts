import { chmod, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SystemTarget } from '../../src/description.js';
import { until } from './peers.js';
import { QmpClientLines } from './qmp-client-lines.js';
import { QtestClient } from './qtest-client.js';
import type { Program, Resources } from './resources.js';

/**
 * @param node program that runs the command
 * @returns the path of a script that runs our command under QEMU's name
 */
export async function installAsQemu(
  resources: Resources,
  target: SystemTarget,
  node: string = process.execPath,
): Promise<string> {
  const bin = fileURLToPath(new URL(`../../dist/bin/tpm-system-${target}.js`, import.meta.url));
  const script = join(await resources.directory(), `qemu-system-${target}`);
  await writeFile(script, `#!/bin/sh\nexec '${node}' '${bin}' "$@"\n`);
  await chmod(script, 0o755);
  return script;
}

/** Our command, started and driven as programs drive a QEMU in qtest mode. */
export interface DrivenCommand {
  readonly program: Program;
  readonly qtest: QtestClient;
  readonly monitor: QmpClientLines;
  /** Lines that the monitor sent at the start. */
  readonly greeting: string;
}

/** Starts our command with a qtest and a QMP connection, both of which it makes as a client. */
export async function startCommand(
  resources: Resources,
  target: SystemTarget,
  words: readonly string[],
  node: string = process.execPath,
): Promise<DrivenCommand> {
  const directory = await resources.directory();
  const qtestServer = await resources.listen(join(directory, 'qtest'));
  const monitorServer = await resources.listen(join(directory, 'qmp'));
  const program = await resources.start(await installAsQemu(resources, target, node), [
    ...['-qtest', `unix:${join(directory, 'qtest')}`, '-qtest-log', '/dev/null'],
    ...['-chardev', `socket,path=${join(directory, 'qmp')},id=char0`],
    ...['-mon', 'chardev=char0,mode=control', '-display', 'none', '-audio', 'none'],
    ...words,
    ...['-accel', 'qtest'],
  ]);
  const [monitorSocket, qtestSocket] = await Promise.all([
    program.connection(monitorServer),
    program.connection(qtestServer),
  ]);
  resources.add(() => void monitorSocket.destroy());
  resources.add(() => void qtestSocket.destroy());
  const monitor = new QmpClientLines(monitorSocket);
  const qtest = new QtestClient(qtestSocket);
  const greeting = await monitor.line();
  return { program, qtest, monitor, greeting };
}

/** Connects to a socket; a file is there a moment before somebody listens. */
export async function dial(resources: Resources, path: string): Promise<Socket> {
  let socket: Socket | undefined;
  await until(async () => {
    const attempt = connect(path);
    const isConnected = new Promise<boolean>((resolve) => {
      attempt.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket = (await isConnected) ? attempt : undefined;
    return socket !== undefined;
  }, `a listener at ${path}`);
  resources.add(() => void socket?.destroy());
  return socket!;
}

/** Connects to a monitor that listens. */
export async function dialMonitor(resources: Resources, path: string): Promise<QmpClientLines> {
  return new QmpClientLines(await dial(resources, path));
}

/** Words that put a TPM behind the control socket of an swtpm. */
export function tpmWords(controlPath: string, device = 'tpm-tis'): string[] {
  return [
    ...['-chardev', `socket,id=chrtpm,path=${controlPath}`],
    ...['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm'],
    ...['-device', `${device},tpmdev=tpm0`],
  ];
}

const REGISTER = { access: 0x000, status: 0x018, fifo: 0x024 } as const;
const ACCESS = { request: 0x02, active: 0x20 } as const;
const STATUS = { commandReady: 0x40, go: 0x20, dataAvail: 0x10 } as const;

/** Sends one TPM command through the FIFO interface at locality 0, as a driver does. */
export class QtestTis {
  readonly #qtest: QtestClient;
  readonly #base: number;

  constructor(qtest: QtestClient, base = 0xfed4_0000) {
    this.#qtest = qtest;
    this.#base = base;
  }

  /** Writes a command and lets it run. */
  async submit(command: string): Promise<void> {
    await this.#write('b', REGISTER.access, ACCESS.request);
    while (((await this.#read('b', REGISTER.access)) & ACCESS.active) === 0);
    await this.#write('l', REGISTER.status, STATUS.commandReady);
    while (((await this.#read('l', REGISTER.status)) & STATUS.commandReady) === 0);
    for (const byte of Buffer.from(command, 'hex')) await this.#write('b', REGISTER.fifo, byte);
    await this.#write('l', REGISTER.status, STATUS.go);
  }

  /** Waits for the response and reads it. @returns its bytes in hexadecimal */
  async response(): Promise<string> {
    while (!(await this.hasResponse()));
    const bytes: number[] = [];
    while (await this.hasResponse()) bytes.push(await this.#read('b', REGISTER.fifo));
    await this.#write('l', REGISTER.status, STATUS.commandReady);
    return Buffer.from(bytes).toString('hex');
  }

  async transmit(command: string): Promise<string> {
    await this.submit(command);
    return await this.response();
  }

  async hasResponse(): Promise<boolean> {
    return ((await this.#read('l', REGISTER.status)) & STATUS.dataAvail) !== 0;
  }

  async #read(suffix: 'b' | 'l', offset: number): Promise<number> {
    const line = `read${suffix} 0x${(this.#base + offset).toString(16)}`;
    const { answer } = await this.#qtest.command(line);
    if (!answer.startsWith('OK 0x')) throw new Error(`${line} gave "${answer}"`);
    return Number(BigInt(answer.slice(3)));
  }

  async #write(suffix: 'b' | 'l', offset: number, value: number): Promise<void> {
    const place = `0x${(this.#base + offset).toString(16)}`;
    const { answer } = await this.#qtest.command(`write${suffix} ${place} 0x${value.toString(16)}`);
    if (answer !== 'OK') throw new Error(`Writing ${place} gave "${answer}"`);
  }
}
