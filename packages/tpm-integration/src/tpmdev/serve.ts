import { setTimeout as sleep } from 'node:timers/promises';
import type { BackendEvent, TpmdevError } from 'tpm-core';
import { SimulatorServer } from '../simulator/simulator-server.js';
import type { ServedBackend, ServedBackendKind } from './served-backends.js';
import type { TpmdevHost } from './tpmdev.js';

/** What `tpmdev serve` is asked for. */
export interface ServeRequest {
  readonly kind: ServedBackendKind;
  /** Command port, or 0 for two free ports. */
  readonly port: number;
  /** Address to listen on. */
  readonly host: string;
  /** Directory of the TPM's state. */
  readonly state: string | undefined;
}

/** Signals that end the server in good order, with their numbers. */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 2,
  SIGTERM: 15,
  SIGHUP: 1,
};

/**
 * How long the end of the TPM may come before the signal that caused it, in milliseconds: an
 * interrupt from the keyboard goes to a child process as well.
 */
const GRACE = 100;

/** How long an end that was asked for waits for a start that is under way, in milliseconds. */
const START_LIMIT = 2000;

/**
 * Serves a TPM until a signal or a client ends it. The TPM is on when it says that it is ready, so
 * that one that can't be started is a failure of the program and not of its clients.
 *
 * @param request what to serve, and where
 * @param host where it writes
 * @returns a promise that resolves at an orderly end; rejects when the TPM or a port can't be had, or
 *   the TPM is lost
 */
export async function serve(request: ServeRequest, host: TpmdevHost): Promise<void> {
  const end = new EndWatch();
  const onEvent = ({ type, error }: BackendEvent) => {
    if (type === 'lost') end.lose(error);
    else if (!end.isEnding) host.report(error.message);
  };
  const running = new Running();
  const starting = running.start(request, host, onEvent);
  try {
    await Promise.race([starting, end.reached]);
    void running.server?.stopped.then(() => end.come());
    if (!end.isEnding) host.print(running.describe(request));
    await end.reached;
  } finally {
    end.begin();
    // Its failure was reported, unless the end was asked for before; then it doesn't matter.
    const started = starting.catch(() => {});
    await Promise.race([started, sleep(START_LIMIT, undefined, { ref: false })]);
    await running.close();
    end.release();
  }
}

/** A TPM and its server, as far as they are there. */
class Running {
  server: SimulatorServer | undefined;
  #served: ServedBackend | undefined;

  async start(
    { kind, state, host: address, port }: ServeRequest,
    host: TpmdevHost,
    onEvent: (event: BackendEvent) => void,
  ): Promise<void> {
    this.#served = await kind.open({ state, onEvent });
    const { backend, signals } = this.#served;
    this.server = await SimulatorServer.open({
      backend,
      ...(signals === undefined ? {} : { signals }),
      host: address,
      port,
      report: (message) => host.report(message),
    });
    await this.server.powerOn();
  }

  /** @returns the line that says where it can be reached */
  describe({ kind, host }: ServeRequest): string {
    const { commandPort, platformPort } = this.server!;
    const version = this.#served!.backend.tpmVersion;
    return (
      `Serving TPM ${version} (${kind.name}) on ${host}, ` +
      `command port ${commandPort}, platform port ${platformPort}`
    );
  }

  async close(): Promise<void> {
    this.#served?.backend.cancel();
    await this.server?.close();
    await this.#served?.close();
  }
}

/** Waits for what ends the server. */
class EndWatch {
  /** Resolves at an orderly end, rejects when the TPM is lost. */
  readonly reached: Promise<void>;
  /** An orderly end was asked for. */
  come: () => void = () => {};
  #fail: (error: TpmdevError) => void = () => {};
  #ending = false;
  readonly #handlers: Map<string, () => void> = new Map();

  constructor() {
    this.reached = new Promise((resolve, reject) => {
      this.come = () => {
        this.#ending = true;
        resolve();
      };
      this.#fail = reject;
    });
    // It may fail before somebody waits for it.
    this.reached.catch(() => {});
    for (const [signal, number] of Object.entries(SIGNALS)) {
      const handler = () => {
        // A second signal doesn't wait for a TPM that is slow to shut down.
        if (this.#ending) process.exit(128 + number);
        this.come();
      };
      process.on(signal, handler);
      this.#handlers.set(signal, handler);
    }
  }

  get isEnding(): boolean {
    return this.#ending;
  }

  /** The TPM is gone. */
  lose(error: TpmdevError): void {
    setTimeout(() => {
      if (!this.#ending) this.#fail(error);
    }, GRACE);
  }

  /** From now on nothing that ends is a failure. */
  begin(): void {
    this.#ending = true;
  }

  /** Gives the signals back. */
  release(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
  }
}
