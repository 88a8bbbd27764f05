import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WireWriter } from 'tpm-core';
import { SIMULATOR, type SimulatorMessage } from '../../src/simulator/protocol.js';

/** @returns a message that consists of numbers of 32 bits */
export function message(name: SimulatorMessage, ...numbers: number[]): Buffer {
  const writer = new WireWriter().uint32(SIMULATOR[name]);
  for (const number of numbers) writer.uint32(number);
  return Buffer.from(writer.finish());
}

/** @returns SEND_COMMAND */
export function commandMessage(command: Uint8Array, locality = 0): Buffer {
  const head = new WireWriter().uint32(SIMULATOR.SEND_COMMAND).uint8(locality);
  return Buffer.from(head.uint32(command.length).bytes(command).finish());
}

/** @returns HASH_DATA */
export function hashMessage(bytes: Uint8Array): Buffer {
  return Buffer.concat([message('HASH_DATA', bytes.length), bytes]);
}

/** A client of one port of a TPM simulator. */
export class SimulatorClient {
  readonly socket: Socket;
  /** Resolves with what was not read when the server ends the connection. */
  readonly ended: Promise<string>;
  #input: Buffer = Buffer.alloc(0);
  #isOver = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      this.#input = Buffer.concat([this.#input, bytes]);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isOver = true;
        this.#wake();
        resolve(this.#input.toString('hex'));
      });
    });
  }

  static async connect(port: number): Promise<SimulatorClient> {
    const socket = connect({ host: '127.0.0.1', port });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new SimulatorClient(socket);
  }

  write(...pieces: Uint8Array[]): void {
    for (const piece of pieces) this.socket.write(piece);
  }

  /** @returns the next bytes in hexadecimal; rejects when the server ends the connection before */
  async read(length: number): Promise<string> {
    while (this.#input.length < length) {
      if (this.#isOver) throw new Error(`The connection ended after ${this.#input.length} bytes`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#input.subarray(0, length);
    this.#input = this.#input.subarray(length);
    return bytes.toString('hex');
  }

  /** Sends a message whose answer is one number. @returns the number */
  async signal(name: SimulatorMessage, ...numbers: number[]): Promise<number> {
    this.write(message(name, ...numbers));
    return await this.number();
  }

  async number(): Promise<number> {
    return Number.parseInt(await this.read(4), 16);
  }

  /** Sends a command. @returns the response in hexadecimal, when what follows it is as it should be */
  async transmit(command: Uint8Array, locality = 0): Promise<string> {
    this.write(commandMessage(command, locality));
    return await this.response();
  }

  async response(): Promise<string> {
    const response = await this.read(await this.number());
    const end = await this.number();
    if (end !== 0) throw new Error(`The response is followed by ${end}`);
    return response;
  }
}
