import { rmSync, writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { BackendEvent, TpmBackend } from 'tpm-core';
import { ChannelError, reasonOf } from './chardev/channel-error.js';
import type { CharacterChannel } from './chardev/character-channel.js';
import { openChannels } from './chardev/open-channels.js';
import type { MachineDescription, MonitorDefinition, SystemTarget } from './description.js';
import { deviceFactories } from './machine/device-factories.js';
import { HeadlessMachine, type MachineEvent, type RunState } from './machine/machine.js';
import { HumanMonitor } from './monitor/human-monitor.js';
import { interfaceName, type MonitorEvent, type MonitorHost } from './monitor/monitor-host.js';
import { QmpServer } from './monitor/qmp-server.js';
import { backendOpeners, openBackend } from './open-backend.js';
import { OptionError } from './options/option-error.js';
import { parseCommandLine } from './options/parse-command-line.js';
import type { Availability } from './options/tpm-options.js';
import { QtestServer } from './qtest/qtest-server.js';
import { openLogSink } from './qtest-log-sink.js';

/** Exit codes of the command line. */
const EXIT = { success: 0, failure: 1, usage: 2 } as const;

/** What can be built: the registries decide. */
const AVAILABLE: Availability = { devices: deviceFactories, backends: backendOpeners };

/** Interval of a timer that does nothing, in milliseconds. */
const LIFE_BEAT = 2 ** 30;

/** Signals that end the machine in good order. */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 2,
  SIGTERM: 15,
  SIGHUP: 1,
};

/** A client of a monitor. */
interface Monitor {
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/**
 * The command `tpm-system-TARGET`: reads the command line, runs the machine until it is told to
 * end, and cleans up. What goes wrong becomes one line on standard error.
 *
 * @param target instruction set of the machine
 * @param words the command line's arguments
 * @returns the exit code: 0, 1 for a failure, 2 for a command line that can't be used
 */
export async function runSystem(target: SystemTarget, words: readonly string[]): Promise<number> {
  const program = `tpm-system-${target}`;
  const report = (line: string) => {
    process.stderr.write(`${program}: ${line.trimEnd().replace(/\s*\n\s*/g, '; ')}\n`);
  };
  try {
    const commandLine = parseCommandLine(target, words, AVAILABLE);
    if (commandLine.kind === 'print') {
      process.stdout.write(commandLine.text);
      return EXIT.success;
    }
    return await new System(commandLine.description, report).run();
  } catch (error) {
    const isDebugged = words.includes('-debug') || words.includes('--debug');
    report(error instanceof Error ? error.message : String(error));
    if (isDebugged && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return error instanceof OptionError ? EXIT.usage : EXIT.failure;
  }
}

/** A machine with everything around it, from start to end. */
class System implements MonitorHost {
  readonly description: MachineDescription;
  readonly available: Availability = AVAILABLE;
  readonly #report: (line: string) => void;
  readonly #channels: Map<string, CharacterChannel> = new Map();
  readonly #monitors: Set<Monitor> = new Set();
  readonly #listeners: Set<(event: MonitorEvent) => void> = new Set();
  readonly #cleanUps: (() => void)[] = [];
  readonly #ended: Promise<number>;
  #resolveEnded: (exitCode: number) => void = () => {};
  #ending = false;
  #machine: HeadlessMachine | undefined;
  #backend: TpmBackend | undefined;
  #resets: Promise<void> = Promise.resolve();

  constructor(description: MachineDescription, report: (line: string) => void) {
    this.description = description;
    this.#report = report;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Runs from start to end. @returns the exit code */
  async run(): Promise<number> {
    this.#watchSignals();
    // Without a connection nothing else keeps the process alive until a signal comes.
    const life = setInterval(() => {}, LIFE_BEAT);
    const starting = this.#start();
    try {
      await Promise.race([starting, this.#ended]);
      return await this.#ended;
    } finally {
      await this.#shutDown(starting);
      clearInterval(life);
    }
  }

  get tpmModel(): string | undefined {
    const model = this.description.device?.model;
    return model === undefined ? undefined : interfaceName(model);
  }

  get status(): RunState {
    return this.#machine?.status ?? 'prelaunch';
  }

  get running(): boolean {
    return this.#machine?.running ?? false;
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** Resets one after the other when several monitors ask. */
  reset(): Promise<void> {
    this.#resets = this.#resets.then(() => this.#resetNow());
    return this.#resets;
  }

  async stop(): Promise<void> {
    await this.#machine?.stop();
  }

  async cont(): Promise<void> {
    await this.#machine?.cont();
  }

  quit(): void {
    this.#end('host-qmp-quit');
  }

  onEvent(listener: (event: MonitorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #start(): Promise<void> {
    this.#writePidFile();
    await openChannels(this.description, this.#channels, {
      report: this.#report,
      interrupt: () => this.#end('host-signal'),
      isEnding: () => this.#ending,
    });
    if (this.#ending) return;
    if (this.description.backend !== undefined) {
      this.#backend = await openBackend(this.description.backend, {
        chardevs: this.description.chardevs,
        onEvent: (event) => this.#reportBackendEvent(event),
      });
    }
    if (this.#ending) return;
    const parts = this.#backend === undefined ? {} : { backend: this.#backend };
    const machine = new HeadlessMachine(this.description, parts);
    const outcome = await machine.reset();
    if (this.#ending) return;
    if (!outcome.started) throw outcome.error;
    this.#machine = machine;
    machine.onEvent((event) => this.#relay(event));
    this.#serveQtest(machine);
    for (const monitor of this.description.monitors) this.#serveMonitor(monitor);
  }

  #serveQtest(machine: HeadlessMachine): void {
    const { qtest, qtestLog } = this.description;
    if (qtest === undefined) return;
    const sink = openLogSink(qtestLog);
    if (sink !== undefined) this.#cleanUps.push(() => sink.close());
    this.#channels.get(qtest)?.serve((stream) => {
      new QtestServer(machine, stream, sink === undefined ? {} : { log: sink.write });
    });
  }

  #serveMonitor({ mode, chardev, pretty }: MonitorDefinition): void {
    this.#channels.get(chardev)?.serve((stream) => {
      const monitor = this.#createMonitor(mode, stream, pretty);
      this.#monitors.add(monitor);
      monitor.closed
        .finally(() => this.#monitors.delete(monitor))
        .catch((error: unknown) => {
          this.#report(`monitor '${chardev}' failed: ${reasonOf(error)}`);
          this.#fail();
        });
    });
  }

  #createMonitor(mode: MonitorDefinition['mode'], stream: Duplex, pretty: boolean): Monitor {
    if (mode === 'readline') return new HumanMonitor(this, stream);
    const now = () => Math.floor((performance.timeOrigin + performance.now()) * 1000);
    return new QmpServer(this, stream, { pretty, now });
  }

  async #resetNow(): Promise<void> {
    if (this.#machine === undefined || this.#ending) return;
    if (this.description.exitOnReset === true) {
      this.#end('host-qmp-system-reset');
      return;
    }
    const outcome = await this.#machine.reset();
    if (outcome.started) return;
    this.#report(outcome.error.message);
    this.#fail();
  }

  #relay({ type }: MachineEvent): void {
    const data = { guest: false, reason: 'host-qmp-system-reset' };
    this.#announce(type === 'RESET' ? { name: type, data } : { name: type });
  }

  #announce(event: MonitorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #end(reason: string): void {
    if (this.#ending) return;
    const stays = reason === 'host-qmp-system-reset' && this.description.stayOnShutdown === true;
    this.#announce({ name: 'SHUTDOWN', data: { guest: false, reason } });
    if (stays) return;
    this.#ending = true;
    this.#resolveEnded(EXIT.success);
  }

  #fail(): void {
    this.#ending = true;
    this.#resolveEnded(EXIT.failure);
  }

  #reportBackendEvent({ error }: BackendEvent): void {
    const id = this.description.backend?.id;
    this.#report(`TPM '${id}': ${error.message}`);
  }

  #watchSignals(): void {
    for (const [signal, number] of Object.entries(SIGNALS)) {
      const handler = () => {
        // A second signal doesn't wait for a TPM that is slow to shut down.
        if (this.#ending) process.exit(128 + number);
        this.#report(`terminating on signal ${number}`);
        this.#end('host-signal');
      };
      process.on(signal, handler);
      this.#cleanUps.push(() => process.off(signal, handler));
    }
  }

  #writePidFile(): void {
    const path = this.description.pidFile;
    if (path === undefined) return;
    try {
      writeFileSync(path, `${process.pid}\n`);
    } catch (error) {
      throw new ChannelError(`cannot create PID file '${path}': ${reasonOf(error)}`, error);
    }
    this.#cleanUps.push(() => rmSync(path, { force: true }));
  }

  /** @param starting the start, which may still be under way when a signal ends it */
  async #shutDown(starting: Promise<void>): Promise<void> {
    this.#ending = true;
    await Promise.all([...this.#monitors].map((monitor) => monitor.close()));
    await this.#closeChannels();
    // Its failure was reported, unless the end was asked for before; then it doesn't matter.
    await starting.catch(() => {});
    await this.#closeChannels();
    await this.#backend?.close();
    for (const cleanUp of this.#cleanUps) cleanUp();
  }

  async #closeChannels(): Promise<void> {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
