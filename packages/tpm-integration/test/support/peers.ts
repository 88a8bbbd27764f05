import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectSwtpm } from 'tpm-backend-swtpm';
import type { TpmBackend, TpmVersion, TraceEvent } from 'tpm-core';
import type { DeviceModel, MachineDescription, MachineFamily } from '../../src/description.js';
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
  /** Model of the TPM device; the machine's TIS unless given. */
  readonly model?: DeviceModel;
  /** Memory in MiB. */
  readonly memory?: number;
  /** Machine type; the newest of the family unless given. */
  readonly machine?: string;
  /** Machine options. */
  readonly options?: Readonly<Record<string, string>>;
  /** Device properties besides `tpmdev`. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** A reset that has begun. */
export interface PendingReset {
  readonly done: Promise<void>;
}

/** A machine that is driven over qtest. */
export interface Driven {
  readonly client: QtestClient;
  /**
   * Begins a machine reset: it is the next thing that happens.
   *
   * @returns what resolves when it is done
   */
  beginReset(): Promise<PendingReset>;
}

/** An emulator in a process of its own. */
export interface DrivenProcess extends Driven {
  readonly program: Program;
  readonly monitor: QmpClient;
}

const DEFAULT_MEMORY = 128;

/** How an emulator is started: the program and the arguments in front of the machine's. */
export type EmulatorCommand = readonly [program: string, ...parameters: string[]];

function modelOf({ family, model }: MachineChoice): DeviceModel {
  return model ?? (family === 'virt' ? 'tpm-tis-device' : 'tpm-tis');
}

function qemuCommand({ family }: MachineChoice): EmulatorCommand {
  return [family === 'virt' ? 'qemu-system-aarch64' : 'qemu-system-x86_64'];
}

function machineArgument({ family, machine = family, options = {} }: MachineChoice): string {
  const pairs = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return [machine, ...pairs].join(',');
}

/** @returns the command that starts our own emulator; it must be built */
export function systemCommand({ family }: MachineChoice): EmulatorCommand {
  const name = family === 'virt' ? 'tpm-system-aarch64' : 'tpm-system-x86_64';
  const path = fileURLToPath(new URL(`../../dist/bin/${name}.js`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing; run: pnpm run build`);
  return [process.execPath, path];
}

/**
 * Starts an emulator that connects to us for qtest and QMP, as a test of QEMU does.
 *
 * @param controlPath control socket of the TPM; without it the machine has none
 * @param command QEMU, unless given
 */
export async function startEmulator(
  resources: Resources,
  choice: MachineChoice,
  controlPath?: string,
  command: EmulatorCommand = qemuCommand(choice),
): Promise<DrivenProcess> {
  const directory = await resources.directory();
  const qtest = await resources.listen(join(directory, 'qtest'));
  const monitor = await resources.listen(join(directory, 'qmp'));
  const device: string[] = [modelOf(choice), 'tpmdev=tpm0'];
  for (const [name, value] of Object.entries(choice.properties ?? {})) {
    device.push(`${name}=${value}`);
  }
  const tpm = [
    ...['-chardev', `socket,id=chrtpm,path=${controlPath}`],
    ...['-tpmdev', 'emulator,id=tpm0,chardev=chrtpm'],
    ...['-device', device.join(',')],
  ];
  const [name, ...parameters] = command;
  const program = await resources.start(name, [
    ...parameters,
    ...['-accel', 'tcg', '-S', '-display', 'none', '-nodefaults'],
    ...['-machine', machineArgument(choice), '-m', String(choice.memory ?? DEFAULT_MEMORY)],
    ...['-qtest', `unix:${join(directory, 'qtest')}`, '-qtest-log', '/dev/null'],
    ...['-qmp', `unix:${join(directory, 'qmp')}`],
    ...(controlPath === undefined ? [] : tpm),
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
  return { program, client, monitor: qmp, beginReset: () => qmp.beginReset() };
}

/** What a process gets to take notice of a request, in milliseconds. */
const TIME_TO_BEGIN = 20;

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

  /** Requests a reset. Its answer comes when it is done, so that its begin has no sign. */
  async beginReset(): Promise<PendingReset> {
    const done = new Promise<void>((resolve) => void this.#resets.push(resolve));
    void this.execute('system_reset');
    await sleep(TIME_TO_BEGIN);
    return { done };
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: Record<string, unknown>): void {
    if ('event' in message) {
      if (message.event === 'RESET') this.#resets.shift()?.();
    } else if (!('QMP' in message)) this.#replies.shift()?.(message);
  }
}

/** A headless machine of our own behind a real socket. */
export interface DrivenHeadless extends Driven {
  readonly machine: HeadlessMachine;
  /** Number of commands that the device has sent to its back end. */
  readonly commands: number;
  /** Opens another connection. */
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
    machineName: choice.machine ?? choice.family,
    machineOptions: new Map(Object.entries(choice.options ?? {})),
    ramSize: (choice.memory ?? DEFAULT_MEMORY) * MEBIBYTE,
    chardevs: new Map(),
    monitors: [],
    startPaused: true,
    ...(withTpm
      ? {
          device: {
            model: modelOf(choice),
            tpmdev: 'tpm0',
            irq: Number(properties.irq ?? 5),
            ppi: !arm && properties.ppi !== 'off',
            chunking: properties['cap-chunk'] === 'on',
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
  let commands = 0;
  const trace = (event: TraceEvent) => {
    if (event.type === 'command') commands++;
  };
  const machine = new HeadlessMachine(
    describeMachine(choice, backend !== undefined),
    backend === undefined ? {} : { backend, trace },
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
    get commands() {
      return commands;
    },
    reconnect: open,
    beginReset: async () => ({ done: machine.reset().then(() => {}) }),
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
