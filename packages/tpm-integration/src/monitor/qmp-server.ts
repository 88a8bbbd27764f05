import type { Duplex } from 'node:stream';
import { printJson } from './json-print.js';
import { JsonStream } from './json-stream.js';
import type { JsonObject } from './json-value.js';
import { MonitorConnection } from './monitor-connection.js';
import type { MonitorEvent, MonitorHost } from './monitor-host.js';
import { QmpSession } from './qmp-session.js';

/** How a {@link QmpServer} serves. */
export interface QmpOptions {
  /** Whether messages are spread over lines for people. */
  readonly pretty: boolean;
  /** @returns microseconds since 1970, for the time stamps of events */
  readonly now: () => number;
}

const MICROSECONDS = 1_000_000;

/** Serves one client of QMP, the monitor protocol for programs (QMP specification). */
export class QmpServer {
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>;
  readonly #host: MonitorHost;
  readonly #connection: MonitorConnection;
  readonly #session: QmpSession;
  readonly #input: JsonStream = new JsonStream();
  readonly #options: QmpOptions;

  /**
   * @param host what is monitored
   * @param stream the connection
   */
  constructor(host: MonitorHost, stream: Duplex, options: QmpOptions) {
    this.#host = host;
    this.#options = options;
    this.#session = new QmpSession(host);
    const unsubscribe = host.onEvent((event) => this.#announce(event));
    this.#connection = new MonitorConnection(stream, (chunk) => this.#serve(chunk));
    this.closed = this.#connection.closed.finally(unsubscribe);
    this.#connection.post(this.#print(this.#session.greeting));
  }

  /** Ends the connection behind the answer that is under way. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  async #serve(chunk: Uint8Array): Promise<void> {
    for (const input of this.#input.push(chunk)) {
      if (this.#host.ending) return;
      await this.#connection.send(this.#print(await this.#session.answer(input)));
    }
  }

  #announce({ name, data }: MonitorEvent): void {
    if (!this.#session.negotiated) return;
    const now = this.#options.now();
    const timestamp = {
      seconds: BigInt(Math.floor(now / MICROSECONDS)),
      microseconds: BigInt(Math.floor(now % MICROSECONDS)),
    };
    const event = { timestamp, event: name, ...(data === undefined ? {} : { data }) };
    this.#connection.post(this.#print(event));
  }

  #print(message: JsonObject): string {
    return `${printJson(message, this.#options.pretty).replaceAll('\n', '\r\n')}\r\n`;
  }
}
