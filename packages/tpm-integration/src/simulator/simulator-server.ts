import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import type { TpmBackend } from 'tpm-core';
import { type PlatformSignals, platformSignalsOf } from './platform-signals.js';
import { listenOnPair, type PortPair } from './port-pair.js';
import type { SimulatorPort } from './protocol.js';
import { SimulatedPlatform } from './simulated-platform.js';
import { type SimulatorHost, serveConnection } from './simulator-connection.js';

/** Connections that each port serves at a time; further ones are closed at once. */
const CONNECTION_LIMIT = 64;

/** Name under which the server claims its back end. */
const OWNER = 'tpm-simulator';

/** What a {@link SimulatorServer} serves, and where. */
export interface SimulatorServerOptions {
  /** The TPM. The caller closes it, after the server. */
  readonly backend: TpmBackend;
  /** What the TPM can be told beside commands; by default what the back end itself has. */
  readonly signals?: Partial<PlatformSignals>;
  /** Address to listen on, default 127.0.0.1. The protocol knows no authentication. */
  readonly host?: string;
  /** Number of the command port, 0 to 65534; 0 chooses two free consecutive ports. */
  readonly port: number;
  /** Receives, as one line each, what a client can't be told. */
  readonly report?: (message: string) => void;
}

/**
 * Serves a TPM over the TPM simulator protocol ("mssim"): a command port, and a platform port one
 * above it. Any number of clients share the TPM; what they send is carried out one after the other.
 *
 * @example
 * const server = await SimulatorServer.open({ backend, port: 2321 });
 * await server.stopped;
 * await server.close();
 */
export class SimulatorServer {
  /** Address that is listened on. */
  readonly host: string;
  readonly commandPort: number;
  readonly platformPort: number;
  /** Resolves when a client sends TPM_STOP. */
  readonly stopped: Promise<void>;
  readonly #backend: TpmBackend;
  readonly #platform: SimulatedPlatform;
  readonly #servers: readonly Server[];
  readonly #sockets: Set<Socket> = new Set();
  #closing: Promise<void> | undefined;

  private constructor(options: SimulatorServerOptions, host: string, pair: PortPair) {
    const { backend, report = () => {}, signals = platformSignalsOf(backend) } = options;
    this.host = host;
    this.commandPort = pair.port;
    this.platformPort = pair.port + 1;
    this.#backend = backend;
    this.#platform = new SimulatedPlatform(backend, signals, report);
    this.#servers = [pair.command, pair.platform];
    this.stopped = new Promise((stop) => {
      const simulatorHost: SimulatorHost = { platform: this.#platform, report, stop };
      this.#serve(pair.command, 'command', simulatorHost);
      this.#serve(pair.platform, 'platform', simulatorHost);
    });
  }

  /**
   * Claims the back end and listens.
   *
   * @throws TpmdevError `ERR_BACKEND_IN_USE` when the back end has another front end,
   *   `ERR_LISTEN` when a port can't be had
   */
  static async open(options: SimulatorServerOptions): Promise<SimulatorServer> {
    const { backend, host = '127.0.0.1', port } = options;
    backend.attach(OWNER);
    try {
      return new SimulatorServer(options, host, await listenOnPair(host, port));
    } catch (error) {
      backend.detach();
      throw error;
    }
  }

  /**
   * Switches the TPM on, as a client's first request would. Rejects when it can't be started.
   */
  async powerOn(): Promise<void> {
    await this.#platform.powerOn();
  }

  /** Closes ports and connections, waits for the command in flight and gives the back end up. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #serve(server: Server, port: SimulatorPort, host: SimulatorHost): void {
    server.maxConnections = CONNECTION_LIMIT;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      void serveConnection(socket, port, host);
    });
  }

  async #close(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, 'close'));
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    await this.#platform.settled();
    this.#backend.detach();
  }
}
