import type { Duplex } from 'node:stream';
import { TextDecoder } from 'node:util';
import {
  type Availability,
  backendOpeners,
  type CharacterChannel,
  deviceFactories,
  HumanMonitor,
  interfaceName,
  type MachineDescription,
  type MonitorEvent,
  type MonitorHost,
  openBackend,
  openChannels,
  QmpServer,
} from 'tpm-integration';
import type { TpmBackend } from 'tpm-integration/assembly';
import { OptionError } from 'tpm-integration/options';
import { OutputWatch } from '../console/output-watch.js';
import { StandardConsole } from '../console/standard-console.js';
import { V86Error } from '../error.js';
import type { V86Description } from './description.js';
import type { PreparedGuest, V86Environment } from './environment.js';
import { loadImages, mergeImages } from './images.js';
import { oneLine } from './one-line.js';
import { parseV86Options } from './parse-options.js';
import { watchProcess } from './process-watch.js';
import { TraceLog } from './trace-log.js';
import { V86Machine } from './v86-machine.js';

/** Exit codes of the command line. */
export const EXIT = { success: 0, failure: 1, usage: 2 } as const;

/** What can be built. */
const AVAILABLE: Availability = { devices: deviceFactories, backends: backendOpeners };

/** How often the screen is looked at for `--until`, in milliseconds. */
const LOOK_INTERVAL = 100;

/**
 * The command `tpm-v86`: reads the command line, runs the machine until it is told to end, and
 * cleans up. What goes wrong becomes one line on standard error.
 *
 * @param words the command line's arguments
 * @param environment where it runs
 * @returns the exit code: 0, 1 for a failure, 2 for a command line that can't be used
 */
export async function runV86(
  words: readonly string[],
  environment: V86Environment,
): Promise<number> {
  try {
    const commandLine = parseV86Options(words, AVAILABLE);
    if (commandLine.kind === 'print') {
      environment.output.write(commandLine.text);
      return EXIT.success;
    }
    const isDebugged = words.includes('--debug');
    return await new V86System(commandLine.description, environment, isDebugged).run();
  } catch (error) {
    environment.report(oneLine(error));
    if (words.includes('--debug') && error instanceof Error)
      environment.diagnose(`${error.stack}\n`);
    return error instanceof OptionError ? EXIT.usage : EXIT.failure;
  }
}

/** A client of a monitor. */
interface Monitor {
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** A machine with everything around it, from start to end. */
class V86System implements MonitorHost {
  readonly description: MachineDescription;
  readonly available: Availability = AVAILABLE;
  readonly #v86: V86Description;
  readonly #environment: V86Environment;
  readonly #isDebugged: boolean;
  readonly #channels: Map<string, CharacterChannel> = new Map();
  readonly #monitors: Set<Monitor> = new Set();
  readonly #listeners: Set<(event: MonitorEvent) => void> = new Set();
  readonly #cleanUps: (() => void)[] = [];
  readonly #ended: Promise<number>;
  readonly #watch: OutputWatch | undefined;
  readonly #decoder: TextDecoder = new TextDecoder();
  #resolveEnded: (exitCode: number) => void = () => {};
  #ending = false;
  #hasCrashed = false;
  #machine: V86Machine | undefined;
  #backend: TpmBackend | undefined;
  #console: StandardConsole | undefined;
  #serialStream: Duplex | undefined;
  #trace: TraceLog | undefined;

  constructor(description: V86Description, environment: V86Environment, isDebugged: boolean) {
    this.description = description.machine;
    this.#v86 = description;
    this.#environment = environment;
    this.#isDebugged = isDebugged;
    const { until } = description.script;
    this.#watch = until === undefined ? undefined : new OutputWatch(until);
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Runs from start to end. @returns the exit code */
  async run(): Promise<number> {
    this.#watchProcess();
    const starting = this.#start();
    try {
      await Promise.race([starting, this.#ended]);
      return await this.#ended;
    } finally {
      await this.#shutDown(starting);
    }
  }

  get tpmModel(): string | undefined {
    const model = this.description.device?.model;
    return model === undefined ? undefined : interfaceName(model);
  }

  get status(): V86Machine['state'] {
    return this.#machine?.state ?? 'prelaunch';
  }

  get running(): boolean {
    return this.status === 'running';
  }

  get ending(): boolean {
    return this.#ending;
  }

  async reset(): Promise<void> {
    await this.#machine?.reset();
  }

  async stop(): Promise<void> {
    await this.#machine?.stop();
  }

  async cont(): Promise<void> {
    await this.#machine?.cont();
  }

  quit(): void {
    this.#leave('host-qmp-quit');
  }

  onEvent(listener: (event: MonitorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async #start(): Promise<void> {
    const { views, guest } = this.#v86;
    if (views.includes('screen') && this.#environment.output.isTTY !== true) {
      throw new OptionError(
        '-display curses: standard output is no terminal; use -display none or -nographic',
      );
    }
    const prepared = guest === undefined ? undefined : await this.#prepareGuest(guest);
    const { files, drives } = mergeImages(this.#v86, prepared);
    const images = await loadImages({ ...this.#v86, drives }, files);
    if (this.#ending) return;
    await openChannels(this.description, this.#channels, {
      report: this.#environment.report,
      interrupt: () => this.#leave('host-signal'),
      isEnding: () => this.#ending,
    });
    if (this.#ending) return;
    if (this.#v86.trace) this.#openTrace();
    if (this.description.backend !== undefined) await this.#openBackend();
    if (this.#ending) return;
    const createEmulator = await this.#environment.createEmulator();
    const parts = {
      createEmulator,
      description: this.#v86,
      images,
      append: files.append,
      backend: this.#backend,
    };
    this.#machine = new V86Machine(parts, {
      serial: (bytes) => this.#serial(bytes),
      reset: () => this.#wasReset(),
      poweredOff: () => this.#leave('guest-shutdown'),
      stopped: () => this.#announce({ name: 'STOP' }),
      resumed: () => this.#announce({ name: 'RESUME' }),
      failed: (error) => this.#fail(error),
      warned: (error) => this.#environment.report(`TPM: ${oneLine(error)}`),
    });
    this.#connect(this.#machine);
  }

  async #prepareGuest(flavour: NonNullable<V86Description['guest']>): Promise<PreparedGuest> {
    const { prepareGuest } = this.#environment;
    if (prepareGuest !== undefined) return await prepareGuest(flavour);
    throw new OptionError(
      `--guest ${flavour}: this program has no guest images; the tpmdev repository builds them ` +
        '(npm start). Give -kernel FILE with -initrd FILE, or -cdrom FILE, or -hda FILE',
    );
  }

  async #openBackend(): Promise<void> {
    const { backend, chardevs } = this.description;
    this.#backend = await openBackend(backend!, {
      chardevs,
      onEvent: ({ error }) => this.#environment.report(`TPM '${backend!.id}': ${oneLine(error)}`),
    });
    const trace = this.#trace;
    if (trace !== undefined) this.#backend.trace = (event) => trace.write(event);
  }

  #openTrace(): void {
    const trace = new TraceLog(this.#v86.logFile, this.#environment.diagnose);
    this.#trace = trace;
    this.#cleanUps.push(() => trace.close());
  }

  /** Puts the machine on the terminal, on its channels and before its watchers. */
  #connect(machine: V86Machine): void {
    for (const { mode, chardev, pretty } of this.description.monitors) {
      this.#channels.get(chardev)?.serve((stream) => this.#serveMonitor(mode, stream, pretty));
    }
    const { serialChardev, views } = this.#v86;
    if (serialChardev !== undefined) {
      this.#channels.get(serialChardev)?.serve((stream) => this.#serveSerial(machine, stream));
    }
    if (views.length > 0) this.#openConsole(machine);
    this.#startTimers(machine);
    this.#environment.onStart?.({
      type: (text) => machine.sendSerial(new TextEncoder().encode(text)),
      show: (bytes) => this.#console?.serial(bytes),
      end: (exitCode) => this.#end(exitCode),
    });
  }

  #openConsole(machine: V86Machine): void {
    const { input, output } = this.#environment;
    const console = new StandardConsole(input, output, this.#v86.views, {
      sendSerial: (bytes) => machine.sendSerial(bytes),
      sendKeys: (codes) => machine.sendKeys(codes),
      screen: () => machine.screen(),
      serveMonitor: (stream) => this.#serveMonitor('readline', stream, false),
      hold: (isHeld) => machine.holdForOutput(isHeld),
      leave: () => this.#leave('host-ui'),
    });
    this.#console = console;
    console.open();
  }

  #serveMonitor(mode: 'control' | 'readline', stream: Duplex, pretty: boolean): void {
    const now = () => Math.floor((performance.timeOrigin + performance.now()) * 1000);
    const monitor: Monitor =
      mode === 'readline'
        ? new HumanMonitor(this, stream)
        : new QmpServer(this, stream, { pretty, now });
    this.#monitors.add(monitor);
    monitor.closed
      .finally(() => this.#monitors.delete(monitor))
      .catch((error: unknown) => this.#fail(error));
  }

  #serveSerial(machine: V86Machine, stream: Duplex): void {
    this.#serialStream = stream;
    const release = () => machine.holdForOutput(false);
    stream.on('data', (bytes: Uint8Array) => machine.sendSerial(bytes));
    stream.on('drain', release).on('close', () => {
      if (this.#serialStream === stream) this.#serialStream = undefined;
      release();
    });
    stream.on('error', (error) => this.#environment.report(`serial port: ${oneLine(error)}`));
  }

  #serial(bytes: Uint8Array): void {
    const { filterSerial } = this.#environment;
    const shown = filterSerial === undefined ? bytes : filterSerial(bytes);
    if (shown.length > 0) this.#console?.serial(shown);
    if (this.#serialStream?.write(bytes) === false) this.#machine?.holdForOutput(true);
    if (this.#watch?.push(this.#decoder.decode(bytes, { stream: true })) === true)
      this.#end(EXIT.success);
  }

  #startTimers(machine: V86Machine): void {
    const { until, timeout } = this.#v86.script;
    if (this.#watch !== undefined) {
      const watch = this.#watch;
      const timer = setInterval(() => {
        if (watch.matches(machine.screen()?.rows ?? [])) this.#end(EXIT.success);
      }, LOOK_INTERVAL);
      this.#cleanUps.push(() => clearInterval(timer));
    }
    if (timeout === undefined) return;
    const timer = setTimeout(() => {
      const missing = until === undefined ? '' : ` and the guest has not shown '${until.source}'`;
      this.#fail(
        new V86Error('ERR_V86_OPTION', `--timeout: ${timeout / 1000} s have passed${missing}`),
      );
    }, timeout);
    this.#cleanUps.push(() => clearTimeout(timer));
  }

  #wasReset(): void {
    const reason = 'guest-reset';
    if (this.description.exitOnReset === true) this.#leave(reason);
    else this.#announce({ name: 'RESET', data: { guest: true, reason } });
  }

  #announce(event: MonitorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Ends because somebody wants it. What a script was to wait for is then missing. */
  #leave(reason: string): void {
    if (this.#ending) return;
    const guest = reason.startsWith('guest');
    this.#announce({ name: 'SHUTDOWN', data: { guest, reason } });
    if (guest && this.description.stayOnShutdown === true) return;
    const { until } = this.#v86.script;
    if (until === undefined) {
      this.#end(EXIT.success);
      return;
    }
    const missing = `the machine ended before '${until.source}' was shown`;
    this.#fail(new V86Error('ERR_V86_OPTION', `--until: ${missing}`));
  }

  #end(exitCode: number): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#resolveEnded(exitCode);
  }

  #fail(error: unknown): void {
    if (this.#ending) return;
    this.#console?.close();
    this.#environment.report(oneLine(error));
    if (this.#isDebugged && error instanceof Error) {
      this.#environment.diagnose(`${error.stack}\n`);
    }
    this.#end(EXIT.failure);
  }

  #watchProcess(): void {
    const unwatch = watchProcess({
      signalled: (signal) => {
        // A second signal doesn't wait for a TPM that is slow to shut down.
        if (this.#ending) process.exit(128 + signal);
        this.#console?.close();
        this.#environment.report(`terminating on signal ${signal}`);
        this.#leave('host-signal');
      },
      crashed: (error) => this.#crash(error),
      exiting: () => this.#console?.restore(),
    });
    this.#cleanUps.push(unwatch);
  }

  #crash(error: unknown): void {
    this.#hasCrashed = true;
    const cause = error instanceof Error ? error : new Error(String(error));
    const message = `the machine can't go on: ${oneLine(cause)}`;
    this.#fail(new V86Error('ERR_V86_CALLBACK', message, { cause }));
    if (this.#isDebugged) this.#environment.diagnose(`${cause.stack}\n`);
  }

  /** @param starting the start, which may still be under way when a signal ends it */
  async #shutDown(starting: Promise<void>): Promise<void> {
    this.#ending = true;
    this.#console?.close();
    await Promise.all([...this.#monitors].map((monitor) => monitor.close()));
    await this.#closeChannels();
    // Its failure was reported, unless the end was asked for before; then it doesn't matter.
    await starting.catch(() => {});
    await this.#closeChannels();
    if (!this.#hasCrashed) await this.#machine?.destroy();
    await this.#backend?.close();
    for (const cleanUp of this.#cleanUps) cleanUp();
  }

  async #closeChannels(): Promise<void> {
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
