import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectSwtpm } from 'tpm-backend-swtpm';
import type { TpmBackend, TpmVersion } from 'tpm-core';
import type { MachineDescription, MachineFamily } from '../../src/description.js';
import { HeadlessMachine } from '../../src/machine/machine.js';
import { QtestServer } from '../../src/qtest/qtest-server.js';
import { QtestClient } from './qtest-client.js';
import type { Program, Resources } from './resources.js';

/** Limit for a peer to be ready, in tenths of a second. */
const PATIENCE = 100;

/** A swtpm that listens on Unix sockets. */
export interface Swtpm {
  readonly program: Program;
  readonly controlPath: string;
}

/** Connects to a swtpm as the command line does. */
export async function openSwtpm(resources: Resources, swtpm: Swtpm): Promise<TpmBackend> {
  const backend = await connectSwtpm({ controlPath: swtpm.controlPath });
  resources.add(() => backend.close());
  return backend;
}

/** Starts a fresh TPM that waits for its control client. */
export async function startSwtpm(resources: Resources, version: TpmVersion): Promise<Swtpm> {
  const directory = await resources.directory();
  const state = join(directory, 'state');
  await mkdir(state);
  const controlPath = join(directory, 'ctrl');
  const program = await resources.start('swtpm', [
    'socket',
    ...(version === '2.0' ? ['--tpm2'] : []),
    '--tpmstate',
    `dir=${state}`,
    '--ctrl',
    `type=unixio,path=${controlPath}`,
  ]);
  await until(() => existsSync(controlPath), `swtpm's socket ${controlPath}`);
  return { program, controlPath };
}

/** Which machine to build. */
export interface MachineChoice {
  readonly family: Exclude<MachineFamily, 'pseries'>;
  /** Memory in MiB. */
  readonly memory?: number;
  /** Device properties besides `tpmdev`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A machine that is driven over qtest. */
export interface Driven {
  readonly client: QtestClient;
  /** Machine reset; resolves when it is done. */
  reset(): Promise<void>;
  /** Whether a reset has begun when {@link reset} returns its promise. */
  readonly resetsAtOnce: boolean;
}

/** A QEMU process. */
export interface DrivenQemu extends Driven {
  readonly program: Program;
  /** Where its qtest connection is accepted again. */
  readonly monitor: QmpClient;
}

const DEFAULT_MEMORY = 128;

/** Starts QEMU with a TPM whose control socket is at `controlPath`, or without a TPM. */
export async function startQemu(
  resources: Resources,
  choice: MachineChoice,
  controlPath?: string,
): Promise<DrivenQemu> {
  const directory = await resources.directory();
  const qtest = await resources.listen(join(directory, 'qtest'));
  const monitor = await resources.listen(join(directory, 'qmp'));
  const arm = choice.family === 'virt';
  const device = [arm ? 'tpm-tis-device' : 'tpm-tis', 'tpmdev=tpm0'];
  for (const [name, value] of Object.entries(choice.properties ?? {})) {
    device.push(`${name}=${value}`);
  }
  const tpm =
    controlPath === undefined
      ? []
      : ['-chardev', `socket,id=chrtpm,path=${controlPath}`]
          .concat(['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm'])
          .concat(['-device', device.join(',')]);
  const program = await resources.start(arm ? 'qemu-system-aarch64' : 'qemu-system-x86_64', [
    ...['-accel', 'tcg', '-S', '-display', 'none', '-nodefaults'],
    ...['-machine', choice.family, '-m', String(choice.memory ?? DEFAULT_MEMORY)],
    ...['-qtest', `unix:${join(directory, 'qtest')}`, '-qtest-log', '/dev/null'],
    ...['-qmp', `unix:${join(directory, 'qmp')}`],
    ...tpm,
  ]);
  const connections = [program.connection(monitor), program.connection(qtest)] as const;
  const [monitorSocket, qtestSocket] = await Promise.all(connections);
  const client = new QtestClient(qtestSocket);
  const qmp = new QmpClient(monitorSocket);
  resources.add(() => {
    client.close();
    qmp.close();
  });
  await qmp.execute('qmp_capabilities');
  return { program, client, monitor: qmp, reset: () => qmp.reset(), resetsAtOnce: false };
}

/** The smallest QMP client that can reset a machine. */
export class QmpClient {
  readonly #socket: Socket;
  readonly #replies: ((reply: unknown) => void)[] = [];
  readonly #resets: (() => void)[] = [];
  #input = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    socket.on('data', (text: string) => {
      const lines = (this.#input + text).split('\n');
      this.#input = lines.pop() ?? '';
      for (const line of lines) this.#receive(JSON.parse(line));
    });
  }

  /** @returns the reply to a command */
  execute(command: string): Promise<unknown> {
    return new Promise((resolve) => {
      this.#replies.push(resolve);
      this.#socket.write(`${JSON.stringify({ execute: command })}\n`);
    });
  }

  /** Resets the machine; resolves at the event that says it is done. */
  async reset(): Promise<void> {
    const done = new Promise<void>((resolve) => void this.#resets.push(resolve));
    await this.execute('system_reset');
    await done;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: Record<string, unknown>): void {
    if ('event' in message) {
      if (message['event'] === 'RESET') this.#resets.shift()?.();
    } else if (!('QMP' in message)) this.#replies.shift()?.(message);
  }
}

/** A headless machine of our own behind a real socket. */
export interface DrivenHeadless extends Driven {
  readonly machine: HeadlessMachine;
  /** Ends the present connection and opens another one. */
  reconnect(): Promise<QtestClient>;
}

const MEBIBYTE = 0x10_0000;

/** @returns the description of a machine with a TPM device, if there is a back end */
export function describeMachine(choice: MachineChoice, withTpm: boolean): MachineDescription {
  const arm = choice.family === 'virt';
  const properties = choice.properties ?? {};
  return {
    target: arm ? 'aarch64' : 'x86_64',
    family: choice.family,
    machineName: choice.family,
    machineOptions: new Map(),
    ramSize: (choice.memory ?? DEFAULT_MEMORY) * MEBIBYTE,
    chardevs: new Map(),
    monitors: [],
    startPaused: true,
    ...(withTpm
      ? {
          device: {
            model: arm ? 'tpm-tis-device' : 'tpm-tis',
            tpmdev: 'tpm0',
            irq: Number(properties['irq'] ?? 5),
            ppi: !arm && properties['ppi'] !== 'off',
          },
        }
      : {}),
  };
}

/** Builds our machine and connects to it. */
export async function startHeadless(
  resources: Resources,
  choice: MachineChoice,
  backend?: TpmBackend,
): Promise<DrivenHeadless> {
  const machine = new HeadlessMachine(
    describeMachine(choice, backend !== undefined),
    backend === undefined ? {} : { backend },
  );
  const outcome = await machine.reset();
  if (!outcome.started) throw outcome.error;
  const path = join(await resources.directory(), 'qtest');
  const server = await resources.listen(path);
  server.on('connection', (socket) => void new QtestServer(machine, socket));
  const open = async () => {
    const client = new QtestClient(connect(path));
    resources.add(() => client.close());
    await client.command('endianness');
    return client;
  };
  return {
    machine,
    client: await open(),
    reconnect: open,
    reset: async () => void (await machine.reset()),
    resetsAtOnce: true,
  };
}

/** Waits until a condition holds; fails with what was waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  for (let tries = 0; tries < PATIENCE; tries++) {
    if (await condition()) return;
    await sleep(tries < 20 ? 5 : 100);
  }
  throw new Error(`Waited in vain for ${what}`);
}
