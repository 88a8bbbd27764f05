import type { Socket } from 'node:net';
import { HEADER_SIZE, TPM_RC_WARNING, TPM_ST, WireWriter } from 'tpm-core';
import {
  ACKNOWLEDGEMENT,
  ENDPOINT,
  HASH_DATA_LIMIT,
  isLocality,
  PORT_MESSAGES,
  PROTOCOL_VERSION,
  type SimulatorMessage,
  type SimulatorPort,
} from './protocol.js';
import type { SimulatedPlatform } from './simulated-platform.js';
import { SocketReader } from './socket-reader.js';

/** What a connection knows of its server. */
export interface SimulatorHost {
  readonly platform: SimulatedPlatform;
  /** Receives what a client did that can't be answered, or not with a reason. */
  report(message: string): void;
  /** A client asks for the end of the server. */
  stop(): void;
}

/** What becomes of a connection after a message: an answer, and whether the next one is read. */
interface Outcome {
  readonly answer?: Uint8Array;
  readonly ends?: boolean;
}

/** The client left in the middle of a message. */
const GONE: Outcome = { ends: true };

/**
 * Serves one client: a message is read, carried out and answered before the next one is read. What
 * can't be understood ends the connection, as nothing tells where the next message begins.
 *
 * @param socket the connection; closed at the end
 * @param port which of the two ports it came to
 * @param host the server
 * @returns a promise that resolves when the connection is over; never rejects
 */
export async function serveConnection(
  socket: Socket,
  port: SimulatorPort,
  host: SimulatorHost,
): Promise<void> {
  // A connection that breaks off is how many clients leave.
  socket.on('error', () => socket.destroy());
  socket.setNoDelay(true);
  const connection = new Connection(new SocketReader(socket), port, host);
  for (;;) {
    const { answer, ends = false } = await connection.next();
    if (answer !== undefined) await send(socket, answer);
    if (ends) break;
  }
  socket.destroySoon();
}

/** Resolves when the bytes are on their way, or never will be. */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => void socket.write(bytes, () => resolve()));
}

/** @returns TPM_RC_LOCALITY, for a locality that no back end has */
function localityRefused(): Uint8Array {
  const code = TPM_RC_WARNING.LOCALITY;
  return new WireWriter().uint16(TPM_ST.NO_SESSIONS).uint32(HEADER_SIZE).uint32(code).finish();
}

/** The messages of one client. */
class Connection {
  readonly #reader: SocketReader;
  readonly #port: SimulatorPort;
  readonly #host: SimulatorHost;

  constructor(reader: SocketReader, port: SimulatorPort, host: SimulatorHost) {
    this.#reader = reader;
    this.#port = port;
    this.#host = host;
  }

  /** Reads one message and carries it out. */
  async next(): Promise<Outcome> {
    const number = await this.#reader.uint32();
    if (number === undefined) return GONE;
    const message = PORT_MESSAGES[this.#port].get(number);
    if (message === undefined) return this.#giveUp(`unknown message ${number}`);
    if (message === 'SEND_COMMAND') return await this.#sendCommand();
    if (message === 'HASH_DATA') return await this.#hashData();
    if (message === 'REMOTE_HANDSHAKE') return await this.#handshake();
    const answer = await this.#acknowledge(message, () => this.#signal(message));
    if (message === 'STOP') this.#host.stop();
    return { answer, ends: message === 'STOP' || message === 'SESSION_END' };
  }

  async #sendCommand(): Promise<Outcome> {
    const { platform } = this.#host;
    const locality = await this.#reader.uint8();
    const length = await this.#reader.uint32();
    if (locality === undefined || length === undefined) return GONE;
    if (length > platform.bufferSize) {
      return this.#giveUp(
        `a command of ${length} bytes is longer than the TPM's buffer of ${platform.bufferSize}`,
      );
    }
    const command = await this.#reader.bytes(length);
    if (command === undefined) return GONE;
    const response = isLocality(locality)
      ? await platform.execute(command, locality)
      : localityRefused();
    const answer = new WireWriter()
      .uint32(response.length)
      .bytes(response)
      .uint32(ACKNOWLEDGEMENT.done);
    return { answer: answer.finish() };
  }

  async #hashData(): Promise<Outcome> {
    const length = await this.#reader.uint32();
    if (length === undefined) return GONE;
    if (length > HASH_DATA_LIMIT) {
      return this.#giveUp(`HASH_DATA of ${length} bytes; send at most ${HASH_DATA_LIMIT} at once`);
    }
    const bytes = await this.#reader.bytes(length);
    if (bytes === undefined) return GONE;
    const hash = () => this.#host.platform.hashData(bytes);
    return { answer: await this.#acknowledge('HASH_DATA', hash) };
  }

  async #handshake(): Promise<Outcome> {
    if ((await this.#reader.uint32()) === undefined) return GONE;
    const { hasPhysicalPresence } = this.#host.platform;
    const presence = hasPhysicalPresence ? ENDPOINT.physicalPresence : 0;
    const answer = new WireWriter()
      .uint32(PROTOCOL_VERSION)
      .uint32(ENDPOINT.platformAvailable | presence)
      .uint32(ACKNOWLEDGEMENT.done);
    return { answer: answer.finish() };
  }

  /** Carries out a message that consists of its number alone. */
  async #signal(message: SimulatorMessage): Promise<void> {
    const { platform } = this.#host;
    switch (message) {
      case 'POWER_ON':
        return await platform.powerOn();
      case 'POWER_OFF':
        return await platform.powerOff();
      case 'RESET':
        return await platform.reset();
      case 'PHYS_PRES_ON':
      case 'PHYS_PRES_OFF':
        return await platform.setPhysicalPresence(message === 'PHYS_PRES_ON');
      case 'NV_ON':
      case 'NV_OFF':
        return await platform.setNvAvailable(message === 'NV_ON');
      case 'CANCEL_ON':
      case 'CANCEL_OFF':
        return platform.setCancel(message === 'CANCEL_ON');
      case 'HASH_START':
        return await platform.hashStart();
      case 'HASH_END':
        return await platform.hashEnd();
      case 'SET_ALTERNATIVE_RESULT':
        throw new Error('Alternative results are a test feature that is not there');
      default:
      // Key cache: only ever a matter of speed. Ends: the caller's.
    }
  }

  async #acknowledge(name: SimulatorMessage, action: () => Promise<void>): Promise<Uint8Array> {
    let code: number = ACKNOWLEDGEMENT.done;
    try {
      await action();
    } catch (error) {
      code = ACKNOWLEDGEMENT.failed;
      this.#host.report(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    return new WireWriter().uint32(code).finish();
  }

  #giveUp(reason: string): Outcome {
    this.#host.report(`${this.#port} port: ${reason}; the connection is closed`);
    return { ends: true };
  }
}
