import type { Duplex } from 'node:stream';
import { COMPATIBILITY_LEVEL } from '../version.js';
import { runHumanCommand } from './human-commands.js';
import { LineEditor } from './line-editor.js';
import { MonitorConnection } from './monitor-connection.js';
import type { MonitorHost } from './monitor-host.js';

const PROMPT = '(qemu) ';

const GREETING: string = `QEMU ${COMPATIBILITY_LEVEL.join('.')} monitor - type 'help' for more information\r\n`;

/** Serves one client of the human monitor: a prompt, a line, its output. */
export class HumanMonitor {
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>;
  readonly #host: MonitorHost;
  readonly #connection: MonitorConnection;
  readonly #editor: LineEditor = new LineEditor();

  /**
   * @param host what is monitored
   * @param stream the connection
   */
  constructor(host: MonitorHost, stream: Duplex) {
    this.#host = host;
    this.#connection = new MonitorConnection(stream, (chunk) => this.#serve(chunk));
    this.closed = this.#connection.closed;
    this.#connection.post(`${GREETING}${PROMPT}`);
  }

  /** Ends the connection behind the output that is under way. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  async #serve(chunk: Uint8Array): Promise<void> {
    for (const byte of chunk) {
      if (this.#host.ending) return;
      const { echo, line } = this.#editor.push(byte);
      await this.#connection.send(Buffer.from(echo, 'latin1'));
      if (line === undefined) continue;
      const output = await runHumanCommand(this.#host, line);
      const prompt = this.#host.ending ? '' : PROMPT;
      await this.#connection.send(output.replaceAll('\n', '\r\n') + prompt);
    }
  }
}
